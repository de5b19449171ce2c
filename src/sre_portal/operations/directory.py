"""Looks up who there is and what each may: for pages, the API and AuthZEN. It changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from sre_portal.core.access import Permission, Principal
from sre_portal.core.account import Account
from sre_portal.core.errors import InvalidInput, NotFound, Problem
from sre_portal.core.explain import Explanation, Holder, Subject, explain, who_can
from sre_portal.core.grant_rule import principal_of
from sre_portal.core.phrase import listed
from sre_portal.core.ports import Token
from sre_portal.operations.ports import Ports
from sre_portal.operations.tokens import principal_with

MOST_ACCOUNTS = 10_000
LONGEST_NAME = 700


async def account_named(ports: Ports, text: str) -> Account:
    """The account that is meant by an id, `issuer#subject`, an e-mail or a name.

    What nobody can choose for themselves goes first: the id, then the key of the provider, then the verified
    e-mail, then the name and the subject. Raises `NotFound`, or `InvalidInput` where several are meant.
    """
    if not text.isprintable() or not 0 < len(text) <= LONGEST_NAME:
        raise NotFound("account", text[:60])
    if (number := text.removeprefix("account:")).isascii() and number.isdecimal():
        if len(number) < 10:
            return await ports.accounts.get(int(number))
        raise NotFound("account", text[:60])
    issuer, _, subject = text.rpartition("#")
    if issuer:
        keyed = [one for one in await ports.accounts.named(subject) if one.subject == subject]
        if found := [one for one in keyed if one.issuer == issuer]:
            return found[0]
    named = await ports.accounts.named(text)
    by_email = [one for one in named if one.email == text]
    return _only(by_email or [one for one in named if text in {one.name, one.subject}], text)


async def subjects(ports: Ports) -> list[Subject]:
    """Everybody who can act: people and service accounts by name, then API tokens that are in force."""
    policy, now = ports.policy, ports.clock.now()
    found = [
        Subject(one.kind, str(one.id), principal_of(one, policy.rules, ports.environment).at(now))
        for one in await ports.accounts.all(MOST_ACCOUNTS)
    ]
    tokens = [one for one in await ports.tokens.all() if one.role is not None and in_force(ports, one)]
    return found + [Subject("token", one.name, principal_with(ports, one)) for one in tokens]


async def holders(ports: Ports, permission: Permission, service: str | None = None) -> Sequence[Holder]:
    """Who may do something: on a service, or without one on any at all."""
    return who_can(await subjects(ports), permission, service)


async def token_named(ports: Ports, name: str) -> Token:
    """An API token that is in force. Raises `NotFound`."""
    found = [one for one in await ports.tokens.all() if one.name == name and one.role is not None]
    if not found or not in_force(ports, found[0]):
        raise NotFound("API token", name[:60])
    return found[0]


def explained(ports: Ports, account: Account) -> Explanation:
    """What an account may now, and why."""
    return explain(account, ports.policy.rules, ports.environment, ports.clock.now())


def acting(ports: Ports, account: Account) -> Principal:
    """Whoever acts through an account, as of now."""
    return explained(ports, account).principal


def in_force(ports: Ports, token: Token) -> bool:
    return token.ends_at is None or ports.clock.now() < token.ends_at


def services_of(ports: Ports) -> list[str]:
    """The services that a role can be bounded to, by name."""
    return sorted({slo.spec.service for slo in ports.catalogue.slos()})


def _only(found: Sequence[Account], text: str) -> Account:
    if not found:
        raise NotFound("account", text[:60])
    if len(found) > 1:
        meant = listed(f"{one.id} ({one.provider})" for one in found)
        raise InvalidInput([Problem("account", f"{text[:60]} is {len(found)} accounts", f"an id: {meant}")])
    return found[0]
