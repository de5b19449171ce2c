"""What the first audit table held is carried into the signed log, unchanged and in order."""

from __future__ import annotations

import pytest
from alembic import command
from sqlalchemy import Connection, inspect, text

from sre_portal.core.audit import AuditEvent
from sre_portal.core.audit_check import Check
from sre_portal.core.errors import StoreUnavailable
from sre_portal.store.connection import Database
from sre_portal.store.database import open_store
from sre_portal.store.dialect import engines_for
from sre_portal.store.schema import configuration
from tests.store.samples import NOW, TRUST, at, intent

OLD = (
    ("omar", "run:start", "experiment x", "10.0.0.1", "on shop", "done", ""),
    ("nils", "run:start", "experiment x", "10.0.0.2", "on shop", "denied", "this needs run:start"),
    ("ada", "harm:stop", 'runs "1"\n\u00fc', "", "", "intended", ""),
)


def _first_schema(connection: Connection) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")
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


async def test_old_events_are_in_the_signed_log(old_url: str) -> None:
    async with await open_store(old_url, trust=TRUST) as store:
        newest, denied, done = await store.audit.recent()
        assert done == AuditEvent(
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
    async with await open_store(old_url, trust=TRUST):
        pass
    async with await open_store(old_url, trust=TRUST) as store:
        assert await store.audit.intend(intent()) == 5
        assert (await store.audit.recent(1))[0].at == NOW


async def test_a_head_without_a_signature_is_believed_only_by_the_program_that_made_it(url: str) -> None:
    async with await open_store(url):  # made without a key
        pass
    async with await open_store(url, trust=TRUST) as store:
        with pytest.raises(StoreUnavailable, match="no signature of a known key"):
            await store.audit.intend(intent())
