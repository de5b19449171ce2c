"""Accounts: who is known here, by whom they are known, and what was granted to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sre_portal.core.access import Grant

LOCAL = "local"
"""The issuer of accounts that no provider knows: those of login links, and service accounts."""

AccountKind = Literal["person", "service"]


@dataclass(frozen=True, slots=True)
class Account:
    """Keyed by issuer and subject. `name` and `email` are what the provider says of them today."""

    id: int
    kind: AccountKind
    provider: str
    """The name of the login provider; `link` for login links, `service` for service accounts."""
    issuer: str
    subject: str
    name: str
    email: str = ""
    """Only where the provider says that it was verified."""
    groups: tuple[str, ...] = ()
    blocked: bool = False
    created_at: datetime | None = None
    seen_at: datetime | None = None
    """When the provider last vouched for the person: at a login, or when it was asked again."""
    grants: tuple[Grant, ...] = ()
    """What was granted here, by people. What the rules give is not in it."""

    @property
    def is_vouched_for(self) -> bool:
        """Whether it is a person whom a login provider knows, and may cease to know."""
        return self.kind == "person" and self.issuer != LOCAL


def may_be_one(first: Account, second: Account) -> bool:
    """Whether two accounts may be one person's, as far as their issuers tell.

    One issuer tells people apart by itself. Two of them know nothing of each other: then only two verified
    addresses do, and they have to differ.
    """
    if first.id == second.id:
        return True
    addresses = {one.email.strip().lower() for one in (first, second)}
    known = "" not in addresses
    return len(addresses) == 1 if known else first.issuer != second.issuer


@dataclass(frozen=True, slots=True)
class GivenGrant:
    """A grant as it is kept: to whom, by whom and why."""

    id: int
    account_id: int
    grant: Grant
    reason: str
    by: str
    created_at: datetime
