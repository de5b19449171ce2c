"""Tokens of programs: for the API, and for agents. Only their SHA-256 is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sre_portal.core.access import Grant, Permission, Principal, Role, in_words
from sre_portal.core.account import LOCAL, Account, GivenGrant
from sre_portal.core.complaint import shown
from sre_portal.core.errors import Conflict, InvalidInput, NotFound, Problem, StoreUnavailable
from sre_portal.core.explain import exceeds
from sre_portal.core.grant_rule import grants_of
from sre_portal.core.ports import Token
from sre_portal.operations.audited import Act, audited, intent_of, recorded
from sre_portal.operations.grants import service_problems
from sre_portal.operations.ports import Ports
from sre_portal.operations.sessions import digest_of, new_secret

PREFIX = "srp_"
"""Begins every issued token, so that scanners find one that was published."""
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
RESERVED = frozenset({"admin"})
"""Names of tokens of the settings: with an issued one of that name the portal would not start."""
LONGEST_DAYS = 366
LONGEST_OVERLAP = timedelta(days=30)
NOTE_USE = timedelta(minutes=1)
"""How exactly it is known when a token was last used."""


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


async def token_of(ports: Ports, secret: str, *, seen_will_do: bool = False) -> Token | None:
    """What a bearer shows; None where it is unknown, taken back or over."""
    token = await ports.tokens.find(digest_of(secret), seen_will_do=seen_will_do)
    over = token is not None and token.ends_at is not None and ports.clock.now() >= token.ends_at
    return None if over else token


def principal_with(ports: Ports, token: Token) -> Principal:
    """Whoever acts with a token: what its owner may, where the token itself allows it."""
    own = () if token.role is None else (Grant(token.role, token.services, source=f"token {token.name}"),)
    if token.account is None:
        return Principal(token.name, own, f"token:{token.name}")
    held = grants_of(token.account, ports.policy.rules, ports.environment)
    return Principal(token.name, held, f"token:{token.name}", within=own).at(ports.clock.now())


async def note_token(ports: Ports, token: Token) -> None:
    """Remembers that a token is used, about once a minute."""
    now = ports.clock.now()
    last = ports.watch.used_tokens.get(token.name, token.used_at)
    if last is not None and now - last < NOTE_USE:
        return
    ports.watch.used_tokens[token.name] = now
    try:
        await ports.tokens.used(token.name, now)
    except StoreUnavailable:
        return


async def issue_token(ports: Ports, actor: Principal, order: Order, reason: str, address: str) -> str:
    """The secret of a new token, told once. Raises `InvalidInput`, or `Conflict` for a taken name."""
    after = _facts(order)
    async with audited(
        ports, Act(actor, Permission.TOKEN_ISSUE, f"token {order.name}", address, reason=reason, after=after)
    ):
        _raise(_problems(ports, order))
        await _check_free(ports, order.name)
        account = await _owner(ports, actor, order)
        return await _issue(ports, actor, order, account, actor.until(Permission.TOKEN_ISSUE))


async def issue_own_token(
    ports: Ports, actor: Principal, account: Account, order: Order, address: str
) -> str:
    """A token by which a person acts as themselves, from a program. It never may more than they do."""
    own = replace(order, service=None, owner="")
    intent = intent_of(ports, actor, address, "token:issue", f"own token {own.name}", after=_facts(own))
    async with recorded(ports, intent):
        _raise([*_problems(ports, own), *_beyond(actor, own)])
        await _check_free(ports, own.name)
        return await _issue(ports, actor, own, account, None)


async def rotate_token(
    ports: Ports, actor: Principal, name: str, name_after: str, overlap: timedelta, address: str
) -> str:
    """A second token like the first, under another name. The first one ends after the overlap."""
    subject = f"token {name}, by {name_after}"
    old = await issued_token(ports, name)
    now = ports.clock.now()
    until = min(now + min(overlap, LONGEST_OVERLAP), old.ends_at or now + LONGEST_OVERLAP)
    act = Act(actor, Permission.TOKEN_ISSUE, subject, address, after={"old_ends_at": until.isoformat()})
    async with audited(ports, act):
        lasts = timedelta(days=90) if old.ends_at is None else old.ends_at - old.created_at
        order = Order(name_after, max(1, lasts.days), old.role, old.services, old.service)
        problems = _problems(ports, order)
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            expected = f"0 to {LONGEST_OVERLAP.days * 24} hours"
            problems.append(Problem("overlap", f"{overlap.total_seconds() / 3600:g} hours", expected))
        _raise(problems)
        await _check_free(ports, name_after)
        secret = await _issue(ports, actor, order, old.account, actor.until(Permission.TOKEN_ISSUE))
        await ports.tokens.end_at(name, until)
        return secret


async def issued_token(ports: Ports, name: str) -> Token:
    """A token that was issued here. Raises `NotFound`, also for one of the settings."""
    found = [one for one in await ports.tokens.all() if one.name == name and one.origin == "issued"]
    if not found:
        raise NotFound("issued token", name)
    return found[0]


async def revoke_token(ports: Ports, actor: Principal, name: str, reason: str, address: str) -> None:
    """Takes an issued token back; no replica believes it after. Raises `NotFound`."""
    async with audited(ports, Act(actor, Permission.TOKEN_ISSUE, f"token {name}", address, reason=reason)):
        await _revoke(ports, name)


async def revoke_own_token(ports: Ports, actor: Principal, account: Account, name: str, address: str) -> None:
    own = [one.name for one in await own_tokens(ports, account)]
    async with recorded(ports, intent_of(ports, actor, address, "token:revoke", f"own token {name}")):
        if name not in own:
            raise NotFound("token of yours", name)
        await _revoke(ports, name)


async def own_tokens(ports: Ports, account: Account) -> Sequence[Token]:
    everything = await ports.tokens.all()
    return [one for one in everything if one.account is not None and one.account.id == account.id]


async def register_tokens(ports: Ports, admin: str, agents: Mapping[str, Sequence[str]]) -> None:
    """Puts the tokens of the settings in force, and no others of the settings."""
    now = ports.clock.now()
    tokens = [Token("admin", digest_of(admin), Role.ADMIN, None, now)] if admin else []
    tokens += [
        Token(f"agent:{service}" + (f":{number}" if number else ""), digest_of(secret), None, service, now)
        for service, secrets in agents.items()
        for number, secret in enumerate(secrets)
    ]
    await ports.tokens.replace_settings(tokens)


async def _issue(
    ports: Ports, actor: Principal, order: Order, account: Account | None, at_most: datetime | None
) -> str:
    """`at_most`: a role that ends, as of broken glass, leaves no token behind."""
    secret = PREFIX + new_secret()
    now = ports.clock.now()
    ends_at = now + timedelta(days=order.days)
    token = Token(
        name=order.name,
        digest=digest_of(secret),
        role=order.role,
        service=order.service,
        created_at=now,
        services=order.services,
        account=account,
        ends_at=ends_at if at_most is None else min(ends_at, at_most),
        given_by=actor.name,
        origin="issued",
    )
    await ports.tokens.add(token)
    return secret


async def _check_free(ports: Ports, name: str) -> None:
    """Before anything else is made for a token. Raises `Conflict`."""
    if any(one.name == name for one in await ports.tokens.all()):
        raise Conflict("a name that no token has", f"a token {name}")


async def _revoke(ports: Ports, name: str) -> None:
    if await ports.tokens.drop(name) is None:
        raise NotFound("issued token", name)
    ports.watch.used_tokens.pop(name, None)


async def _owner(ports: Ports, actor: Principal, order: Order) -> Account | None:
    """Whose token it is; an agent's is nobody's. A new service account may what its first token may."""
    if order.role is None:
        return None
    name, now = order.owner or order.name, ports.clock.now()
    subject = f"service:{name}"
    known = [
        one for one in await ports.accounts.named(subject) if (one.issuer, one.subject) == (LOCAL, subject)
    ]
    if known:
        if known[0].blocked:
            raise InvalidInput([Problem("owner", shown(name), "a service account that is not blocked")])
        return known[0]
    account = await ports.accounts.log_in(Account(0, "service", "service", LOCAL, subject, name), now)
    until = actor.until(Permission.TOKEN_ISSUE)
    grant = Grant(order.role, order.services, until, source="service account")
    await ports.accounts.give(GivenGrant(0, account.id, grant, f"for token {order.name}", actor.name, now))
    return await ports.accounts.get(account.id)


def _raise(problems: Sequence[Problem]) -> None:
    if problems:
        raise InvalidInput(problems)


def _problems(ports: Ports, order: Order) -> list[Problem]:
    found = []
    if not NAME.fullmatch(order.name):
        expected = "lower case letters, digits, dots and dashes, at most 63"
        found.append(Problem("name", shown(order.name), expected))
    if order.name in RESERVED:
        found.append(Problem("name", shown(order.name), "another one: this is the name of a setting's token"))
    if order.owner and not NAME.fullmatch(order.owner):
        found.append(Problem("owner", shown(order.owner), "the name of a service account, as of a token"))
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


def _beyond(actor: Principal, order: Order) -> list[Problem]:
    """What an own token would have more than its owner: it would be worth nothing, and look otherwise."""
    if order.role is None or not exceeds(actor, order.role, order.services):
        return []
    held = ", ".join(map(in_words, actor.grants)) or "no role"
    asked = in_words(Grant(order.role, order.services))
    return [Problem("role", asked, f"at most what you have: {held}")]


def _facts(order: Order) -> dict[str, object]:
    return {
        "role": order.role.value if order.role else None,
        "services": sorted(order.services) if order.services is not None else None,
        "agent_of": order.service,
        "owner": order.owner or None,
        "days": order.days,
    }
