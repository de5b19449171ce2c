"""People with accounts and sessions, for the tests of access: logged in as a provider would have it."""

from __future__ import annotations

from dataclasses import replace

from sre_portal.core.access import Grant, Principal, Role
from sre_portal.core.account import Account, GivenGrant
from sre_portal.core.ports import Session
from sre_portal.operations.glass import refresh_glass
from sre_portal.operations.ports import Ports
from sre_portal.operations.sessions import Origin, new_session, principal_in

ISSUER = "https://login.example.com"


async def person(
    ports: Ports, name: str, role: Role | None = None, services: frozenset[str] | None = None
) -> Account:
    """An account of the provider `sso`, with a role that was given to it."""
    told = Account(0, "person", "sso", ISSUER, f"sub-{name}", name, f"{name}@example.com", ("staff",))
    account = await ports.accounts.log_in(told, ports.clock.now())
    if role is not None:
        grant = Grant(role, services, source="given by test")
        await ports.accounts.give(GivenGrant(0, account.id, grant, "test", "test", ports.clock.now()))
    return await ports.accounts.get(account.id)


async def session_for(ports: Ports, account: Account, browser: str = "Firefox/131.0 Linux") -> Session:
    _, session = await new_session(ports, account, Origin("10.0.0.7", browser))
    return session


async def acting_as(ports: Ports, account: Account) -> Principal:
    """Whoever acts through an account with a session, as of now."""
    fresh = await ports.accounts.get(account.id)
    return principal_in(ports, replace(await session_for(ports, fresh), account=fresh))


async def glass_of(ports: Ports) -> list[str]:
    """Whose glass is broken, as a pass of the loop sees it."""
    await refresh_glass(ports)
    return [one.name for one in ports.watch.glass]


async def told_of(ports: Ports, action: str) -> list[tuple[str, str]]:
    """Outcome and reason of each act of a kind in the audit log, newest first."""
    return [(one.outcome, one.reason) for one in await ports.audit.recent(100) if one.action == action]
