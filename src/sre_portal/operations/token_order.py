"""A token that somebody wants: its name, and what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sre_portal.core.access import Grant, Principal, Role, in_words
from sre_portal.core.account import Account
from sre_portal.core.complaint import shown
from sre_portal.core.errors import Problem
from sre_portal.core.explain import exceeds
from sre_portal.core.ports import Token
from sre_portal.operations.ports import Ports
from sre_portal.operations.services import service_problems

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
NUMBERED = re.compile(r"[0-9]+\.")
"""Begins the names of people's own tokens: the number of the account, so that nobody takes another's name."""
RESERVED = frozenset(
    {"admin", "administrator", "portal", "sreportal", "nobody", "stranger", "link", "loginlink", "settings"}
)
"""Without dots and dashes: the audit log has these names for others, and the settings a token."""
LONGEST_DAYS = 366
MOST_TOKENS = 50
"""Tokens of one account that are in force."""


@dataclass(frozen=True, slots=True)
class Order:
    """A token that somebody wants. For an agent `service` is set, else `role`."""

    name: str
    days: int
    role: Role | None = None
    services: frozenset[str] | None = None
    service: str | None = None
    owner: str = ""
    """The service account it belongs to, made where it is new. Empty: one of the token's own name."""


def own_name(account: Account, name: str) -> str:
    """What a person's own token is called everywhere but on their own page: `7.laptop`."""
    return f"{account.id}.{name}"


def plain_name(token: Token) -> str:
    """What its owner calls a token: without the number of the account."""
    return token.name if token.account is None else token.name.removeprefix(own_name(token.account, ""))


def order_problems(ports: Ports, order: Order) -> list[Problem]:
    found = _name_problems("name", order.name)
    if order.owner:
        found += _name_problems("owner", order.owner)
    if not 1 <= order.days <= LONGEST_DAYS:
        found.append(Problem("days", str(order.days), f"1 to {LONGEST_DAYS}"))
    if (order.role is None) == (order.service is None):
        seen = "both" if order.role else "neither"
        found.append(Problem("role", seen, "a role, or the service of an agent"))
    if order.services is not None and not order.services:
        expected = "at least one service, or none named for everywhere"
        found.append(Problem("services", "an empty list", expected))
    asked = {*(order.services or ()), *([order.service] if order.service else [])}
    return found + service_problems(ports, asked)


def beyond(actor: Principal, order: Order) -> list[Problem]:
    """What an own token would have more than its owner: it would be worth nothing, and look otherwise."""
    if order.role is None or not exceeds(actor, order.role, order.services):
        return []
    held = ", ".join(map(in_words, actor.grants)) or "no role"
    asked = in_words(Grant(order.role, order.services))
    return [Problem("role", asked, f"at most what you have: {held}")]


def order_facts(order: Order) -> dict[str, object]:
    """What the audit log says of it."""
    return {
        "role": order.role.value if order.role else None,
        "services": sorted(order.services) if order.services is not None else None,
        "agent_of": order.service,
        "owner": order.owner or None,
        "days": order.days,
    }


def _name_problems(path: str, name: str) -> list[Problem]:
    if not NAME.fullmatch(name):
        return [Problem(path, shown(name), "lower case letters, digits, dots and dashes, at most 63")]
    if re.sub(r"[._-]", "", name) in RESERVED:
        return [Problem(path, shown(name), "another one: the portal has this name for something else")]
    if NUMBERED.match(name):
        return [Problem(path, shown(name), "one that does not begin as the tokens of account 7 do, with 7.")]
    return []
