"""What the first audit table held is carried into the signed log, unchanged and in order."""

from __future__ import annotations

import re

import pytest
from alembic import command
from sqlalchemy import Connection, inspect, text

from sre_portal.core.audit import AuditEvent
from sre_portal.core.audit_check import Check
from sre_portal.core.checkpoint import NotGenuine
from sre_portal.core.errors import StoreUnavailable
from sre_portal.store.audit_tree import Trust
from sre_portal.store.connection import Database
from sre_portal.store.database import open_store
from sre_portal.store.dialect import engines_for
from sre_portal.store.schema import configuration
from sre_portal.store.tables import METADATA
from tests.store.samples import NOW, TRUST, at, done, intent

OLD = (
    ("omar", "run:start", "experiment x", "10.0.0.1", "on shop", "done", ""),
    ("nils", "run:start", "experiment x", "10.0.0.2", "on shop", "denied", "this needs run:start"),
    ("ada", "harm:stop", 'runs "1"\n\u00fc', "", "", "intended", ""),
)


def _first_tables(connection: Connection) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")


def _downgraded(connection: Connection) -> None:
    METADATA.drop_all(connection)
    connection.execute(text("DROP TABLE alembic_version"))
    _first_schema(connection)


def _first_schema(connection: Connection) -> None:
    _first_tables(connection)
    names = "id, at, actor, action, subject, address, detail, outcome, outcome_detail"
    for number, row in enumerate(OLD, 1):
        values = {f"v{place}": value for place, value in enumerate((number * 3, _micros(number), *row))}
        marks = ", ".join(f":{name}" for name in values)
        connection.execute(text(f"INSERT INTO audit ({names}) VALUES ({marks})"), values)  # noqa: S608  # names of ours


def _micros(number: int) -> int:
    return round(at(number).timestamp() * 1_000_000)


@pytest.fixture
async def old_url(url: str) -> str:
    database = Database(engines_for(url, 5.0))
    await database.write(_first_schema)
    await database.close()
    return url


async def accepted(url: str) -> Trust:
    """What goes on with the log as it was carried: the refusal to go on says it."""
    async with await open_store(url, trust=TRUST) as store:
        with pytest.raises(StoreUnavailable) as refused:
            await store.audit.intend(intent())
        assert await store.audit.recent(1) != []
    found = re.search(
        "Its 5 entries were carried over .* SRE_PORTAL_AUDIT_ACCEPT=(5:[0-9a-f]{64})", str(refused.value)
    )
    assert found is not None, refused.value
    return Trust(TRUST.signer, found[1])


async def test_old_events_are_signed_only_once_somebody_has_said_so(old_url: str) -> None:
    trust = await accepted(old_url)
    async with await open_store(old_url, trust=TRUST) as store:  # a restart alone changes nothing
        with pytest.raises(StoreUnavailable, match="nobody has signed them"):
            await store.audit.look()
    async with await open_store(old_url, trust=trust) as store:
        await store.audit.intend(intent())
    async with await open_store(old_url, trust=TRUST) as store:
        assert await store.audit.intend(intent()) == 6


async def test_a_log_in_an_old_table_is_not_signed_for_whoever_writes_the_database(url: str) -> None:
    """A vandal takes the log away, says that the database is old, and invents rows of its old table."""
    async with await open_store(url, trust=TRUST) as store:
        await store.audit.record(intent(), done())
        await store.database.write(_downgraded)
    async with await open_store(url, trust=TRUST) as store:
        with pytest.raises(StoreUnavailable, match="Its 5 entries were carried over"):
            await store.audit.intend(intent())
        with pytest.raises(NotGenuine):
            TRUST.signer.open(await store.audit.checkpoint())


async def test_an_empty_old_database_is_signed_at_once(url: str) -> None:
    database = Database(engines_for(url, 5.0))
    await database.write(_first_tables)
    await database.close()
    async with await open_store(url, trust=TRUST) as store:
        assert await store.audit.intend(intent()) == 0


async def test_old_events_are_in_the_signed_log(old_url: str) -> None:
    async with await open_store(old_url, trust=await accepted(old_url)) as store:
        assert await store.audit.intend(intent()) == 5
        _, *events = await store.audit.recent()
        newest, denied, concluded = events
        assert concluded == AuditEvent(
            0,
            at(1),
            "omar",
            "run:start",
            "experiment x",
            "done",
            address="10.0.0.1",
            reason="on shop",
            concluded_at=at(1),
            concluded_by=1,
        )
        assert (denied.outcome, denied.detail) == ("denied", "this needs run:start")
        assert (newest.object, newest.outcome, newest.at) == ('runs "1"\n\u00fc', "intended", at(3))
        check = Check()
        check.take(await store.audit.entries(None, 100))
        assert check.finish(await store.audit.checkpoint(), TRUST.signer.keys).findings == ()
        for seq in range(5):
            assert (await store.audit.proof(seq)).holds
        tables = await store.database.read(lambda one: inspect(one).get_table_names())
        assert "audit" not in tables


async def test_a_log_that_was_carried_goes_on(old_url: str) -> None:
    async with await open_store(old_url, trust=await accepted(old_url)) as store:
        assert await store.audit.intend(intent()) == 5
        assert (await store.audit.recent(1))[0].at == NOW


async def test_a_head_without_a_signature_is_believed_only_by_the_program_that_made_it(url: str) -> None:
    async with await open_store(url):  # made without a key
        pass
    async with await open_store(url, trust=TRUST) as store:
        with pytest.raises(StoreUnavailable, match="Its 0 entries were carried over"):
            await store.audit.intend(intent())
