"""Rules that turn what a login provider says about a person into grants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from sre_portal.core.access import Grant, Principal, Role
from sre_portal.core.account import Account
from sre_portal.core.document import Document, Name

Text = Annotated[str, Field(min_length=1, max_length=255)]


class Rule(Document):
    """Who fits every condition that is set gets the role. One without a condition fits nobody."""

    name: Name
    provider: Name | None = None
    group: Text | None = None
    email: Text | None = None
    email_domain: Text | None = None
    role: Role
    services: tuple[Name, ...] | None = None
    """None is every service."""
    environments: tuple[Text, ...] | None = None
    """None is every environment; others look at the portal's own."""

    @property
    def asks(self) -> bool:
        """Whether it has a condition at all. The provider alone is one: everybody it lets in."""
        return any((self.provider, self.group, self.email, self.email_domain))

    def misses(self, account: Account, environment: str) -> Iterator[str]:
        """Why it does not fit, one phrase for each condition that fails; nothing where it fits."""
        if not self.asks:
            yield "it has no condition"
        if self.provider is not None and self.provider != account.provider:
            yield f"the provider is {account.provider}, not {self.provider}"
        if self.group is not None and self.group not in account.groups:
            yield f"not in the group {self.group}"
        if self.email is not None and self.email.lower() != account.email.lower():
            yield f"the verified e-mail is {account.email or 'unknown'}, not {self.email}"
        if self.email_domain is not None and not _is_in(account.email, self.email_domain):
            yield f"the verified e-mail is {account.email or 'unknown'}, not of {self.email_domain}"
        if self.environments is not None and environment not in self.environments:
            yield f"this is {environment}, not {' or '.join(self.environments)}"

    def grant(self) -> Grant:
        services = None if self.services is None else frozenset(self.services)
        return Grant(self.role, services, source=f"rule {self.name}")


def grants_of(account: Account, rules: Sequence[Rule], environment: str) -> tuple[Grant, ...]:
    """What an account holds: by the rules, and what was granted to it. A blocked one holds nothing."""
    if account.blocked:
        return ()
    by_rule = [rule.grant() for rule in rules if not any(rule.misses(account, environment))]
    return (*by_rule, *account.grants)


def principal_of(
    account: Account, rules: Sequence[Rule], environment: str, *, session: str = ""
) -> Principal:
    """Whoever acts through an account. Grants that end are still in it: see `Principal.at`."""
    grants = grants_of(account, rules, environment)
    return Principal(account.name, grants, f"account:{account.id}", session, account=account.id)


def _is_in(email: str, domain: str) -> bool:
    return email.lower().rpartition("@")[2] == domain.lower() and "@" in email
