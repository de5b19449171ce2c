"""`sre-portal config`: would the portal start with this?"""

from __future__ import annotations

import os
from collections.abc import Mapping

import typer

from sre_portal.cli.exits import Code, print_json
from sre_portal.cli.option import AsJson

PREFIX = "SRE_PORTAL_"
DOCUMENT_SETTINGS = frozenset(
    PREFIX + name for name in ("SLO_DIRS", "EXPERIMENT_DIRS", "ACCESS_FILE", "PUBLIC_URL", "PLAIN_HTTP")
)
"""What `main.check` looks at, and what these need to be read."""

app = typer.Typer(help="Check the settings of a portal.", no_args_is_help=True)


@app.command(name="check")
def check(as_json: AsJson = False) -> None:
    """Print every problem of the settings (SRE_PORTAL_*) and of the documents they name, at once.

    Starts nothing and opens no database. Exits 0 without a problem, 2 with one.
    """
    problems = problems_of(os.environ)
    if as_json:
        print_json({"problems": problems})
    else:
        print("\n".join(problems or ["no problem found"]))
    if problems:
        raise typer.Exit(Code.BAD_INPUT.value)


def problems_of(environment: Mapping[str, str], **options: object) -> list[str]:
    """Every problem, a line each. A bad setting does not hide what is wrong with the documents.

    `options` are those of the command line, which win.
    """
    from sre_portal.core.errors import InvalidInput
    from sre_portal.main import check as check_folders
    from sre_portal.settings import Settings

    try:
        return check_folders(Settings.parse(environment, **options))
    except InvalidInput as invalid:
        bad = {problem.path for problem in invalid.problems}
        found = [str(problem) for problem in invalid.problems]
    usable = {name: text for name, text in environment.items() if _names_documents(name, bad)}
    folders = {name: value for name, value in options.items() if _names_documents(PREFIX + name.upper(), bad)}
    try:
        told = check_folders(Settings.parse(usable, **folders))
    except InvalidInput:  # a file that holds such a setting: the first list has it
        return found
    return [*found, *(one for one in told if one.partition(":")[0] not in bad)]


def _names_documents(setting: str, bad: set[str]) -> bool:
    """Whether it says which documents there are, and is not bad itself."""
    names = {setting, setting.removesuffix("_FILE")}
    return bool(names & DOCUMENT_SETTINGS) and not names & bad
