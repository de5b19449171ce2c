"""`sre-portal token`: tokens of programs and of agents."""

from __future__ import annotations

import sys
from typing import Annotated
from urllib.parse import quote

import typer

from sre_portal.cli.ask import ask
from sre_portal.cli.exits import Code, CommandFailed, print_json, told
from sre_portal.cli.option import DEFAULT_PORTAL, AsJson, PortalUrl, Token
from sre_portal.cli.plain import say

app = typer.Typer(help="Issue, rotate and revoke tokens of programs and agents.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the token.")]


@app.command(name="issue")
def issue(
    name: Name,
    role: Annotated[
        str,
        typer.Option(
            metavar="ROLE", help="For the API: program (asks for flags only), viewer, operator or admin."
        ),
    ] = "",
    services: Annotated[
        str, typer.Option(metavar="A,B", help="The role only on these; without it everywhere.")
    ] = "",
    owner: Annotated[
        str, typer.Option(metavar="NAME", help="The service account; without it one of the token's name.")
    ] = "",
    agent: Annotated[str, typer.Option(metavar="SERVICE", help="For the agents of this service.")] = "",
    days: Annotated[int, typer.Option(min=1, max=366, help="So long it is good.")] = 90,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the audit log.")] = "",
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Issue a token. Its secret is the only thing on the standard output, and is never told again."""
    with told(as_json):
        if bool(role) == bool(agent):
            raise CommandFailed(
                Code.BAD_INPUT, "Name one: --role for the API, or --agent for agents of a service."
            )
        body = {
            "name": name,
            "days": days,
            "role": role or None,
            "services": [part.strip() for part in services.split(",") if part.strip()] or None,
            "agent": agent or None,
            "owner": owner,
            "reason": reason,
        }
        _tell(ask(portal, token, lambda at: at.post("/tokens", body)), as_json)


@app.command(name="list")
def list_tokens(portal: PortalUrl = DEFAULT_PORTAL, token: Token = "", as_json: AsJson = False) -> None:
    """List every token: what it may at most, when it was last used, when it ends."""
    from sre_portal.cli.access_seen import token_lines

    with told(as_json):
        answer = ask(portal, token, lambda at: at.get("/tokens"))
        lines = token_lines(answer)
        print_json(answer) if as_json else say(lines)


@app.command(name="rotate")
def rotate(
    name: Name,
    new: Annotated[str, typer.Argument(metavar="NEW", help="The name of the second token.")],
    overlap: Annotated[str, typer.Option(metavar="SPAN", help="So long the first one stays good.")] = "24h",
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Issue a second token like the first, and end the first one after the overlap."""
    from sre_portal.core.document import parse_duration

    with told(as_json):
        try:
            hours = parse_duration(overlap).total_seconds() / 3600
        except ValueError as wrong:
            raise CommandFailed(Code.BAD_INPUT, f"--overlap: {wrong}.") from None
        body = {"name": new, "overlap_hours": hours}
        path = f"/tokens/{quote(name, safe='')}/rotate"
        _tell(ask(portal, token, lambda at: at.post(path, body)), as_json)


@app.command(name="revoke")
def revoke(
    name: Name,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the audit log.")] = "",
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Take a token back. No replica believes it after."""
    with told(as_json):
        path = f"/tokens/{quote(name, safe='')}/revoke"
        answer = ask(portal, token, lambda at: at.post(path, {"reason": reason}))
        print_json(answer) if as_json else say([f"{name} is revoked."])


def _tell(answer: object, as_json: bool) -> None:
    """The secret alone on the standard output, so that it can go straight into a file; the rest beside it."""
    from sre_portal.cli.access_seen import parse_new_token, token_text

    new = parse_new_token(answer)
    if as_json:
        print_json(answer)
        return
    ends = f", until {new.ends_at:%Y-%m-%d %H:%M} UTC" if new.ends_at else ""
    say([f"{new.name}: {token_text(new)}{ends}. The secret is told once:"], sys.stderr)
    say([new.secret])
