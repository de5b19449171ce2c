"""Tokens of programs: for the API, and for agents. Only their SHA-256 is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sre_portal.core.access import PORTAL, Grant, Permission, Principal, Role
from sre_portal.core.account import LOCAL, Account, GivenGrant
from sre_portal.core.complaint import shown
from sre_portal.core.errors import Conflict, InvalidInput, NotFound, Problem, StoreUnavailable, raise_if
from sre_portal.core.grant_rule import grants_of
from sre_portal.core.ports import Token
from sre_portal.operations.audited import Act, audited, intent_of, recorded
from sre_portal.operations.passing_power import out_of_reach, token_outlasting
from sre_portal.operations.ports import Ports
from sre_portal.operations.sessions import digest_of, new_secret
from sre_portal.operations.token_order import (
    MOST_TOKENS,
    Order,
    beyond,
    order_facts,
    order_problems,
    own_name,
)

PREFIX = "srp_"
"""Begins every issued token, so that scanners find one that was published."""
LONGEST_OVERLAP = timedelta(days=30)
NEVER = datetime.min.replace(tzinfo=UTC)
NOTE_USE = timedelta(minutes=1)
"""How exactly it is known when a token was last used."""
SEEN_FOR_FLAGS_SECONDS = 60.0
"""So long after it was last proven a seen token asks for flags while the database does not answer."""


async def token_of(ports: Ports, secret: str, *, seen_for: float = 0.0) -> Token | None:
    """What a bearer shows; None where it is unknown, taken back or over."""
    return await token_with(ports, digest_of(secret), seen_for=seen_for)


async def token_with(ports: Ports, digest: str, *, seen_for: float = 0.0) -> Token | None:
    """The same by the SHA-256 of what a bearer shows."""
    token = await ports.tokens.find(digest, seen_for=seen_for)
    if token is not None and not is_trusted(ports, token.account):  # here: its owner may have been seen since
        token = await ports.tokens.find(digest, seen_for=seen_for, anew=True)
    return token if token is not None and in_force(ports, token) else None


def in_force(ports: Ports, token: Token) -> bool:
    return token.ends_at is None or ports.clock.now() < token.ends_at


def is_trusted(ports: Ports, account: Account | None) -> bool:
    """Whether the rules count for the tokens of an account: groups of long ago are nobody's word today."""
    until = trusted_until(ports, account)
    return until is None or ports.clock.now() < until


def trusted_until(ports: Ports, account: Account | None) -> datetime | None:
    """Until when; None is for good."""
    if account is None or not account.is_vouched_for:
        return None
    return NEVER if account.seen_at is None else account.seen_at + ports.policy.token_trust


def principal_with(ports: Ports, token: Token) -> Principal:
    """Whoever acts with a token: what its owner may, where and as long as the token itself allows it."""
    role, account, who = token.role, token.account, f"token:{token.name}"
    source = f"token {token.name}"
    own = () if role is None else (Grant(role, token.services, token.ends_at, source),)
    if account is None:
        return Principal(token.name, own, who)
    policy, hint = ports.policy, ""
    held = grants_of(account, policy.rules, ports.environment)
    if not is_trusted(ports, account):
        given = grants_of(account, (), ports.environment)
        hint = "" if given == held else f"{long_ago(ports)}: log in again"
        held = given
    who_acts = Principal(token.name, held, who, within=own, account=account.id, hint=hint)
    return who_acts.at(ports.clock.now())


def long_ago(ports: Ports) -> str:
    """Why rules do not count for the tokens of a person."""
    days = ports.policy.token_trust.days
    span = "a day" if days == 1 else f"{days} days"
    return f"The login provider has not vouched for the owner of this token for {span}"


def is_worth_noting(ports: Ports, token: Token) -> bool:
    """Whether the last use of a token that was written down is a while ago."""
    last = ports.watch.used_tokens.get(token.name, token.used_at)
    return last is None or ports.clock.now() - last >= NOTE_USE


async def note_token(ports: Ports, token: Token) -> None:
    """Remembers that a token is used."""
    now = ports.clock.now()
    ports.watch.used_tokens[token.name] = now
    try:
        await ports.tokens.used(token.name, now)
    except StoreUnavailable:
        return


async def issue_token(ports: Ports, actor: Principal, order: Order, reason: str, address: str) -> str:
    """The secret of a new token, told once. Raises `InvalidInput`, or `Conflict` for a taken name."""
    act = Act(actor, Permission.TOKEN_ISSUE, f"token {order.name}", address, reason, after=order_facts(order))
    async with audited(ports, act):
        raise_if(order_problems(ports, order))
        await _check_free(ports, order.name)
        account = await _owner(ports, actor, order)
        await _check_room(ports, account)
        secret, token = _new(ports, actor, order, account)
        await ports.tokens.add(_not_beyond(token, actor.until(Permission.TOKEN_ISSUE)))
        return secret


async def issue_own_token(
    ports: Ports, actor: Principal, account: Account, order: Order, address: str
) -> str:
    """A token by which a person acts as themselves, from a program. It never may more than they do.

    It is kept under a name with the number of the account: names of programs are no one person's to take.
    """
    own = replace(order, service=None, owner="")
    named = replace(own, name=own_name(account, own.name))
    intent = intent_of(
        ports, actor, address, "token:issue", f"own token {named.name}", after=order_facts(own)
    )
    async with recorded(ports, intent):
        raise_if([*order_problems(ports, own), *beyond(actor, own)])
        await _check_free(ports, named.name)
        await _check_room(ports, account)
        secret, token = _new(ports, actor, named, account)
        await ports.tokens.add(token)
        return secret


async def rotate_token(
    ports: Ports, actor: Principal, name: str, name_after: str, overlap: timedelta, address: str
) -> str:
    """A second token like the first, under another name. The first one ends after the overlap.

    Raises `InvalidInput`, also where the role of whoever asks ends before the old token, and the new one with
    it; `Conflict` for a taken name, and where somebody else rotates it at the same time.
    """
    old = await issued_token(ports, name)
    until = _end_of(old, ports.clock.now() + min(overlap, LONGEST_OVERLAP))
    subject, after = f"token {name}, by {name_after}", {"old_ends_at": until.isoformat()}
    act = Act(
        actor, Permission.TOKEN_ISSUE, subject, address, before=_held(old), after=after, action="token:rotate"
    )
    async with audited(ports, act):
        lasts = timedelta(days=90) if old.ends_at is None else old.ends_at - old.created_at
        order = Order(name_after, max(1, lasts.days), old.role, old.services, old.service)
        problems = [*order_problems(ports, order), *_unfit_for_rotation(ports, actor, old)]
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            expected = f"0 to {LONGEST_OVERLAP.days * 24} hours"
            problems.append(Problem("overlap", f"{overlap.total_seconds() / 3600:g} hours", expected))
        raise_if(problems)
        await _check_free(ports, name_after)
        await _check_room(ports, old.account)
        secret, token = _new(ports, actor, order, old.account)
        new = _not_beyond(token, actor.until(Permission.TOKEN_ISSUE))
        if not await ports.tokens.rotate(old, new, until):
            raise Conflict(f"{name} as it was a moment ago", "that somebody else has just changed it")
        return secret


def _held(token: Token) -> dict[str, object]:
    """What a token may, for the audit log."""
    return {
        "role": token.role.value if token.role else None,
        "services": sorted(token.services) if token.services is not None else None,
        "agent_of": token.service,
        "owner": token.account.name if token.account else None,
        "ends_at": token.ends_at.isoformat() if token.ends_at else None,
    }


def _in_words(token: Token) -> str:
    return ", ".join(f"{name} {value}" for name, value in _held(token).items() if value is not None)


async def issued_token(ports: Ports, name: str) -> Token:
    """A token that was issued here. Raises `NotFound`, also for one of the settings."""
    found = [one for one in await ports.tokens.all() if one.name == name and one.origin == "issued"]
    if not found:
        raise NotFound("issued token", name)
    return found[0]


async def revoke_token(ports: Ports, actor: Principal, name: str, reason: str, address: str) -> None:
    """Takes an issued token back; no replica believes it after.

    Raises `NotFound`, or `InvalidInput` where power that ends would take it from an administrator. An agent's
    token is nobody's: it is in reach of whoever may issue tokens.
    """
    act = Act(actor, Permission.TOKEN_ISSUE, f"token {name}", address, reason=reason, action="token:revoke")
    async with audited(ports, act) as record:
        token = await issued_token(ports, name)
        record.detail, owner = f"it was {_in_words(token)}", token.account
        raise_if([] if owner is None else out_of_reach(ports, actor, owner))
        await _revoke(ports, name)


async def revoke_own_token(ports: Ports, actor: Principal, account: Account, name: str, address: str) -> None:
    """`name` is what its owner calls it, or what it is called elsewhere. Raises `NotFound`."""
    own = [one.name for one in await own_tokens(ports, account)]
    full = name if name in own else own_name(account, name)
    async with recorded(ports, intent_of(ports, actor, address, "token:revoke", f"own token {full}")):
        if full not in own:
            raise NotFound("token of yours", name)
        await _revoke(ports, full)


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
    held = {one.name: one.digest for one in await ports.tokens.all() if one.origin == "settings"}
    told = {one.name: one.digest for one in tokens}
    if told == held:
        return
    before, after = {"tokens": sorted(held)}, {"tokens": sorted(told)}
    changed = sorted(name for name in {*held, *told} if held.get(name) != told.get(name))
    subject = f"changed in the settings: {', '.join(changed)}"[:500]
    intent = intent_of(ports, PORTAL, "", "token:settings", subject, before=before, after=after)
    async with recorded(ports, intent):
        await ports.tokens.replace_settings(tokens)


def _new(ports: Ports, actor: Principal, order: Order, account: Account | None) -> tuple[str, Token]:
    """A secret, and the token that it shows."""
    secret, now = PREFIX + new_secret(), ports.clock.now()
    token = Token(
        name=order.name,
        digest=digest_of(secret),
        role=order.role,
        service=order.service,
        created_at=now,
        services=order.services,
        account=account,
        ends_at=now + timedelta(days=order.days),
        given_by=actor.name,
        origin="issued",
    )
    return secret, token


def _not_beyond(token: Token, until: datetime | None) -> Token:
    """A role that ends, as of broken glass, leaves no token behind."""
    if until is None or (token.ends_at is not None and token.ends_at <= until):
        return token
    return replace(token, ends_at=until)


def _end_of(old: Token, wanted: datetime) -> datetime:
    """When a token ends that is rotated: always before its own end, by which the next rotation knows it."""
    return wanted if old.ends_at is None else min(wanted, old.ends_at - timedelta(microseconds=1))


def _unfit_for_rotation(ports: Ports, actor: Principal, old: Token) -> list[Problem]:
    found = [] if old.account is None else token_outlasting(ports, actor, old.account)
    until = actor.until(Permission.TOKEN_ISSUE)
    if until is not None and (
        old.ends_at is None or until < old.ends_at
    ):  # whoever has it would be locked out
        expected = f"somebody else: the new one would end with your own role at {until:%H:%M} UTC, before it"
        found.append(Problem("token", f"{old.name} goes on", expected))
    if not in_force(ports, old):
        found.append(Problem("token", f"{old.name} has ended", "one that is in force: issue a new one"))
    if old.account is not None and old.account.kind == "person":
        expected = "one of a program: people issue their own, and nobody else sees the secret"
        found.append(Problem("token", f"{old.name} is {old.account.name}'s own", expected))
    return found


async def _check_room(ports: Ports, account: Account | None) -> None:
    """Raises `InvalidInput` where an account has all the tokens it may have."""
    if account is None:
        return
    held = sum(in_force(ports, one) for one in await own_tokens(ports, account))
    if held >= MOST_TOKENS:
        expected = f"fewer than {MOST_TOKENS}: revoke those that are not used"
        raise InvalidInput([Problem("token", f"{account.name} has {held} tokens", expected)])


async def _check_free(ports: Ports, name: str) -> None:
    """Before anything else is made for a token. Raises `Conflict`."""
    if any(one.name == name for one in await ports.tokens.all()):
        raise Conflict("another name: a token has this one", f"a token {name}")


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
        raise_if(token_outlasting(ports, actor, known[0]))
        return known[0]
    account = await ports.accounts.log_in(Account(0, "service", "service", LOCAL, subject, name), now)
    until = actor.until(Permission.TOKEN_ISSUE)
    grant = Grant(order.role, order.services, until, source="service account")
    await ports.accounts.give(GivenGrant(0, account.id, grant, f"for token {order.name}", actor.name, now))
    return await ports.accounts.get(account.id)
