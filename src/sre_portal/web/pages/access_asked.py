"""Asks once more before an administrator's act on an account: blocking, signing out, withdrawing a grant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.access import in_words
from sre_portal.core.errors import Problem
from sre_portal.operations.access_act import text_of
from sre_portal.operations.grants import grant_of
from sre_portal.web.context import number_in, ports_of
from sre_portal.web.pages.confirm import Question, confirm_page
from sre_portal.web.pages.figures import plural


async def ask_to_block(
    request: Request, given: Mapping[str, str] | None = None, wrong: Sequence[Problem] = ()
) -> Response:
    """`GET /access/accounts/{id}/block`."""
    found = await ports_of(request).accounts.get(account_id_of(request))
    sessions = await ports_of(request).sessions.of_account(found.id)
    question = Question(
        title=f"Block {found.name}?",
        facts=(
            ("Sessions that end", plural(len(sessions), "session")),
            ("Tokens of the account", "may nothing while it is blocked"),
            ("Logging in", "is refused, whatever the provider says"),
        ),
        action=f"/access/accounts/{found.id}/block",
        yes="Block the account",
        back=f"/access/accounts/{found.id}",
    )
    return confirm_page(request, question, given, wrong)


async def ask_to_unblock(
    request: Request, given: Mapping[str, str] | None = None, wrong: Sequence[Problem] = ()
) -> Response:
    """`GET /access/accounts/{id}/unblock`."""
    found = await ports_of(request).accounts.get(account_id_of(request))
    question = Question(
        title=f"Unblock {found.name}?",
        facts=(("Roles", "are those of its groups and grants, as if it had never been blocked"),),
        action=f"/access/accounts/{found.id}/unblock",
        yes="Unblock the account",
        back=f"/access/accounts/{found.id}",
        harmful=False,
    )
    return confirm_page(request, question, given, wrong)


async def ask_to_sign_out(
    request: Request, given: Mapping[str, str] | None = None, wrong: Sequence[Problem] = ()
) -> Response:
    """`GET /access/accounts/{id}/sign-out`."""
    found = await ports_of(request).accounts.get(account_id_of(request))
    sessions = await ports_of(request).sessions.of_account(found.id)
    question = Question(
        title=f"Sign {found.name} out everywhere?",
        facts=(
            ("Ends", f"{plural(len(sessions), 'session')}, on every replica"),
            ("Roles and tokens", "stay as they are"),
        ),
        action=f"/access/accounts/{found.id}/sign-out",
        yes="Sign out everywhere",
        back=f"/access/accounts/{found.id}",
    )
    return confirm_page(request, question, given, wrong)


async def ask_to_withdraw(
    request: Request, given: Mapping[str, str] | None = None, wrong: Sequence[Problem] = ()
) -> Response:
    """`GET /access/grants/{id}/withdraw`."""
    found = await grant_of(ports_of(request), account_id_of(request, "the number of a grant"))
    account = await ports_of(request).accounts.get(found.account_id)
    question = Question(
        title=f"Withdraw {in_words(found.grant)} from {account.name}?",
        facts=(
            ("Grant", text_of(found.grant)),
            ("Given", f"by {found.by}: {found.reason}"),
            ("Takes effect", "at once, on every replica"),
        ),
        action=f"/access/grants/{found.id}/withdraw",
        yes="Withdraw the role",
        back=f"/access/accounts/{account.id}",
    )
    return confirm_page(request, question, given, wrong)


def account_id_of(request: Request, expected: str = "the number of an account") -> int:
    """The number in the path. Raises `InvalidInput`."""
    return number_in(request, "id", expected)
