"""Looks up who there is and what each may: for pages, the API and AuthZEN. It changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sre_portal.core.access import Permission, Principal
from sre_portal.core.account import Account
from sre_portal.core.errors import InvalidInput, NotFound, Problem
from sre_portal.core.explain import Explanation, Holder, Subject, explain, who_can
from sre_portal.core.grant_rule import principal_of
from sre_portal.core.phrase import listed
from sre_portal.core.ports import Token
from sre_portal.operations.ports import Ports
from sre_portal.operations.tokens import in_force, principal_with

LONGEST_NAME = 700


@dataclass(frozen=True, slots=True)
class Everybody:
    """Those who can act, as far as they were looked at."""

    subjects: Sequence[Subject]
    """People and service accounts by name, then API tokens that are in force."""
    accounts: Sequence[Account]
    left_off: str
    """A sentence where there are more accounts than were looked at, else empty."""


async def account_named(ports: Ports, text: str) -> Account:
    """The account that is meant by an id, `issuer#subject`, a verified e-mail, or a name.

    What looks like a key or an e-mail is one, and is never taken for a name: people choose their names.
    Raises `NotFound`, or `InvalidInput` where several are meant.
    """
    if not text.isprintable() or not 0 < len(text) <= LONGEST_NAME:
        raise NotFound("account", text[:60])
    if (number := text.removeprefix("account:")).isascii() and number.isdecimal():
        if len(number) < 10:
            return await ports.accounts.get(int(number))
        raise NotFound("account", text[:60])
    issuer, mark, subject = text.partition("#")
    if mark:
        keyed = await ports.accounts.named(subject)
        return _only([one for one in keyed if (one.issuer, one.subject) == (issuer, subject)], text)
    named = await ports.accounts.named(text)
    if "@" in text:
        return _only([one for one in named if one.email == text], text)
    return _only([one for one in named if text in {one.name, one.subject}], text)


async def everybody(ports: Ports) -> Everybody:
    """All accounts, up to the bound of the policy, and all tokens."""
    policy, now = ports.policy, ports.clock.now()
    most = policy.most_accounts
    accounts = await ports.accounts.all(most + 1)
    people = [
        Subject(one.kind, str(one.id), principal_of(one, policy.rules, ports.environment).at(now))
        for one in accounts[:most]
    ]
    tokens = [one for one in await ports.tokens.all() if one.role is not None and in_force(ports, one)]
    programs = [Subject("token", one.name, principal_with(ports, one)) for one in tokens]
    left_off = f"There are more accounts: only the first {most:,}, by name, are in this answer."
    return Everybody(people + programs, accounts[:most], left_off if len(accounts) > most else "")


async def holders(
    ports: Ports, permission: Permission, service: str | None = None
) -> tuple[Sequence[Holder], str]:
    """Who may do something, on a service or without one on any at all; and `Everybody.left_off`."""
    found = await everybody(ports)
    return who_can(found.subjects, permission, service), found.left_off


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


def _only(found: Sequence[Account], text: str) -> Account:
    if not found:
        raise NotFound("account", text[:60])
    if len(found) > 1:
        meant = listed(f"{one.id} ({one.provider})" for one in found)
        raise InvalidInput([Problem("account", f"{text[:60]} is {len(found)} accounts", f"an id: {meant}")])
    return found[0]
