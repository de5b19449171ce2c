"""Every token and every service account, for whoever may issue tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.errors import Problem
from sre_portal.core.whole import whole_in
from sre_portal.operations.directory import everybody
from sre_portal.operations.tokens import issued_token
from sre_portal.web import render
from sre_portal.web.context import ports_of
from sre_portal.web.pages.access import ROLES, AccountRow, account_row
from sre_portal.web.pages.confirm import Question, confirm_page
from sre_portal.web.pages.figures import plural
from sre_portal.web.pages.form import Form
from sre_portal.web.pages.permit import TokenRow

AGENT = "agent"
TOKEN_FIELDS = {"name": "", "role": "operator", "owner": "", "services": "", "days": "90", "reason": ""}
ROTATE_FIELDS = {"name": "", "overlap": "24"}


@dataclass(frozen=True, slots=True)
class ServiceAccountRow:
    account: AccountRow
    tokens: str


@dataclass(frozen=True, slots=True)
class TokensPage:
    summary: str
    tokens: tuple[TokenRow, ...]
    accounts: tuple[ServiceAccountRow, ...]
    left_off: str
    """A sentence where there are more accounts than are looked at, else empty."""
    kinds: tuple[tuple[str, str], ...]
    form: Form


@dataclass(frozen=True, slots=True)
class RotatePage:
    token: TokenRow
    form: Form


async def tokens(request: Request) -> Response:
    """`GET /access/tokens`."""
    return await tokens_page(request, Form.of(TOKEN_FIELDS))


async def tokens_page(request: Request, form: Form) -> Response:
    """The page, with the form as it came back where it had problems."""
    ports = ports_of(request)
    held = await ports.tokens.all()
    owned = Counter(one.account.id for one in held if one.account is not None)
    known = await everybody(ports)
    accounts = [one for one in known.accounts if one.kind == "service"]
    agents = sum(one.service is not None for one in held)
    view = TokensPage(
        summary=f"{plural(len(held), 'token')}, {agents} for agents",
        tokens=tuple(TokenRow.of(ports, one) for one in held),
        accounts=tuple(
            ServiceAccountRow(account_row(ports, one), plural(owned[one.id], "token")) for one in accounts
        ),
        left_off=known.left_off,
        kinds=(*ROLES, (AGENT, "agent of one service")),
        form=form,
    )
    return render.page(request, "access_tokens.html", view, 422 if form.problems or form.others else 200)


async def ask_to_rotate(
    request: Request, given: Mapping[str, str] | None = None, wrong: Sequence[Problem] = ()
) -> Response:
    """`GET /access/tokens/{name}/rotate`."""
    token = await issued_token(ports_of(request), str(request.path_params["name"]))
    row = TokenRow.of(ports_of(request), token)
    form = Form.of(ROTATE_FIELDS | {"name": next_name(token.name)}, given, wrong)
    return render.page(request, "access_rotate.html", RotatePage(row, form), 422 if wrong else 200)


async def ask_to_revoke(request: Request) -> Response:
    """`GET /access/tokens/{name}/revoke`."""
    token = await issued_token(ports_of(request), str(request.path_params["name"]))
    row = TokenRow.of(ports_of(request), token)
    question = Question(
        title=f"Revoke the token {token.name}?",
        facts=(
            ("May", row.may),
            ("Last used", row.used.text if row.used else "never"),
            ("Programs that use it", "are refused from now on, on every replica"),
            ("Without a gap", "rotate it instead"),
        ),
        action=f"/access/tokens/{token.name}/revoke",
        yes="Revoke the token",
        back="/access/tokens",
    )
    return confirm_page(request, question)


def next_name(name: str) -> str:
    """`ci-2` after `ci`, `ci-3` after `ci-2`."""
    stem, dash, number = name.rpartition("-")
    if dash and (count := whole_in(number, 5)) is not None:
        return f"{stem}-{count + 1}"
    return f"{name[:60]}-2"
