"""What was intended is written first, how it ended is added once, and both are in the signed tree."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import Connection, delete, select, update

from sre_portal.core.audit import AuditEvent, AuditFilter, Conclusion, Entry, forgotten
from sre_portal.core.audit_check import Check, Checked, parse_witness
from sre_portal.core.errors import Conflict, InvalidInput, NotFound, StoreUnavailable
from sre_portal.operations.keys import Keys
from sre_portal.store import tables
from sre_portal.store.audit_tree import Trust
from sre_portal.store.database import SqlStore, open_store
from tests.store.samples import KEYS, NOW, TRUST, at, done, intent

ENTRY = tables.audit_entry


async def checked(store: SqlStore, *witnesses: str) -> Checked:
    """The verdict on everything that lies in the database."""
    check = Check([parse_witness(one) for one in witnesses])
    while page := await store.audit.entries(check.last, 7):
        check.take(page)
    return check.finish(await store.audit.checkpoint(), TRUST.signer.keys)


async def filled(store: SqlStore, events: int = 5) -> str:
    """Writes events, and returns the witness of them."""
    for number in range(events):
        await store.audit.conclude(await store.audit.intend(intent(number)), done(number))
    standing = store.audit.standing()
    return f"{standing.size}:{standing.root}"


async def test_an_intent_stands_until_it_is_concluded(store: SqlStore) -> None:
    event = await store.audit.intend(intent())
    expected = AuditEvent(
        event,
        NOW,
        "omar",
        "run:start",
        "slow-payments",
        "intended",
        address="10.0.0.1",
        reason="a game day",
        actor_id="account:omar",
        session="s-1",
        after={"n": 0},
    )
    assert await store.audit.recent() == [expected]


async def test_a_conclusion_adds_the_outcome_and_keeps_the_intent(store: SqlStore) -> None:
    event = await store.audit.intend(intent())
    await store.audit.conclude(event, Conclusion(at(1), "denied", "this needs run:start", {"n": 7}))
    (told,) = await store.audit.recent()
    assert (told.outcome, told.detail, told.reason) == ("denied", "this needs run:start", "a game day")
    assert (told.after, told.concluded_at, told.concluded_by) == ({"n": 7}, at(1), event + 1)


async def test_an_outcome_is_said_once(store: SqlStore) -> None:
    event = await store.audit.intend(intent())
    await store.audit.conclude(event, done())
    with pytest.raises(Conflict, match="expected intended, found done"):
        await store.audit.conclude(event, Conclusion(NOW, "failed"))
    (told,) = await store.audit.recent()
    assert told.outcome == "done"
    assert (await checked(store)).whole


async def test_what_was_never_intended_cannot_be_concluded(store: SqlStore) -> None:
    with pytest.raises(NotFound):
        await store.audit.conclude(17, done())


async def test_an_outcome_is_no_event_of_its_own(store: SqlStore) -> None:
    event = await store.audit.record(intent(), done())
    with pytest.raises(NotFound):
        await store.audit.conclude(event + 1, done())


async def test_recent_events_come_newest_first(store: SqlStore) -> None:
    ids = [await store.audit.intend(intent(number)) for number in range(5)]
    assert [event.id for event in await store.audit.recent(limit=3)] == ids[:1:-1]


async def test_events_are_found_by_who_what_and_how_it_ended(store: SqlStore) -> None:
    first = await store.audit.record(intent(0, "ada", "harm:stop", "runs 1"), done())
    second = await store.audit.record(intent(1, "omar", "run:start", "100%_sure"), Conclusion(NOW, "refused"))
    third = await store.audit.intend(intent(2, "omar", "run:abort", "run 7"))

    async def ids(**only: object) -> list[int]:
        return [one.id for one in await store.audit.recent(10, replace(AuditFilter(), **only))]  # type: ignore[arg-type]

    assert await ids(actor="oma") == [third, second]
    assert await ids(action="run:") == [third, second]
    assert await ids(object="%_") == [second]
    assert await ids(outcome="done") == [first]
    assert await ids(outcome="intended") == [third]
    assert await ids(before=third) == [second, first]
    assert await ids(actor="omar", outcome="refused", before=second) == []


async def test_acts_at_the_same_time_each_get_their_entries(store: SqlStore) -> None:
    async def act(number: int) -> None:
        await store.audit.conclude(await store.audit.intend(intent(number)), done(number))

    await asyncio.gather(*(act(number) for number in range(40)))
    assert (await checked(store)).size == 80
    assert (await checked(store)).findings == ()
    assert {one.after["n"] for one in await store.audit.recent() if one.after} == set(range(40))


async def test_one_act_that_does_not_fit_spoils_no_other(store: SqlStore) -> None:
    results = await asyncio.gather(
        store.audit.intend(intent(0)),
        store.audit.intend(intent(1, what="\ud800")),
        store.audit.conclude(99, done()),
        store.audit.intend(intent(2)),
        return_exceptions=True,
    )
    assert [type(one) for one in results] == [int, InvalidInput, NotFound, int]
    assert (await checked(store)).size == 2
    assert (await checked(store)).whole


async def test_two_programs_write_one_log(url: str) -> None:
    async with await open_store(url, trust=TRUST) as one, await open_store(url, trust=TRUST) as other:

        async def act(store: SqlStore) -> None:
            for number in range(10):
                await store.audit.conclude(await store.audit.intend(intent(number)), done(number))

        await asyncio.gather(act(one), act(other))
        found = await checked(one)
        assert (found.size, found.findings) == (40, ())
        await one.audit.look()
        await other.audit.look()
        assert one.audit.standing() == other.audit.standing()


async def test_every_entry_is_proven(store: SqlStore) -> None:
    await filled(store, 7)
    for seq in range(14):
        proof = await store.audit.proof(seq)
        assert proof.holds
        assert proof.claimed == TRUST.signer.open(proof.checkpoint)
    with pytest.raises(NotFound):
        await store.audit.proof(14)
    with pytest.raises(NotFound):
        await store.audit.proof(-1)


SECRET, NEWER = b"a secret of thirty-two bytes or more", b"another secret of thirty-two bytes!!"


async def test_the_log_of_another_environment_is_not_gone_on_with_until_somebody_says_so(url: str) -> None:
    async with await open_store(url, trust=TRUST) as store:
        witness = await filled(store)
    renamed = KEYS.signer("renamed")
    async with await open_store(url, trust=Trust(renamed)) as store:
        with pytest.raises(StoreUnavailable, match=f"SRE_PORTAL_AUDIT_ACCEPT={witness} goes on with it"):
            await store.audit.intend(intent())
        said = "The checkpoint is of the log sre-portal/audit/test, not of sre-portal/audit/renamed."
        assert said in store.audit.standing().broken
    async with await open_store(url, trust=Trust(renamed, witness)) as store:
        await store.audit.intend(intent())
    async with await open_store(url, trust=Trust(renamed)) as store:
        await store.audit.intend(intent())
        assert renamed.open(await store.audit.checkpoint()).origin == "sre-portal/audit/renamed"


async def test_a_log_goes_on_after_a_restart_and_with_a_new_key(url: str) -> None:
    async with await open_store(url, trust=TRUST) as store:
        before = await filled(store)
    rotated = Trust(Keys((NEWER, SECRET)).signer("test"))
    async with await open_store(url, trust=rotated) as store:
        await store.audit.intend(intent(9))
        head = rotated.signer.open(await store.audit.checkpoint())
        assert (head.origin, head.size) == ("sre-portal/audit/test", 11)
        check = Check([parse_witness(before)])
        check.take(await store.audit.entries(None, 100))
        assert check.finish(await store.audit.checkpoint(), rotated.signer.keys).whole


async def test_a_log_that_another_key_signed_is_not_gone_on_with_until_somebody_says_so(url: str) -> None:
    async with await open_store(url, trust=TRUST) as store:
        witness = await filled(store)
    stranger = Keys.drawn().signer("test")
    async with await open_store(url, trust=Trust(stranger)) as store:
        with pytest.raises(StoreUnavailable, match=f"SRE_PORTAL_AUDIT_ACCEPT={witness} goes on with it"):
            await store.audit.intend(intent())
        assert "no signature of a known key" in store.audit.standing().broken
    async with await open_store(url, trust=Trust(stranger, "10:" + "0" * 64)) as store:
        with pytest.raises(StoreUnavailable):
            await store.audit.intend(intent())
    async with await open_store(url, trust=Trust(stranger, witness)) as store:
        assert await store.audit.intend(intent()) == 10
    async with await open_store(url, trust=Trust(stranger)) as store:
        assert await store.audit.intend(intent()) == 11


async def test_a_log_without_a_key_takes_nothing(url: str) -> None:
    async with await open_store(url) as store:
        with pytest.raises(StoreUnavailable, match="without a key"):
            await store.audit.intend(intent())
        assert await store.audit.recent() == []


def cut(connection: Connection, size: int) -> None:
    connection.execute(delete(ENTRY).where(ENTRY.c.seq >= size))


def replace_head(connection: Connection, checkpoint: str) -> None:
    connection.execute(update(tables.audit_head).values(checkpoint=checkpoint))


async def test_a_log_that_was_rolled_back_takes_nothing_while_somebody_remembers(url: str) -> None:
    async with await open_store(url, trust=TRUST) as store, await open_store(url, trust=TRUST) as vandal:
        await filled(store, 2)
        old = await store.audit.checkpoint()
        witness = await filled(store, 3)
        await vandal.database.write(lambda one: cut(one, 4))
        await vandal.database.write(lambda one: replace_head(one, old))
        with pytest.raises(StoreUnavailable, match="went back from 10 entries to 4"):
            await store.audit.intend(intent())
        with pytest.raises(StoreUnavailable, match="went back"):
            await store.audit.look()
        assert "went back" in store.audit.standing().broken
        # The signature of the old head is good: only a witness tells.
        assert (await checked(store)).whole
        assert not (await checked(store, witness)).whole
        # It goes on under a process that remembers nothing, and the first still sees another log.
        for number in range(4):
            await vandal.audit.record(intent(number, "vera"), done())
        with pytest.raises(StoreUnavailable, match="first 10 entries of the audit log are not"):
            await store.audit.look()


async def test_a_forged_head_a_changed_end_and_an_unsigned_entry_take_nothing(url: str) -> None:
    async with await open_store(url, trust=TRUST) as vandal:
        await filled(vandal)
        good = await vandal.audit.checkpoint()

        async def refused(why: str) -> None:
            async with await open_store(url, trust=TRUST) as store:
                with pytest.raises(StoreUnavailable, match=why):
                    await store.audit.intend(intent())

        await vandal.database.write(lambda one: replace_head(one, good.replace("\n10\n", "\n11\n")))
        await refused("signature of the checkpoint does not fit")
        await vandal.database.write(lambda one: replace_head(one, "nonsense"))
        await refused("not a checkpoint")
        await vandal.database.write(lambda one: one.execute(delete(tables.audit_head)))
        await refused("head of the audit log is gone")
        await vandal.database.write(
            lambda one: one.execute(tables.audit_head.insert().values(id=1, checkpoint=good))
        )
        row = (await vandal.audit.entries(8, 1))[0]
        await vandal.database.write(lambda one: one.execute(delete(ENTRY).where(ENTRY.c.seq == 9)))
        await refused("Entry 9 of the audit log is gone")
        values = {name: getattr(row, name) for name in ENTRY.c.keys()}  # noqa: SIM118  # not a mapping
        await vandal.database.write(
            lambda one: one.execute(ENTRY.insert().values(**{**values, "nodes": "0" * 64}))
        )
        await refused("not those that were signed")
        await vandal.database.write(
            lambda one: (
                one.execute(update(ENTRY).where(ENTRY.c.seq == 9).values(nodes=row.nodes)),
                one.execute(ENTRY.insert().values(**{**values, "seq": 10, "event": 10})),
            )
        )
        await refused("has an entry 10 that nobody signed")


async def test_an_event_whose_text_was_changed_is_shown_and_marked(store: SqlStore) -> None:
    await filled(store, 3)

    async def change(seq: int, text: str) -> None:
        await store.database.write(
            lambda one: one.execute(update(ENTRY).where(ENTRY.c.seq == seq).values(leaf=text))
        )

    texts = {one.seq: str(one.leaf) for one in await store.audit.entries(None, 10)}
    await change(0, texts[0].replace("omar", "vera"))
    await change(3, "{}")
    newest, *older = await store.audit.recent()
    assert newest.genuine
    assert [(one.actor, one.genuine) for one in older] == [("omar", False), ("vera", False)]


async def test_what_is_forgotten_leaves_its_hashes_and_its_proofs(store: SqlStore) -> None:
    await filled(store, 6)
    before = await store.audit.entries(None, 100)
    assert await store.audit.horizon(at(3)) == 6
    assert await store.audit.horizon(at(100)) == 12
    await store.audit.forget(6)
    after: list[Entry] = list(await store.audit.entries(None, 100))
    assert after == [*map(forgotten, before[:6]), *before[6:]]
    assert (await store.audit.proof(2)).holds
    oldest = await store.audit.oldest()
    assert oldest is not None
    assert oldest.seq == 6
    assert [one.id for one in await store.audit.recent()] == [10, 8, 6]
    assert "its text is gone, and the log states no horizon above it" in (await checked(store)).findings[0]


async def test_how_far_a_sink_was_told_is_kept(store: SqlStore) -> None:
    assert await store.audit.sent("syslog+tcp://a:601") == 0
    await store.audit.note_sent("syslog+tcp://a:601", 7)
    await store.audit.note_sent("syslog+tcp://a:601", 9)
    assert await store.audit.sent("syslog+tcp://a:601") == 9
    assert await store.audit.sent("syslog+tcp://b:601") == 0


async def test_the_database_holds_what_was_hashed(store: SqlStore) -> None:
    await store.audit.record(intent(what='ünïcode "quotes" \\ and\nlines'), done())
    assert (await checked(store)).whole
    rows = await store.database.read(lambda one: one.execute(select(ENTRY.c.nodes)).scalars().all())
    assert [len(row) for row in rows] == [0, 64]
