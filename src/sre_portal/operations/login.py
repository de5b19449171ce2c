"""Logging in: by a one-time link, or at a login provider and back.

What is refused here changes nothing. It is written down at the door, which knows how much of it there is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from hmac import compare_digest

from sre_portal.core.access import Grant, Principal, Role
from sre_portal.core.account import LOCAL, Account, GivenGrant
from sre_portal.core.errors import LoginRefused, NotAuthenticated, NotFound
from sre_portal.core.login import Attempt, Identity
from sre_portal.core.ports import LoginProvider, Session, SessionSecrets
from sre_portal.operations.audited import intent_of, recorded
from sre_portal.operations.logout import was_ended
from sre_portal.operations.ports import Ports
from sre_portal.operations.sessions import Origin, digest_of, new_secret, new_session

LINK_LASTS = timedelta(hours=12)
ATTEMPT_LASTS = timedelta(minutes=10)

BY_LINK = "login link"
LINK = Principal(BY_LINK, id="link")


async def issue_link(ports: Ports, person: str, role: Role) -> str:
    """The secret of a new one-time login link."""
    secret = new_secret()
    ends_at = ports.clock.now() + LINK_LASTS
    after = {"person": person, "role": role.value, "ends_at": ends_at.isoformat()}
    async with recorded(
        ports, intent_of(ports, LINK, "", "link:issue", f"a login link of {person}", after=after)
    ):
        await ports.logins.add_link(digest_of(secret), person, role, ends_at)
    return secret


async def use_link(ports: Ports, secret: str, origin: Origin) -> tuple[str, Session]:
    """Uses a login link up. The secret of the new session, and the session. Raises `NotAuthenticated`."""
    if not ports.policy.links:
        raise NotAuthenticated("login links are off here: log in at a provider")
    taken = await ports.logins.take_link(digest_of(secret), ports.clock.now())
    if taken is None:
        raise NotAuthenticated("this login link is unknown, was used already, or is too old")
    person, role = taken
    intent = intent_of(ports, LINK, origin.address, "session:open", f"the login link of {person}")
    async with recorded(ports, intent) as record:
        account = await _local_account(ports, person, role)
        opened, session = await _opened(ports, account, origin)
        record.detail = _told(session)
        return opened, session


async def begin_login(ports: Ports, provider_name: str, browser: str, return_to: str) -> str:
    """The address to send a browser to. `browser` is a secret that only this browser has."""
    provider = provider_named(ports, provider_name)
    redirect_uri = f"{ports.policy.url}/login/callback/{provider_name}"
    address, attempt = await provider.begin(redirect_uri, local_path(return_to))
    now = ports.clock.now()
    await ports.logins.add_attempt(
        digest_of(attempt.state),
        digest_of(browser),
        provider_name,
        ports.keys.seal(json.dumps({"attempt": asdict(attempt), "begun_at": now.timestamp()})),
        now + ATTEMPT_LASTS,
        now,
    )
    return address


async def finish_login(
    ports: Ports, provider_name: str, query: Mapping[str, Sequence[str]], browser: str, origin: Origin
) -> tuple[str, Session, str]:
    """The secret of the new session, the session, and where the person wanted to go.

    Raises `LoginRefused` or `ProviderUnavailable`.
    """
    provider = provider_named(ports, provider_name)
    attempt, begun_at = await _attempt(ports, provider_name, query, browser)
    identity = await provider.finish(attempt, query)
    who = Principal(identity.name, id=f"{identity.issuer}#{identity.subject}")
    intent = intent_of(ports, who, origin.address, "session:open", f"a login at {provider_name}")
    async with recorded(ports, intent) as record:
        account = await ports.accounts.log_in(account_of(identity), ports.clock.now())
        opened, session = await _opened(ports, account, origin, identity)
        if await was_ended(
            ports, identity, begun_at
        ):  # asked last: a logout that comes now finds the session
            await ports.sessions.end([session])
            raise LoginRefused("sid: the provider has ended this session meanwhile")
        record.detail = _told(session)
        return opened, session, attempt.return_to


def provider_named(ports: Ports, name: str) -> LoginProvider:
    """Raises `NotFound`."""
    if (provider := ports.policy.providers.get(name)) is None:
        raise NotFound("login provider", name)
    return provider


def account_of(identity: Identity) -> Account:
    """The account of an identity, as it is told to the store."""
    return Account(
        id=0,
        kind="person",
        provider=identity.provider,
        issuer=identity.issuer,
        subject=identity.subject,
        name=identity.name,
        email=identity.email,
        groups=identity.groups,
    )


def sealed(ports: Ports, identity: Identity) -> SessionSecrets:
    """The tokens of an identity, as they are kept."""
    return SessionSecrets(
        ports.keys.seal(identity.id_token) if identity.id_token else "",
        ports.keys.seal(identity.refresh_token) if identity.refresh_token else "",
    )


def local_path(text: str) -> str:
    """A path of this portal to go to after login; the overview where it leads anywhere else."""
    plain = text.startswith("/") and not text.startswith(("//", "/\\", "/login")) and len(text) <= 500
    return text if plain and text.isprintable() and "\\" not in text else "/"


async def _attempt(
    ports: Ports, provider_name: str, query: Mapping[str, Sequence[str]], browser: str
) -> tuple[Attempt, datetime]:
    """What was remembered when this browser began, and when. It is used up by being looked at."""
    states = query.get("state", ())
    if len(states) != 1 or not states[0]:
        raise LoginRefused("state: missing or given twice")
    found = await ports.logins.take_attempt(digest_of(states[0]), ports.clock.now())
    if found is None:
        raise LoginRefused("state: unknown, used before, or too old")
    held_by, begun_at, kept = found
    if not compare_digest(held_by, digest_of(browser)):
        raise LoginRefused("browser: another browser began this login")
    if begun_at != provider_name:
        raise LoginRefused(f"provider: the login was begun at {begun_at}")
    opened = ports.keys.unseal(kept)
    if opened is None:
        raise LoginRefused("attempt: it was sealed with a key that is gone")
    told = json.loads(opened)
    return Attempt(**told["attempt"]), datetime.fromtimestamp(told["begun_at"], UTC)


async def _opened(
    ports: Ports, account: Account, origin: Origin, identity: Identity | None = None
) -> tuple[str, Session]:
    if account.blocked:
        sentence = "This account is blocked. Ask an administrator."
        raise LoginRefused(f"blocked: account:{account.id}", sentence)
    if identity is None:
        return await new_session(ports, account, origin)
    kept = sealed(ports, identity)
    return await new_session(ports, account, origin, provider_session=identity.session_id, kept=kept)


def _told(session: Session) -> str:
    return f"session {session.id} of {session.account.name} (account:{session.account.id})"


async def _local_account(ports: Ports, person: str, role: Role) -> Account:
    """The account behind a login link, with the role the link was made for and no other of a link."""
    now = ports.clock.now()
    told = Account(0, "person", "link", LOCAL, f"link:{person}", person)
    account = await ports.accounts.log_in(told, now)
    by_link = [one for one in await ports.accounts.given(account.id) if one.grant.source == BY_LINK]
    if [one.grant.role for one in by_link] != [role]:
        for one in by_link:
            await ports.accounts.withdraw(one.id)
        grant = Grant(role, source=BY_LINK)
        await ports.accounts.give(GivenGrant(0, account.id, grant, "a login link was used", "portal", now))
        account = await ports.accounts.get(account.id)
    return account
