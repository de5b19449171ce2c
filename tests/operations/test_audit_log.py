"""The log as a whole: what a start writes, what a check says, what is forgotten, who is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from sre_portal.core.access import Permission
from sre_portal.core.audit import RETAIN, Conclusion, Entry, instant
from sre_portal.core.audit_check import parse_witness
from sre_portal.core.checkpoint import CARRIED, parse_checkpoint
from sre_portal.core.errors import NotPermitted, StoreUnavailable, Untrusted, UpstreamFailed
from sre_portal.loops.schedule import schedule_of
from sre_portal.operations.audit_log import (
    audit_keys,
    forget_old,
    look_at_audit,
    look_sentence,
    note_start,
    signed_by_us,
    verify_log,
)
from sre_portal.operations.audited import Act, audited, conclude, deny, intent_of, recorded, write_late
from sre_portal.operations.late import LateOutcome
from sre_portal.operations.ports import Ports
from sre_portal.operations.sinks import telling
from sre_portal.operations.stop import stop_all
from sre_portal.store import tables
from sre_portal.store.audit_tree import Trust
from sre_portal.store.database import SqlStore, open_store
from tests.operations.world import ADA, NILS, OMAR, World
from tests.store.samples import KEYS
from tests.web.pages.memory_access import Notices

ACT = Act(OMAR, Permission.RUN_START, "experiment x", "10.0.0.1", "a game day", {"n": 1}, {"n": 2})


async def test_a_start_is_the_first_act(world: World) -> None:
    await note_start(world.ports)
    (event,) = await world.ports.audit.recent(1)
    assert (event.actor, event.actor_id, event.action, event.outcome) == (
        "portal",
        "portal",
        "portal:start",
        "done",
    )
    assert event.after is not None
    assert event.after["environment"] == "demo"
    await note_start(world.ports, "7:00")
    (event,) = await world.ports.audit.recent(1)
    assert event.after is not None
    assert event.after["accepted"] == "7:00"


async def test_an_act_says_who_where_why_and_what_changed(world: World) -> None:
    async with audited(world.ports, ACT) as record:
        record.detail, record.after = "as asked", {"n": 3}
    (event,) = await world.ports.audit.recent(1)
    assert (event.actor, event.address, event.reason, event.detail) == (
        "omar",
        "10.0.0.1",
        "a game day",
        "as asked",
    )
    assert (event.before, event.after, event.outcome) == ({"n": 1}, {"n": 3}, "done")


async def test_the_intent_is_durable_before_the_act_and_the_outcome_is_not_there_yet(world: World) -> None:
    async with audited(world.ports, ACT):
        (event,) = await world.ports.audit.recent(1)
        assert (event.outcome, event.after) == ("intended", {"n": 2})


async def test_an_act_that_fails_is_concluded_so(world: World) -> None:
    with pytest.raises(ZeroDivisionError):
        async with recorded(world.ports, intent_of(world.ports, ADA, "", "flag:flip", "flag a")):
            raise ZeroDivisionError
    (event,) = await world.ports.audit.recent(1)
    assert (event.outcome, event.detail) == ("failed", "ZeroDivisionError")


async def test_an_act_on_a_service_needs_the_permission_there(world: World) -> None:
    with pytest.raises(NotPermitted):
        async with audited(world.ports, replace(ACT, actor=NILS, service="shop")):
            pytest.fail("it must not begin")
    (event,) = await world.ports.audit.recent(1)
    assert (event.actor, event.outcome) == ("nils", "denied")


async def test_no_act_without_a_record(world: World) -> None:
    world.fail("audit", "intend")
    with pytest.raises(StoreUnavailable):
        async with audited(world.ports, ACT):
            pytest.fail("it must not begin")


async def test_a_refusal_at_the_door_does_not_depend_on_its_record(world: World) -> None:
    world.fail("audit", "record")
    await deny(world.ports, ACT.intent(world.ports), "no")
    await deny(world.ports, ACT.intent(world.ports), "still no")
    (event,) = await world.ports.audit.recent(1)
    assert (event.outcome, event.detail) == ("denied", "still no")


async def test_what_cannot_be_written_late_keeps_nothing_else_out(world: World) -> None:
    world.fail("audit", "conclude", times=2)
    await conclude(world.ports, 99, "done")
    event = await world.ports.audit.intend(ACT.intent(world.ports))
    await conclude(world.ports, event, "done")
    assert len(world.ports.watch.late) == 2
    await write_late(world.ports)
    assert not world.ports.watch.late
    assert (await world.ports.audit.recent(1))[0].outcome == "done"


async def tamper(world: World) -> None:
    store = world.store
    assert isinstance(store, SqlStore)
    await store.database.write(lambda one: one.execute(update(tables.audit_head).values(checkpoint="gone")))


async def test_on_a_log_that_is_not_intact_nothing_starts_and_harm_is_still_stopped(world: World) -> None:
    run = await world.start(ADA)
    await tamper(world)
    assert "cannot be trusted" in await look_sentence(world.ports)
    with pytest.raises(StoreUnavailable, match="cannot be trusted"):
        await world.start(ADA)
    assert run.id in await stop_all(world.ports, OMAR)
    assert not any(world.ports.desk.active().values())
    assert world.ports.audit.standing().broken
    assert world.ports.watch.late


async def test_people_are_told_once_that_the_log_is_not_intact(world: World) -> None:
    notices = Notices()
    world.ports = replace(world.ports, notices=notices)
    await note_start(world.ports)
    await tamper(world)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await look_at_audit(world.ports)
    (said,) = notices.told
    assert "cannot be trusted" in said


async def test_what_a_check_of_the_whole_log_finds_is_an_alarm_until_a_later_one_finds_nothing(
    world: World,
) -> None:
    notices = Notices()
    world.ports = replace(world.ports, notices=notices)
    await note_start(world.ports)
    store = world.store
    assert isinstance(store, SqlStore)
    first = tables.audit_entry.c.seq == 0
    whole = (await world.ports.audit.entries(None, 1))[0]
    await store.database.write(
        lambda one: one.execute(update(tables.audit_entry).where(first).values(actor="x"))
    )
    for _ in range(2):
        assert (await verify_log(world.ports)).findings
    assert "whole audit log" in world.ports.audit.standing().broken
    (said,) = notices.told
    assert said.startswith("The audit log is not whole: ")
    await world.start(ADA)  # the head is sound: acts go on
    back = update(tables.audit_entry).where(first).values(actor=whole.actor)
    await store.database.write(lambda one: one.execute(back))
    assert (await verify_log(world.ports)).findings == ()
    assert world.ports.audit.standing().broken == ""


async def test_a_log_without_a_head_is_checked_too(world: World) -> None:
    await note_start(world.ports)
    store = world.store
    assert isinstance(store, SqlStore)
    await store.database.write(lambda one: one.execute(delete(tables.audit_head)))
    assert (await verify_log(world.ports)).findings == ("This is not a checkpoint of an audit log.",)
    with pytest.raises(StoreUnavailable, match="has no proof of entry 0"):
        await world.ports.audit.proof(0)


async def test_the_whole_log_is_checked_with_what_the_process_remembers(world: World) -> None:
    await note_start(world.ports)
    await deny(world.ports, ACT.intent(world.ports), "no")
    found = await verify_log(world.ports)
    assert (found.whole, found.size, found.witnesses) == (True, 4, 1)
    wrong = await verify_log(world.ports, [parse_witness("5:" + "0" * 64)])
    assert not wrong.whole


async def test_a_log_that_grows_while_it_is_checked_is_whole(world: World) -> None:
    await note_start(world.ports)
    left = 5

    async def grow() -> None:
        nonlocal left
        if left:
            left -= 1
            await deny(world.ports, ACT.intent(world.ports), "no")

    world.meddle("audit", "entries", grow)
    found = await verify_log(world.ports)
    assert (found.findings, found.size) == ((), 12)


async def test_a_checkpoint_is_told_from_a_forged_one(world: World) -> None:
    await note_start(world.ports)
    text = await world.ports.audit.checkpoint()
    key, forged = signed_by_us(world.ports, text)
    assert (key, forged) == (str(audit_keys(world.ports)[0]), "")
    _, forged = signed_by_us(world.ports, text.replace("\n2\n", "\n3\n"))
    assert forged == "The signature of the checkpoint does not fit its text."


async def test_old_texts_are_forgotten_after_the_log_has_said_so(world: World) -> None:
    world.ports = replace(world.ports, audit_keep=timedelta(days=30))
    await forget_old(world.ports)
    for _ in range(3):
        await deny(world.ports, ACT.intent(world.ports), "no")
        world.clock.move(20 * 86_400)
    await forget_old(world.ports)
    found = await verify_log(world.ports)
    assert (found.findings, found.horizon, found.missing) == ((), 4, 4)
    retained, *others = await world.ports.audit.recent()
    assert (retained.action, retained.object) == (RETAIN, "entries below 4")
    assert retained.after == {"horizon": 4, "before": instant(world.clock.now() - timedelta(days=30))}
    assert [one.action for one in others] == ["run:start"]
    size = found.size
    await forget_old(world.ports)  # nothing is old enough yet
    assert (await verify_log(world.ports)).size == size
    for seq in range(size):
        assert (await world.ports.audit.proof(seq)).holds


async def test_columns_that_claim_an_age_make_the_portal_forget_nothing_and_people_are_told(
    world: World,
) -> None:
    notices = Notices()
    world.ports = replace(world.ports, audit_keep=timedelta(days=400), notices=notices)
    for _ in range(3):
        await deny(world.ports, ACT.intent(world.ports), "no")
    store = world.store
    assert isinstance(store, SqlStore)
    await store.database.write(
        lambda one: one.exec_driver_sql("UPDATE audit_entry SET at = at - 600 * 86400 * 1000000")
    )
    for _ in range(2):
        with pytest.raises(Untrusted, match="No text was dropped"):
            await forget_old(world.ports)
        with pytest.raises(Untrusted, match="No text was dropped"):
            await look_at_audit(world.ports)
    assert [one.leaf is None for one in await world.ports.audit.entries(None, 10)] == [False] * 6
    assert world.ports.audit.standing().broken
    (said,) = notices.told
    assert "Entry 0 was made at" in said
    await deny(world.ports, ACT.intent(world.ports), "no")  # the head holds: acts go on
    assert (await world.ports.audit.recent(1))[0].id == 6


async def test_an_outcome_whose_intent_was_changed_waits_and_keeps_no_other_out(world: World) -> None:
    event = await world.ports.audit.intend(ACT.intent(world.ports))
    other = await world.ports.audit.intend(ACT.intent(world.ports))
    store = world.store
    assert isinstance(store, SqlStore)
    (genuine, _) = await world.ports.audit.entries(None, 2)
    entry = tables.audit_entry

    async def put(text: str | None) -> None:
        await store.database.write(
            lambda one: one.execute(update(entry).where(entry.c.seq == event).values(leaf=text))
        )

    await put("{}")
    await conclude(world.ports, event, "done")
    world.ports.watch.late.append(LateOutcome(other, Conclusion(world.clock.now(), "done")))
    for _ in range(2):
        await write_late(world.ports)
        assert [one.outcome for one in await world.ports.audit.recent(2)] == ["done", "intended"]
        assert len(world.ports.watch.late) == 1
    assert "entry 0" in world.ports.audit.standing().broken
    await put(genuine.leaf)
    await write_late(world.ports)
    assert not world.ports.watch.late
    assert world.ports.audit.standing().broken == ""
    assert [one.outcome for one in await world.ports.audit.recent(2)] == ["done", "done"]


async def test_the_log_of_another_environment_is_a_finding(world: World) -> None:
    await note_start(world.ports)
    told = "The checkpoint is of the log sre-portal/audit/demo, not of sre-portal/audit/production."
    elsewhere = replace(world.ports, environment="production")
    assert told in (await verify_log(elsewhere)).findings
    assert signed_by_us(elsewhere, await world.ports.audit.checkpoint())[1] == told


async def test_a_start_tells_how_many_entries_nobody_had_signed(world: World) -> None:
    await deny(world.ports, ACT.intent(world.ports), "no")
    head = parse_checkpoint(await world.ports.audit.checkpoint())
    carried = replace(head, origin=CARRIED)
    store = world.store
    assert isinstance(store, SqlStore)
    await store.database.write(
        lambda one: one.execute(update(tables.audit_head).values(checkpoint=carried.body))
    )
    trust = Trust(KEYS.signer("demo"), head.witness)
    async with await open_store(f"sqlite:///{world.path / 'portal.sqlite3'}", trust=trust) as again:
        await note_start(replace(world.ports, audit=again.audit), head.witness)
        (event,) = await again.audit.recent(1)
    assert event.after is not None
    assert (event.after["carried_unsigned"], event.after["accepted"]) == (2, head.witness)


async def test_texts_are_kept_for_ever_where_that_is_asked(world: World) -> None:
    await deny(world.ports, ACT.intent(world.ports), "no")
    world.clock.move(10_000 * 86_400)
    await forget_old(world.ports)
    assert (await verify_log(world.ports)).missing == 0


@dataclass
class Collector:
    """A sink that keeps what it takes, and can be told to fail."""

    name: str = "syslog+tcp://logs:601"
    failing: bool = False
    told: list[int] = field(default_factory=list)

    async def tell(self, entries: Sequence[Entry]) -> None:
        if self.failing:
            raise UpstreamFailed(self.name, "nobody listens")
        self.told += [entry.seq for entry in entries]


async def tell_sinks(ports: Ports) -> None:
    """A pass of each."""
    for sink in ports.sinks:
        await telling(sink)(ports)


async def test_sinks_are_told_everything_in_order_and_once(world: World) -> None:
    good, bad = Collector(), Collector("otlp+http://collector:4318", failing=True)
    world.ports = replace(world.ports, sinks=(good, bad))
    for _ in range(2):
        await deny(world.ports, ACT.intent(world.ports), "no")
        await tell_sinks(world.ports)
    assert good.told == [0, 1, 2, 3]
    assert (world.ports.watch.sinks[bad.name].failing, world.ports.watch.sinks[bad.name].sent) == (
        "nobody listens",
        0,
    )
    bad.failing = False
    await tell_sinks(world.ports)
    assert bad.told == [0, 1, 2, 3]
    assert (world.ports.watch.sinks[bad.name].failing, world.ports.watch.sinks[bad.name].sent) == ("", 4)


@dataclass
class Slow(Collector):
    """A sink that takes its time."""

    busy: asyncio.Event = field(default_factory=asyncio.Event)
    free: asyncio.Event = field(default_factory=asyncio.Event)

    async def tell(self, entries: Sequence[Entry]) -> None:
        self.busy.set()
        await self.free.wait()
        await super().tell(entries)


async def test_a_slow_sink_holds_up_no_other(world: World) -> None:
    good, slow = Collector(), Slow("otlp+http://collector:4318")
    world.ports = replace(world.ports, sinks=(slow, good))
    slow_pass, good_pass = (operation for _, operation in schedule_of(world.ports)[-2:])
    await deny(world.ports, ACT.intent(world.ports), "no")
    passing = asyncio.ensure_future(slow_pass(world.ports))
    await asyncio.wait_for(slow.busy.wait(), 5)
    await good_pass(world.ports)
    await deny(world.ports, ACT.intent(world.ports), "no")
    await good_pass(world.ports)
    assert (good.told, slow.told) == ([0, 1, 2, 3], [])
    slow.free.set()
    await passing
    assert slow.told == [0, 1, 2, 3]


async def test_a_sink_goes_on_where_it_was_after_a_restart(world: World) -> None:
    await deny(world.ports, ACT.intent(world.ports), "no")
    world.ports = replace(world.ports, sinks=(Collector(),))
    await tell_sinks(world.ports)
    await world.restart()
    again = Collector()
    world.ports = replace(world.ports, sinks=(again,))
    await deny(world.ports, ACT.intent(world.ports), "no")
    await tell_sinks(world.ports)
    assert again.told == [2, 3]


async def test_what_was_forgotten_before_a_sink_came_back_is_skipped(world: World) -> None:
    await asyncio.gather(*(deny(world.ports, ACT.intent(world.ports), "no") for _ in range(3)))
    await world.ports.audit.forget(4)
    sink = Collector()
    world.ports = replace(world.ports, sinks=(sink,))
    await tell_sinks(world.ports)
    assert sink.told == [4, 5]
    assert world.ports.watch.sinks[sink.name].sent == 6
