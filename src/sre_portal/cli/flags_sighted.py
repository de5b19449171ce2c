"""`sre-portal flags seen`: who has the newest version, and after how long."""

from __future__ import annotations

from typing import Annotated

import typer

from sre_portal.cli.ask import ask, part
from sre_portal.cli.exits import Code, print_json, told
from sre_portal.cli.option import DEFAULT_PORTAL, AsJson, PortalUrl, Token
from sre_portal.cli.plain import say


def seen(
    flag_set: Annotated[str, typer.Argument(metavar="SET", help="The set of flags.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="The flag whose last change is meant.")] = "",
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Say which subscribers have the last change. Exits 0 where all have it and 1 where some have not."""
    from sre_portal.cli.flags_seen import parse_seen_by, seen_by_lines

    with told(as_json):
        path = f"/flags/{part(flag_set)}/{part(key)}/seen" if key else f"/flag-sets/{part(flag_set)}/seen"
        answer = ask(portal, token, lambda at: at.get(path))
        found = parse_seen_by(answer)
        print_json(answer) if as_json else say(seen_by_lines(found))
        if found.missing:
            raise typer.Exit(Code.FAILED.value)
