"""`sre-portal flags stale` and `flags turns`: what is seen of flags at work."""

from __future__ import annotations

from typing import Annotated

import typer

from sre_portal.cli.ask import ask, part
from sre_portal.cli.exits import Code, print_json, told
from sre_portal.cli.option import DEFAULT_PORTAL, AsJson, PortalUrl, Token
from sre_portal.cli.plain import say

OneSet = Annotated[str, typer.Option("--set", metavar="SET", help="Only this set.")]


def stale(
    flag_set: OneSet = "", portal: PortalUrl = DEFAULT_PORTAL, token: Token = "", as_json: AsJson = False
) -> None:
    """List flags that nobody seems to need. Exits 0 where there is none and 1 where there are some."""
    from sre_portal.cli.flags_seen import parse_uses, stale_lines

    with told(as_json):
        query = {"set": flag_set, "stale": "true"} if flag_set else {"stale": "true"}
        answer = ask(portal, token, lambda at: at.get("/flag-uses", **query))
        seen = parse_uses(answer)
        print_json(answer) if as_json else say(stale_lines(seen))
        if seen:
            raise typer.Exit(Code.FAILED.value)


def turns(
    flag_set: Annotated[str, typer.Argument(metavar="SET", help="The set of flags.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key of the flag; without it all.")] = "",
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """List when error budgets turned flags, newest first."""
    from sre_portal.cli.flags_seen import turn_lines

    with told(as_json):
        path = f"/flags/{part(flag_set)}/{part(key)}/turns" if key else f"/flag-sets/{part(flag_set)}/turns"
        answer = ask(portal, token, lambda at: at.get(path))
        lines = turn_lines(answer)
        print_json(answer) if as_json else say(lines)
