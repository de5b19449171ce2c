"""`sre-portal experiment`: carry out, check and list experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sre_portal.cli.ask import ask
from sre_portal.cli.document import read_document
from sre_portal.cli.exits import CODE_OF_VERDICT, Code, help_text, print_json, told
from sre_portal.cli.option import DEFAULT_PORTAL, AsJson, PortalUrl, Token
from sre_portal.cli.plain import say

if TYPE_CHECKING:
    from sre_portal.cli.display import Display
    from sre_portal.cli.follow import Ended

app = typer.Typer(help="Carry out, check and list experiments.", no_args_is_help=True)

File = Annotated[
    str, typer.Argument(metavar="FILE", help="The experiment, YAML or JSON; - reads it from stdin.")
]


@app.command(name="run", epilog=help_text())
def run(
    file: File,
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Carry out an experiment and stay with it until its verdict; the exit code is the verdict.

    Ctrl-C aborts the run, waits until the fault is gone, and exits 4. A second Ctrl-C leaves at once: leases
    end by themselves within 5 s. If the portal is lost in the middle, it is asked again for 15 s.

    With --json the final run is printed, with its verdict, reasons and timeline.
    """
    import asyncio

    with told(as_json):
        ended = asyncio.run(_carry_out(read_document(file), portal, token, as_json))
        _tell(ended, portal, as_json)
    code = exit_code(ended)
    if code is not Code.PASSED:
        raise typer.Exit(code.value)


def exit_code(ended: Ended) -> Code:
    """The code of a verdict. A run that Ctrl-C aborted may have none yet."""
    if ended.run.verdict is None:
        return Code.ABORTED if ended.interrupted else Code.UNDECIDED
    return CODE_OF_VERDICT.get(ended.run.verdict, Code.UNDECIDED)


async def _carry_out(document: str, url: str, token: str, as_json: bool) -> Ended:
    from sre_portal.cli.follow import Follower, Interrupts
    from sre_portal.cli.portal import Portal

    interrupts = Interrupts()
    with interrupts.listening(), _display(as_json) as display:
        async with Portal(url, token) as portal:
            return await Follower(portal, display, interrupts).run(document)


def _display(as_json: bool) -> Display:
    from sre_portal.cli.display import Lines, Quiet

    if as_json:
        return Quiet()
    from rich.console import Console

    console = Console()
    if not console.is_interactive:
        return Lines()
    from sre_portal.cli.liveview import LiveView

    return LiveView(console)


def _tell(ended: Ended, url: str, as_json: bool) -> None:
    from sre_portal.cli.display import summary

    if as_json:
        print_json(ended.answer)
    else:
        say(summary(ended.run, url.rstrip("/")))


@app.command(name="lint")
def lint(
    file: File,
    portal: PortalUrl = "",
    token: Token = "",
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the portal.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check an experiment, start nothing. Prints one line a problem: path, what was seen, what is expected.

    Works without a portal. Where SRE_PORTAL_URL or --portal names one, the portal also checks the services,
    routes and SLOs that the experiment names. Exits 0 without a problem, 2 with one; advice is no problem.
    """
    from sre_portal.cli.lint import lint_document

    with told(as_json):
        found = lint_document(file, read_document(file), "" if offline else portal, token)
        if as_json:
            print_json(found.document())
        else:
            say(found.lines(file))
    if found.problems:
        raise typer.Exit(Code.BAD_INPUT.value)


@app.command(name="list")
def list_experiments(portal: PortalUrl = DEFAULT_PORTAL, token: Token = "", as_json: AsJson = False) -> None:
    """List the experiments the portal holds, each with the verdict of its last run."""
    from sre_portal.cli.table import experiment_lines

    with told(as_json):
        answer = ask(portal, token, lambda at: at.get("/experiments"))
        if as_json:
            print_json(answer)
        else:
            say(experiment_lines(answer))
