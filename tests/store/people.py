"""Accounts and sessions to put into a store."""

from sre_portal.core.account import Account
from sre_portal.core.ports import Session, SessionSecrets
from sre_portal.store.database import SqlStore
from tests.store.samples import NOW, at

ISSUER = "https://id.example.com"
NO_SECRETS = SessionSecrets()


def told(name: str, *groups: str, subject: str = "") -> Account:
    """What a provider says of somebody."""
    return Account(
        0, "person", "keycloak", ISSUER, subject or f"sub-{name}", name, f"{name}@example.com", groups
    )


async def somebody(store: SqlStore, name: str = "omar", *groups: str) -> Account:
    return await store.accounts.log_in(told(name, *groups), NOW)


def session(account: Account, number: int = 1, provider_session: str = "") -> Session:
    return Session(
        digest=f"digest-{account.name}-{number}",
        id=f"id-{account.name}-{number}",
        account=account,
        csrf="csrf",
        created_at=at(number),
        seen_at=at(number),
        ends_at=at(3600),
        provider_session=provider_session,
        address="10.0.0.1",
        browser="Firefox",
        held="held",
        rotated_at=at(number),
    )


async def logged_in(
    store: SqlStore, name: str = "omar", number: int = 1, provider_session: str = ""
) -> Session:
    found = session(await somebody(store, name), number, provider_session)
    await store.sessions.add(found, NO_SECRETS)
    return found
