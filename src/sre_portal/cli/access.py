"""`sre-portal access`: who may do what, why, and changes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from sre_portal.cli.ask import ask
from sre_portal.cli.document import read_document
from sre_portal.cli.exits import Code, CommandFailed, print_json, problem_line, told
from sre_portal.cli.option import DEFAULT_PORTAL, AsJson, PortalUrl, Token
from sre_portal.cli.plain import say

if TYPE_CHECKING:
    from sre_portal.cli.access_seen import ChangedSeen
    from sre_portal.cli.portal import Portal

app = typer.Typer(help="Who may do what, why, and changes of it.", no_args_is_help=True)

User = Annotated[
    str,
    typer.Argument(
        metavar="USER", help="An account: its id, ISSUER#SUBJECT, verified e-mail, or unique name."
    ),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the audit log.")]
Service = Annotated[
    str, typer.Option("--service", metavar="SERVICE", help="On this service; without it on any.")
]


@app.command(name="explain")
def explain(
    user: Annotated[str, typer.Argument(metavar="[USER]", help="An account; not with --file.")] = "",
    permission: Annotated[str, typer.Option(metavar="NAME", help="One permission, such as run:start.")] = "",
    service: Service = "",
    file: Annotated[str, typer.Option(metavar="FILE", help="Ask an Access document, not a portal.")] = "",
    provider: Annotated[str, typer.Option(metavar="NAME", help="With --file: where they log in.")] = "",
    groups: Annotated[str, typer.Option(metavar="A,B", help="With --file: their groups.")] = "",
    email: Annotated[str, typer.Option(metavar="EMAIL", help="With --file: their verified e-mail.")] = "",
    environment: Annotated[
        str, typer.Option(metavar="NAME", help="With --file: the environment of the portal.")
    ] = "local",
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Say what somebody may and why: each rule that fits, and why the others do not.

    With --file no portal is asked, so that rules can be tested where they are written. With --permission it
    exits 0 where that is allowed and 1 where it is not.
    """
    from sre_portal.cli.access_file import Somebody, explained
    from sre_portal.cli.access_seen import parse_explanation

    with told(as_json):
        if bool(user) == bool(file):
            raise CommandFailed(Code.BAD_INPUT, "Name one: a USER, or --file with --provider and --groups.")
        if file:
            somebody = Somebody(provider, _parts(groups), email, environment)
            answer: object = explained(read_document(file), file, somebody, permission, service)
        else:
            query = {"who": user, "permission": permission, "service": service}
            asked = {name: text for name, text in query.items() if text}
            answer = ask(portal, token, lambda at: at.get("/access/explain", **asked))
        seen = parse_explanation(answer)
        print_json(answer) if as_json else say(seen.lines())
        if seen.decision is not None and not seen.decision.allowed:
            raise typer.Exit(Code.FAILED.value)


@app.command(name="check")
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="An Access document; - is the standard input.")],
    as_json: AsJson = False,
) -> None:
    """Print every problem of an Access document. Asks no portal. Exits 0 without a problem, 2 with one."""
    from sre_portal.cli.access_file import problems_of

    with told(as_json):
        problems = problems_of(read_document(file), file)
        if as_json:
            print_json({"problems": problems})
        else:
            say([problem_line(one) for one in problems] or [f"{file}: no problem found"])
        if problems:
            raise typer.Exit(Code.BAD_INPUT.value)


@app.command(name="who")
def who(
    permission: Annotated[str, typer.Argument(metavar="PERMISSION", help="Such as run:start.")],
    service: Service = "",
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """List who may do something: people, service accounts and tokens, and by whose word."""
    from sre_portal.cli.access_seen import holder_lines

    with told(as_json):
        query = {"permission": permission} | ({"service": service} if service else {})
        answer = ask(portal, token, lambda at: at.get("/access/who", **query))
        lines = holder_lines(answer)
        print_json(answer) if as_json else say(lines)


@app.command(name="grant")
def grant(
    user: User,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="program, viewer, operator or admin.")],
    reason: Reason,
    services: Annotated[
        str, typer.Option(metavar="A,B", help="Only on these services; without it everywhere.")
    ] = "",
    until: Annotated[
        str, typer.Option(metavar="TIME", help="8h, 7d, or 2026-12-01T18:00:00Z; without it for good.")
    ] = "",
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Give a role, effective at once. Prints the number of the grant."""
    with told(as_json):
        named = _parts(services)
        body = {"role": role, "services": named or None, "reason": reason, **_lasting(until)}
        answer = ask(portal, token, lambda at: _change(at, user, "grants", body))
        _tell(answer, as_json, lambda changed: f"is {role}: grant {changed.id}")


@app.command(name="withdraw")
def withdraw(
    grant_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="The number of the grant.")],
    reason: Reason,
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Take a grant back, effective at once."""
    from sre_portal.cli.access_seen import parse_account

    with told(as_json):
        path = f"/access/grants/{grant_id}/withdraw"
        answer = ask(portal, token, lambda at: at.post(path, {"reason": reason}))
        account = parse_account(answer)
        print_json(answer) if as_json else say([f"{account.named}: grant {grant_id} is withdrawn."])


@app.command(name="block")
def block(
    user: User, reason: Reason, portal: PortalUrl = DEFAULT_PORTAL, token: Token = "", as_json: AsJson = False
) -> None:
    """Block an account: it may nothing, its tokens may nothing, its sessions end."""
    with told(as_json):
        answer = ask(portal, token, lambda at: _change(at, user, "block", {"reason": reason}))
        _tell(answer, as_json, lambda _: "is blocked")


@app.command(name="unblock")
def unblock(
    user: User, reason: Reason, portal: PortalUrl = DEFAULT_PORTAL, token: Token = "", as_json: AsJson = False
) -> None:
    """Let a blocked account in again."""
    with told(as_json):
        answer = ask(portal, token, lambda at: _change(at, user, "unblock", {"reason": reason}))
        _tell(answer, as_json, lambda _: "is not blocked any more")


@app.command(name="sign-out")
def sign_out(
    user: User, reason: Reason, portal: PortalUrl = DEFAULT_PORTAL, token: Token = "", as_json: AsJson = False
) -> None:
    """End every session of an account, on every replica. Its tokens and roles stay."""
    with told(as_json):
        answer = ask(portal, token, lambda at: _change(at, user, "sign-out", {"reason": reason}))
        _tell(answer, as_json, lambda changed: f"is signed out: {changed.ended} sessions ended")


async def _change(at: Portal, user: str, change: str, body: Mapping[str, object]) -> object:
    """Finds the one account that is meant, then changes it. The answer of the portal, with the account."""
    from sre_portal.cli.access_seen import parse_explanation

    account = parse_explanation(await at.get("/access/explain", who=user)).account
    answer = await at.post(f"/access/accounts/{account.id}/{change}", body)
    whom = account.model_dump(mode="json", include={"id", "name", "provider", "issuer"})
    return {**(answer if isinstance(answer, dict) else {}), "account": whom}


def _tell(answer: object, as_json: bool, what: Callable[[ChangedSeen], str]) -> None:
    """What was done, and to whom exactly: a name may be that of somebody else than was meant."""
    from sre_portal.cli.access_seen import parse_changed

    changed = parse_changed(answer)
    print_json(answer) if as_json else say([f"{changed.account.named}, {what(changed)}."])


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _lasting(until: str) -> dict[str, object]:
    """A span as seconds, so that the portal's clock counts; anything else as the instant it should be."""
    from sre_portal.core.document import parse_duration

    if not until:
        return {}
    try:
        return {"lasts_seconds": round(parse_duration(until).total_seconds())}
    except ValueError:
        return {"until": until}
