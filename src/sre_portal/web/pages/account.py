"""The account of whoever looks: who they are, what they may and why, their devices, tokens, and the glass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.access import Permission, Principal, Role
from sre_portal.core.errors import Problem
from sre_portal.core.explain import exceeds, explain, usual_services
from sre_portal.core.ports import Session, Token
from sre_portal.operations.glass import GLASS_LONGEST
from sre_portal.operations.ports import Ports
from sre_portal.operations.tokens import own_tokens
from sre_portal.web import render
from sre_portal.web.context import ports_of
from sre_portal.web.guard import own_session
from sre_portal.web.pages.confirm import Question, confirm_page
from sre_portal.web.pages.figures import Moment, plural
from sre_portal.web.pages.form import Form
from sre_portal.web.pages.frame import May, permission
from sre_portal.web.pages.permit import (
    HeldRow,
    SessionRow,
    TokenRow,
    ahead,
    grants_words,
    provider_words,
)

TOKEN_FIELDS = {"name": "", "role": "viewer", "services": "", "days": "90"}
GLASS_FIELDS = {"reason": "", "minutes": "30"}


@dataclass(frozen=True, slots=True)
class Glass:
    """Breaking the glass: whether somebody may, whether theirs is broken, and what they typed."""

    may: May
    broken_until: Moment | None
    is_admin: bool
    """Has everything already, without an emergency."""
    most_minutes: int
    form: Form


@dataclass(frozen=True, slots=True)
class Typed:
    """One of the forms of the page as it came back, with what is wrong with it."""

    form: str = ""
    fields: Mapping[str, str] | None = None
    wrong: Sequence[Problem] = ()

    def of(self, form: str, usual: Mapping[str, str]) -> Form:
        return Form.of(usual, self.fields, self.wrong) if form == self.form else Form.of(usual)


@dataclass(frozen=True, slots=True)
class AccountPage:
    name: str
    roles: str
    facts: tuple[tuple[str, str], ...]
    held: tuple[HeldRow, ...]
    held_sub: str
    sessions: tuple[SessionRow, ...]
    tokens: tuple[TokenRow, ...]
    roles_open: tuple[tuple[str, str], ...]
    """The roles that an own token can have."""
    token_form: Form
    token_trust: str
    """So long the rules count for own tokens after a login; empty where no provider is asked."""
    glass: Glass

    @classmethod
    def of(
        cls, ports: Ports, session: Session, lists: tuple[Sequence[Session], Sequence[Token]], typed: Typed
    ) -> AccountPage:
        now, account = ports.clock.now(), session.account
        told = explain(account, ports.policy.rules, ports.environment, now)
        who, (sessions, tokens) = told.principal, lists
        return cls(
            name=account.name,
            roles=grants_words(who.grants),
            facts=(
                ("Logged in by", provider_words(ports, account)),
                ("E-mail", account.email or "none that the provider has verified"),
                ("Groups", ", ".join(account.groups) or "none"),
                ("Account", f"number {account.id}"),
            ),
            held=tuple(map(HeldRow.of, told.held)),
            held_sub=f"{len(told.held)} of {len(Permission)} permissions",
            sessions=tuple(SessionRow.of(one, now, session.id) for one in sessions),
            tokens=tuple(TokenRow.of(ports, one) for one in tokens),
            roles_open=tuple((one.value, one.value) for one in Role if _may_have(who, one)),
            token_form=typed.of("token", TOKEN_FIELDS),
            token_trust=plural(ports.policy.token_trust.days, "day") if account.is_vouched_for else "",
            glass=_glass(ports, account.id, who, typed.of("glass", GLASS_FIELDS)),
        )


async def account(request: Request) -> Response:
    """`GET /account`."""
    return await account_page(request)


async def account_page(request: Request, typed: Typed | None = None) -> Response:
    """The page, with a form that came back where there is one."""
    ports, session = ports_of(request), own_session(request)
    lists = await ports.sessions.of_account(session.account.id), await own_tokens(ports, session.account)
    view = AccountPage.of(ports, session, lists, typed or Typed())
    return render.page(request, "account.html", view, 422 if typed else 200)


async def revoke_page(request: Request) -> Response:
    """`GET /account/tokens/{name}/revoke`."""
    name = str(request.path_params["name"])
    question = Question(
        title=f"Revoke the token {name}?",
        facts=(
            ("Programs that use it", "are refused from now on, on every replica"),
            ("Again", "a new token is needed"),
        ),
        action=f"/account/tokens/{name}/revoke",
        yes="Revoke the token",
        back="/account",
        wants_reason=False,
    )
    return confirm_page(request, question)


async def sign_out_page(request: Request) -> Response:
    """`GET /account/sign-out`."""
    question = Question(
        title="Sign out everywhere?",
        facts=(
            ("Ends", "every session of yours, on every device, this one too"),
            ("Tokens", "stay as they are"),
        ),
        action="/logout/everywhere",
        yes="Sign out everywhere",
        back="/account",
        wants_reason=False,
    )
    return confirm_page(request, question)


def _may_have(who: Principal, role: Role) -> bool:
    """Whether an own token can have a role, anywhere at all."""
    return not exceeds(who, role, usual_services(who, role))


def _glass(ports: Ports, account_id: int, who: Principal, form: Form) -> Glass:
    now = ports.clock.now()
    ends = [one.ends_at for one in ports.watch.glass if one.account_id == account_id and now < one.ends_at]
    return Glass(
        may=permission(who, Permission.GLASS_BREAK),
        broken_until=ahead(max(ends), now) if ends else None,
        is_admin=not ends and not exceeds(who, Role.ADMIN, None),
        most_minutes=int(GLASS_LONGEST.total_seconds()) // 60,
        form=form,
    )
