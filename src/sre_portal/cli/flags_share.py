"""`sre-portal flags share`: a variant for another share of people, at once."""

from __future__ import annotations

from typing import Annotated

import typer

from sre_portal.cli.ask import ask, part
from sre_portal.cli.exits import print_json, told
from sre_portal.cli.flags_plans import FlagSet, Key, Reason, tell_held_up
from sre_portal.cli.option import DEFAULT_PORTAL, AsJson, PortalUrl, Token
from sre_portal.cli.plain import say


def share(
    flag_set: FlagSet,
    key: Key,
    wanted: Annotated[
        str, typer.Argument(metavar="VARIANT=PERCENT", help="Who is to get what, such as on=25.")
    ],
    reason: Reason,
    seen: Annotated[
        int | None, typer.Option("--version", min=1, help="Only where the flag is at this version.")
    ] = None,
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Give a variant to another share of people. Those who have it keep it where the share grows."""
    from sre_portal.cli.flags_seen import made_lines
    from sre_portal.cli.flags_written import parse_share

    with told(as_json):
        body = {**parse_share(wanted), "reason": reason, "version": seen}
        path = f"/flags/{part(flag_set)}/{part(key)}/share"
        answer = ask(portal, token, lambda at: at.post(path, body))
        tell_held_up(answer, as_json=as_json)
        lines = made_lines(answer)
        print_json(answer) if as_json else say(lines)
