"""What the command line reads of answers about access, and how it prints them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from sre_portal.cli.portal import PortalLost
from sre_portal.cli.seen import Seen
from sre_portal.cli.table import columns


class GrantSeen(Seen):
    role: str
    services: tuple[str, ...] | None = None
    until: datetime | None = None
    source: str = ""


class AccountSeen(Seen):
    id: int = 0
    name: str
    provider: str = ""
    issuer: str = ""
    email: str = ""
    groups: tuple[str, ...] = ()
    blocked: bool = False
    grants: tuple[GrantSeen, ...] = ()

    @property
    def named(self) -> str:
        """Whom exactly it is: `account 7, Omar, known by sso at https://login.example.com`."""
        at = f" at {self.issuer}" if self.issuer else ""
        return f"account {self.id}, {self.name}, known by {self.provider or 'nobody'}{at}"


class ChangedSeen(Seen):
    """The account that was changed, and what the portal answered besides."""

    account: AccountSeen
    id: int | None = None
    """Of a grant that was given."""
    ended: int | None = None
    """Sessions."""


class HeldSeen(Seen):
    permission: str
    where: str
    by: tuple[str, ...] = ()


class RuleSeen(Seen):
    name: str
    fits: bool
    misses: tuple[str, ...] = ()
    gives: GrantSeen


class DecisionSeen(Seen):
    permission: str
    allowed: bool
    reason: str


class ExplanationSeen(Seen):
    account: AccountSeen
    held: tuple[HeldSeen, ...] = ()
    rules: tuple[RuleSeen, ...] = ()
    decision: DecisionSeen | None = None

    def lines(self) -> list[str]:
        """The answer that was asked for first, then what the account may, then every rule."""
        account = self.account
        who = account.name + (f", account {account.id}" if account.id else "")
        about = [f"{who}, known by {account.provider or 'nobody'}{', BLOCKED' if account.blocked else ''}"]
        about.append(f"groups: {', '.join(account.groups) or 'none'}; e-mail: {account.email or 'none'}")
        answer = (
            []
            if self.decision is None
            else [("yes: " if self.decision.allowed else "no: ") + self.decision.reason]
        )
        rows = [(one.permission, one.where, "; ".join(one.by)) for one in self.held]
        may = columns(("MAY", "WHERE", "BY"), rows) if rows else ["It may nothing."]
        return [*answer, *about, "", *may, *self._rules()]

    def _rules(self) -> list[str]:
        if not self.rules:
            return []
        rows = [
            (one.name, grant_text(one.gives), "fits" if one.fits else "; ".join(one.misses))
            for one in self.rules
        ]
        return ["", *columns(("RULE", "GIVES", "FITS, OR WHY NOT"), rows)]


class HolderSeen(Seen):
    kind: str
    id: str
    name: str
    where: str
    by: tuple[str, ...] = ()
    until: datetime | None = None


class TokenSeen(Seen):
    name: str
    role: str | None = None
    services: tuple[str, ...] | None = None
    agent: str | None = None
    owner: str | None = None
    ends_at: datetime | None = None
    last_used_at: datetime | None = None
    origin: str = ""


class NewTokenSeen(TokenSeen):
    secret: str


_HOLDERS = TypeAdapter(list[HolderSeen])
_TOKENS = TypeAdapter(list[TokenSeen])


def parse_explanation(answer: object) -> ExplanationSeen:
    """Raises `PortalLost` where it is none."""
    try:
        return ExplanationSeen.model_validate(answer)
    except ValidationError:
        raise PortalLost("The portal's answer does not say what an account may.") from None


def parse_changed(answer: object) -> ChangedSeen:
    """Raises `PortalLost` where it is none."""
    try:
        return ChangedSeen.model_validate(answer)
    except ValidationError:
        raise PortalLost("The portal's answer does not say what was changed.") from None


def parse_account(answer: object) -> AccountSeen:
    """Raises `PortalLost` where it is none."""
    try:
        return AccountSeen.model_validate(answer)
    except ValidationError:
        raise PortalLost("The portal's answer is not an account.") from None


def parse_new_token(answer: object) -> NewTokenSeen:
    """Raises `PortalLost` where it is none."""
    try:
        return NewTokenSeen.model_validate(answer)
    except ValidationError:
        raise PortalLost("The portal's answer is not a new token.") from None


def holder_lines(answer: object) -> list[str]:
    """One line for each who may."""
    try:
        found = _HOLDERS.validate_python(answer)
    except ValidationError:
        raise PortalLost("The portal's answer is not a list of those who may.") from None
    if not found:
        return ["Nobody may."]
    rows = [(one.name, one.kind, one.id, one.where, "; ".join(one.by), _day(one.until)) for one in found]
    return columns(("WHO", "KIND", "ID", "WHERE", "BY", "UNTIL"), rows)


def token_lines(answer: object) -> list[str]:
    """One line a token."""
    try:
        found = _TOKENS.validate_python(answer)
    except ValidationError:
        raise PortalLost("The portal's answer is not a list of tokens.") from None
    if not found:
        return ["There is no token."]
    rows = [
        (
            one.name,
            token_text(one),
            one.owner or "",
            _day(one.last_used_at) or "never",
            _day(one.ends_at) or "never",
        )
        for one in found
    ]
    return columns(("TOKEN", "MAY AT MOST", "OWNER", "LAST USED", "ENDS"), rows)


def token_text(token: TokenSeen) -> str:
    """`operator on shop`, `agent of shop`."""
    return f"agent of {token.agent}" if token.agent else role_text(token.role or "nothing", token.services)


def grant_text(grant: GrantSeen) -> str:
    return role_text(grant.role, grant.services)


def role_text(role: str, services: Sequence[str] | None) -> str:
    return f"{role} everywhere" if services is None else f"{role} on {', '.join(services)}"


def _day(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"
