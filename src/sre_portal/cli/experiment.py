"""`sre-portal experiment`: carry out, check and list experiments."""

from __future__ import annotations

from typing import Annotated

import typer

from sre_portal.cli.ask import ask
from sre_portal.cli.carry_out import carry_out
from sre_portal.cli.document import read_document
from sre_portal.cli.exits import Code, help_text, print_json, told
from sre_portal.cli.option import DEFAULT_PORTAL, AsJson, PortalUrl, Token
from sre_portal.cli.plain import say

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
    with told(as_json):
        document = read_document(file)
    carry_out("/runs", {"document": document}, portal, token, as_json=as_json)


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
