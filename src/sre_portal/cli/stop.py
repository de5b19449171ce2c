"""`sre-portal stop-all`: the end of all harm."""

from __future__ import annotations

from sre_portal.cli.ask import ask
from sre_portal.cli.exits import print_json, told
from sre_portal.cli.option import DEFAULT_PORTAL, AsJson, PortalUrl, Token
from sre_portal.cli.plain import say


def stop_all(portal: PortalUrl = DEFAULT_PORTAL, token: Token = "", as_json: AsJson = False) -> None:
    """Withdraw every lease at once and end every run. Refuses nothing that is started later."""
    with told(as_json):
        answer = ask(portal, token, lambda at: at.post("/stop-all", {}))
        print_json(answer) if as_json else say([_text(answer)])


def _text(answer: object) -> str:
    ended = answer.get("ended") if isinstance(answer, dict) else None
    if isinstance(ended, list) and ended:
        return f"Every lease is withdrawn. Ended: {', '.join(f'run {one}' for one in ended)}."
    return "Every lease is withdrawn. No run was under way."
