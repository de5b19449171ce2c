"""One account for an administrator: what it may and why, its grants, devices and tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.access import Permission, Principal, in_words
from sre_portal.core.account import Account, GivenGrant
from sre_portal.core.explain import RuleSeen
from sre_portal.core.ports import Session, Token
from sre_portal.operations.directory import explained
from sre_portal.operations.ports import Ports
from sre_portal.operations.tokens import own_tokens
from sre_portal.web import render
from sre_portal.web.context import ports_of, principal_of
from sre_portal.web.pages.access import ROLES, condition_words
from sre_portal.web.pages.access_asked import account_id_of
from sre_portal.web.pages.figures import Moment, moment
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
from sre_portal.web.pages.pill import Pill, pill

GRANT_FIELDS = {"role": "viewer", "services": "", "until": "", "reason": ""}
LASTING: Mapping[str, tuple[str, timedelta | None]] = {
    "": ("for good", None),
    "1h": ("for 1 hour", timedelta(hours=1)),
    "8h": ("for 8 hours", timedelta(hours=8)),
    "1d": ("for 1 day", timedelta(days=1)),
    "7d": ("for 7 days", timedelta(days=7)),
    "30d": ("for 30 days", timedelta(days=30)),
    "90d": ("for 90 days", timedelta(days=90)),
}
"""How long a grant given on a page lasts."""


@dataclass(frozen=True, slots=True)
class GrantRow:
    id: int
    words: str
    pill: Pill
    until: Moment | None
    by: str
    reason: str
    given: Moment

    @classmethod
    def of(cls, one: GivenGrant, now: datetime) -> GrantRow:
        ends_at = one.grant.ends_at
        over = ends_at is not None and ends_at <= now
        return cls(
            id=one.id,
            words=in_words(one.grant),
            pill=pill("off", "ended", "slash") if over else pill("ok", "in force"),
            until=None if ends_at is None else ahead(ends_at, now),
            by=one.grant.source or f"given by {one.by}",
            reason=one.reason,
            given=moment(one.created_at, now),
        )


@dataclass(frozen=True, slots=True)
class RuleRow:
    name: str
    asks: str
    gives: str
    pill: Pill
    why: str
    """Why it does not fit, empty where it does."""

    @classmethod
    def of(cls, seen: RuleSeen) -> RuleRow:
        fits = pill("off", "does not fit", "circle") if seen.misses else pill("ok", "fits")
        rule = seen.rule
        return cls(rule.name, condition_words(rule), in_words(rule.grant()), fits, "; ".join(seen.misses))


@dataclass(frozen=True, slots=True)
class Lists:
    """What the stores hold of an account."""

    given: Sequence[GivenGrant]
    sessions: Sequence[Session]
    tokens: Sequence[Token]


@dataclass(frozen=True, slots=True)
class AccountAccessPage:
    id: int
    name: str
    roles: str
    blocked: bool
    own: bool
    pill: Pill
    facts: tuple[tuple[str, str], ...]
    held: tuple[HeldRow, ...]
    held_sub: str
    rules: tuple[RuleRow, ...]
    grants: tuple[GrantRow, ...]
    sessions: tuple[SessionRow, ...]
    tokens: tuple[TokenRow, ...]
    change: May
    roles_open: tuple[tuple[str, str], ...]
    lasting: tuple[tuple[str, str], ...]
    form: Form

    @classmethod
    def of(
        cls, ports: Ports, who: Principal, account: Account, lists: Lists, form: Form
    ) -> AccountAccessPage:
        now, told = ports.clock.now(), explained(ports, account)
        return cls(
            id=account.id,
            name=account.name,
            roles=grants_words(told.grants),
            blocked=account.blocked,
            own=who.account == account.id,
            pill=pill("failed", "blocked", "lock") if account.blocked else pill("ok", "open"),
            facts=_facts(ports, account, now),
            held=tuple(map(HeldRow.of, told.held)),
            held_sub=f"{len(told.held)} of {len(Permission)} permissions",
            rules=tuple(map(RuleRow.of, told.rules)),
            grants=tuple(GrantRow.of(one, now) for one in lists.given),
            sessions=tuple(SessionRow.of(one, now, who.session) for one in lists.sessions),
            tokens=tuple(TokenRow.of(ports, one) for one in lists.tokens),
            change=permission(who, Permission.ACCESS_CHANGE),
            roles_open=ROLES,
            lasting=tuple((value, words) for value, (words, _) in LASTING.items()),
            form=form,
        )


async def account(request: Request) -> Response:
    """`GET /access/accounts/{id}`."""
    return await account_access_page(request, Form.of(GRANT_FIELDS))


async def account_access_page(request: Request, form: Form) -> Response:
    """The page, with the form for a grant as it came back where it had problems."""
    ports = ports_of(request)
    found = await ports.accounts.get(account_id_of(request))
    lists = Lists(
        await ports.accounts.given(found.id),
        await ports.sessions.of_account(found.id),
        await own_tokens(ports, found),
    )
    view = AccountAccessPage.of(ports, principal_of(request), found, lists, form)
    status = 422 if form.problems or form.others else 200
    return render.page(request, "access_account.html", view, status)


def _facts(ports: Ports, account: Account, now: datetime) -> tuple[tuple[str, str], ...]:
    at = None if account.kind == "service" else account.seen_at
    seen = "never" if at is None else moment(at, now).text
    return (
        ("Account", f"number {account.id}"),
        ("Known by", provider_words(ports, account)),
        ("Issuer", account.issuer),
        ("Subject", account.subject),
        ("E-mail", account.email or "none that is verified"),
        ("Groups", ", ".join(account.groups) or "none"),
        ("Last login", seen),
    )
