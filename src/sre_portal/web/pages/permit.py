"""What somebody may and by whose word, as pages show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sre_portal.core.access import Grant, Permission, Role, covers, in_words
from sre_portal.core.account import Account
from sre_portal.core.explain import Held
from sre_portal.core.ports import Session, Token
from sre_portal.operations.ports import Ports
from sre_portal.operations.token_order import plain_name
from sre_portal.operations.tokens import in_force, principal_with
from sre_portal.web.pages.browser import browser_words
from sre_portal.web.pages.figures import Moment, exact, iso, moment, span
from sre_portal.web.pages.pill import Pill, pill

WORDS: Mapping[Permission, str] = {
    Permission.PORTAL_READ: "see every page",
    Permission.METRICS_READ: "read the metrics",
    Permission.RUN_START: "start runs",
    Permission.RUN_ABORT: "abort runs",
    Permission.HARM_STOP: "stop all faults",
    Permission.GLASS_BREAK: "break the glass",
    Permission.FLAG_ASK: "ask for flags",
    Permission.FLAG_READ: "see flags and their history",
    Permission.FLAG_FLIP: "change flags",
    Permission.AUDIT_READ: "read the audit log",
    Permission.ACCESS_READ: "see who may what",
    Permission.ACCESS_CHANGE: "give and take roles, block accounts",
    Permission.TOKEN_ISSUE: "issue and revoke tokens",
}
SOON_DAYS = 14
"""A token that ends within so many days is marked."""


@dataclass(frozen=True, slots=True)
class HeldRow:
    permission: str
    words: str
    where: str
    by: str

    @classmethod
    def of(cls, held: Held) -> HeldRow:
        return cls(held.permission.value, WORDS[held.permission], held.where, "; ".join(held.by))


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A device of the list."""

    id: str
    browser: str
    exact: str
    address: str
    since: Moment
    used: Moment
    ends: Moment
    own: bool
    """The one that asks."""

    @classmethod
    def of(cls, session: Session, now: datetime, own: str = "") -> SessionRow:
        return cls(
            id=session.id,
            browser=browser_words(session.browser),
            exact=session.browser,
            address=session.address or "unknown",
            since=moment(session.created_at, now),
            used=moment(session.seen_at, now),
            ends=ahead(session.ends_at, now),
            own=session.id == own,
        )


@dataclass(frozen=True, slots=True)
class TokenRow:
    name: str
    plain: str
    """What its owner calls it."""
    owner: str
    owner_id: int
    """0 where it is no account's."""
    may: str
    pill: Pill
    used: Moment | None
    ends: Moment | None
    given_by: str
    issued: bool
    """Only an issued one can be revoked here; the others are in the settings."""
    rotates: bool
    """Whether an administrator can rotate it: a program's, and in force."""

    @classmethod
    def of(cls, ports: Ports, token: Token) -> TokenRow:
        account, now = token.account, ports.clock.now()
        is_own = account is not None and account.kind == "person"
        role = "" if token.role is None else in_words(Grant(token.role, token.services))
        return cls(
            name=token.name,
            plain=plain_name(token),
            owner="" if account is None else account.name,
            owner_id=0 if account is None else account.id,
            may=role or f"agent of {token.service}",
            pill=_token_pill(ports, token),
            used=None if token.used_at is None else moment(token.used_at, now),
            ends=None if token.ends_at is None else ahead(token.ends_at, now),
            given_by=token.given_by or "the settings",
            issued=token.origin == "issued",
            rotates=token.origin == "issued" and not is_own and in_force(ports, token),
        )


def grants_words(grants: Sequence[Grant]) -> str:
    """The roles somebody has, without those that another one holds already."""
    told = [one for one in grants if not any(_holds(other, one) for other in grants)]
    return ", ".join(dict.fromkeys(map(in_words, told))) or "no role"


def provider_words(ports: Ports, account: Account) -> str:
    """Who vouches for an account."""
    if account.kind == "service":
        return "service account"
    if account.provider == "link":
        return "login link"
    provider = ports.policy.providers.get(account.provider)
    return provider.title if provider else account.provider


def ahead(at: datetime, now: datetime) -> Moment:
    """An instant to come: `in 3 h 06 m` within a day, else the day; what is past as always."""
    if at <= now:
        return moment(at, now)
    left = at - now
    text = f"in {span(left)}" if left.days < 1 else f"{at.day} {at:%b %Y}"
    return Moment(text, iso(at), exact(at))


def _holds(other: Grant, one: Grant) -> bool:
    """Whether a higher role, or the same on more services, makes a grant go without saying."""
    higher = list(Role).index(other.role) - list(Role).index(one.role)
    wider = other.services != one.services
    return covers(other.services, one.services) and (higher > 0 or (higher == 0 and wider))


def _token_pill(ports: Ports, token: Token) -> Pill:
    if not in_force(ports, token):
        return pill("off", "ended", "slash")
    if token.account is not None and token.account.blocked:
        return pill("failed", "owner is blocked", "lock")
    if principal_with(ports, token).hint:
        return pill("risk", "owner has to log in", "clock")
    if token.ends_at is not None and (token.ends_at - ports.clock.now()).days < SOON_DAYS:
        return pill("risk", "ends soon", "clock")
    return pill("ok", "in force")
