"""`sre-portal run`: look at runs, and abort one."""

from __future__ import annotations

from typing import Annotated

import typer

from sre_portal.cli.ask import ask
from sre_portal.cli.exits import print_json, told
from sre_portal.cli.option import DEFAULT_PORTAL, AsJson, PortalUrl, Token
from sre_portal.cli.plain import say

app = typer.Typer(help="Look at runs, and abort one.", no_args_is_help=True)

RunId = Annotated[int, typer.Argument(metavar="ID", min=1, help="The number of the run.")]


@app.command(name="list")
def list_runs(
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 20,
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    from sre_portal.cli.table import run_lines

    with told(as_json):
        answer = ask(portal, token, lambda at: at.get("/runs", limit=str(limit)))
        if as_json:
            print_json(answer)
        else:
            say(run_lines(answer))


@app.command(name="show")
def show(
    run_id: RunId, portal: PortalUrl = DEFAULT_PORTAL, token: Token = "", as_json: AsJson = False
) -> None:
    """Show a run: verdict, reasons, expectations and timeline. Exits 0 whatever the verdict."""
    from sre_portal.cli.display import event_line, summary
    from sre_portal.cli.seen import parse_run

    with told(as_json):
        answer = ask(portal, token, lambda at: at.get(f"/runs/{run_id}"))
        if as_json:
            print_json(answer)
        else:
            run = parse_run(answer)
            say([*summary(run, portal.rstrip("/")), *map(event_line, run.events)])


@app.command(name="abort")
def abort(
    run_id: RunId,
    reason: Annotated[str, typer.Option(help="Why; it is written to the journal.")] = "aborted by hand",
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Abort a run: its leases are withdrawn at once. Does not wait for the revert; exits 0 when told."""
    from sre_portal.cli.seen import parse_run

    with told(as_json):
        answer = ask(portal, token, lambda at: at.post(f"/runs/{run_id}/abort", {"reason": reason}))
        if as_json:
            print_json(answer)
        else:
            run = parse_run(answer)
            say([f"Run {run.id} is aborted." if run.live else f"Run {run.id} is over: {run.verdict}."])
