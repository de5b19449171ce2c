"""What agents counted goes in, once, and comes out summed."""

import asyncio
from copy import deepcopy
from dataclasses import replace

import pytest
from sqlalchemy import Connection, select

from sre_portal.contract.report import ClockMapping, LeaseStatus
from sre_portal.core.errors import InvalidInput, StoreUnavailable
from sre_portal.core.slo import Counts
from sre_portal.store.database import SqlStore, open_store
from sre_portal.store.tables import minute_progress, slo_second
from tests.store.samples import CHECKOUT, START, at, injected, offsets, report, second


async def test_counts_are_summed_over_instances(store: SqlStore) -> None:
    await store.reports.append(report(second(0, bad=2), second(1), instance="a"), at(2))
    await store.reports.append(report(second(0, bad=1, planned=1), instance="b"), at(2))
    rows = await store.reports.slis_since(START)
    assert [(row.slo, row.at - START, row.counts) for row in rows] == [
        (CHECKOUT, 0, Counts(good=17, bad=3, planned=1)),
        (CHECKOUT, 1, Counts(good=10)),
    ]
    assert not any(row.seeded for row in rows)


async def test_a_report_that_is_sent_again_changes_nothing(store: SqlStore) -> None:
    first = report(injected(0, hits=4), second(1, bad=3), leases=[LeaseStatus("lease-1", 7, hits=4)])
    await store.reports.append(first, at(2))
    seen = await _everything(store)
    await store.reports.append(deepcopy(first), at(3))
    await asyncio.gather(*(store.reports.append(deepcopy(first), at(4)) for _ in range(5)))
    assert await _everything(store) == seen


async def _everything(store: SqlStore) -> object:
    return (
        await store.reports.slis_since(0),
        await store.reports.signals(None, 0, START + 60),
        await store.reports.injections(7),
        await store.reports.lease_statuses(7),
    )


async def test_a_second_told_differently_later_keeps_its_first_count(store: SqlStore) -> None:
    await store.reports.append(report(second(0, bad=1)), at(1))
    await store.reports.append(report(second(0, bad=9), second(1), seq=2), at(2))
    rows = await store.reports.slis_since(START)
    assert [row.counts.bad for row in rows] == [1, 0]


async def test_signals_are_summed_over_instances_and_keep_their_histograms(store: SqlStore) -> None:
    await store.reports.append(report(second(0, bad=1, latency={700: 8, 900: 2}), instance="a"), at(1))
    await store.reports.append(report(second(0, latency={700: 10}), instance="b"), at(1))
    await store.reports.append(report(second(0), second(1), instance="c", service="shop"), at(1))
    found = await store.reports.signals(None, START, START + 1)
    assert {name: offsets(one.at for one in many) for name, many in found.items()} == {
        "payments": [0],
        "shop": [0],
    }
    (payments,) = found["payments"]
    assert (payments.requests, payments.errors, payments.latency) == (20, 1, {700: 18, 900: 2})


async def test_signals_can_be_asked_of_some_services(store: SqlStore) -> None:
    for service in ("payments", "shop"):
        await store.reports.append(report(second(0), service=service), at(1))
    assert list(await store.reports.signals(["shop"], START, START + 60)) == ["shop"]
    assert await store.reports.signals([], START, START + 60) == {}


async def test_counts_of_unknown_slos_are_left_out(url: str) -> None:
    told = second(0)
    told.slis[0].name = "made-up"
    async with await open_store(url, slos=[CHECKOUT]) as store:
        await store.reports.append(report(told, second(1)), at(2))
        assert offsets(row.at for row in await store.reports.slis_since(START)) == [1]
        (payments,) = (await store.reports.signals(None, START, START + 1))["payments"]
        assert payments.requests == 10


async def test_a_second_over_an_hour_old_is_left_out(store: SqlStore) -> None:
    await store.reports.append(report(second(0), second(1), second(2)), at(3601))
    assert offsets(row.at for row in await store.reports.slis_since(0)) == [2]


async def test_reports_that_arrive_during_a_commit_share_the_next(store: SqlStore) -> None:
    many = [report(second(0, bad=1), instance=f"payments-{number}") for number in range(200)]
    await asyncio.gather(*(store.reports.append(one, at(1)) for one in many))
    (row,) = await store.reports.slis_since(START)
    assert row.counts == Counts(good=200 * 9, bad=200)
    assert await store.database.read(_transactions) <= 3


def _transactions(connection: Connection) -> int:
    """Every transaction that brought seconds of a minute counts the minute up by one."""
    return int(connection.execute(select(minute_progress.c.told)).scalar_one())


async def test_a_report_that_does_not_fit_harms_no_other(store: SqlStore) -> None:
    too_much = second(0)
    too_much.requests = 2**70
    outcomes = await asyncio.gather(
        store.reports.append(report(second(0), instance="a"), at(1)),
        store.reports.append(report(second(0), instance="b"), at(1)),
        store.reports.append(report(too_much, instance="c"), at(1)),
        store.reports.append(report(second(0), instance="d"), at(1)),
        return_exceptions=True,
    )
    assert [type(one) for one in outcomes] == [type(None), type(None), InvalidInput, type(None)]
    (row,) = await store.reports.slis_since(START)
    assert row.counts.total == 30


@pytest.mark.parametrize(
    "name",
    ['a "quoted" one', "back\\slash\\", "{a,b}", "NULL", "", " ", "\N{SNOWMAN}", "two\nlines", "'; --"],
)
async def test_a_name_is_kept_letter_by_letter(store: SqlStore, name: str) -> None:
    await store.reports.append(report(second(0), instance=name, service=name), at(1))
    assert await store.database.read(_tellers) == [name]
    assert list(await store.reports.signals([name], START, START + 1)) == [name]


def _tellers(connection: Connection) -> list[str]:
    return list(connection.scalars(select(slo_second.c.instance)))


@pytest.mark.parametrize("flat", [[700], [700, -1]])
async def test_a_histogram_that_is_none_is_refused(store: SqlStore, flat: list[int]) -> None:
    wrong = second(0)
    wrong.latency = flat
    with pytest.raises(InvalidInput, match="flat list of index, count pairs"):
        await store.reports.append(report(wrong), at(1))


@pytest.mark.parametrize("instant", [float("nan"), float("inf"), 1e30])
async def test_a_start_that_is_no_instant_is_refused(store: SqlStore, instant: float) -> None:
    with pytest.raises(InvalidInput):
        await store.reports.append(report(second(0), started_at=instant), at(1))


async def test_a_caller_who_leaves_does_not_lose_the_reports_of_others(store: SqlStore) -> None:
    leaving = asyncio.create_task(store.reports.append(report(second(0), instance="a"), at(1)))
    staying = asyncio.create_task(store.reports.append(report(second(0), instance="b"), at(1)))
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
    (row,) = await store.reports.slis_since(START)
    assert row.counts.total >= 10


async def test_reports_to_a_closed_store_are_refused(url: str) -> None:
    store = await open_store(url)
    await store.close()
    with pytest.raises(StoreUnavailable, match="is closed"):
        await store.reports.append(report(second(0)), at(1))


async def test_an_instance_is_as_it_was_last_told(store: SqlStore) -> None:
    told = report(second(0), seq=4)
    told.clock = ClockMapping(offset_ms=-12.5, error_ms=0.75)
    told.memory_bytes, told.dropped_seconds, told.misfires = 2**33, 2, 1
    await store.reports.append(told, at(1.25))
    (instance,) = await store.reports.instances()
    assert (instance.service, instance.instance, instance.version) == ("payments", "payments-1", "1.0")
    assert (instance.started_at, instance.seen_at) == (at(-60), at(1.25))
    assert (instance.clock_offset_ms, instance.clock_error_ms) == (-12.5, 0.75)
    assert (instance.memory_bytes, instance.dropped_seconds, instance.misfires) == (2**33, 2, 1)
    assert (instance.routes, instance.last_seq) == (("/charge",), 4)


async def test_an_older_report_that_comes_late_does_not_turn_an_instance_back(store: SqlStore) -> None:
    receipt = LeaseStatus("lease-1", 7, hits=9, ended_at=START + 5.5, ended_by="withdrawn")
    await store.reports.append(report(seq=8, leases=[receipt]), at(8))
    await store.reports.append(report(seq=7, leases=[LeaseStatus("lease-1", 7, hits=3)]), at(9))
    (instance,) = await store.reports.instances()
    assert (instance.last_seq, instance.seen_at) == (8, at(8))
    assert await store.reports.lease_statuses(7) == {("payments-1", "lease-1"): receipt}


async def test_an_instance_that_restarted_counts_its_reports_from_one(store: SqlStore) -> None:
    await store.reports.append(report(seq=8), at(8))
    await store.reports.append(report(seq=1, started_at=START + 9.0), at(10))
    (instance,) = await store.reports.instances()
    assert (instance.last_seq, instance.started_at) == (1, at(9))


async def test_an_agent_that_learns_the_portals_clock_may_have_started_earlier_than_it_said(
    store: SqlStore,
) -> None:
    lease = LeaseStatus("lease-1", 7, hits=3)
    await store.reports.append(report(seq=1, started_at=START + 3600.0, leases=[lease]), at(1))
    again = report(seq=2, started_at=START - 0.001, leases=[replace(lease, hits=9)])
    again.clock = ClockMapping(offset_ms=-3_600_000.0, error_ms=0.5)
    await store.reports.append(again, at(2))
    (instance,) = await store.reports.instances()
    assert (instance.last_seq, instance.clock_error_ms) == (2, 0.5)
    assert await store.reports.lease_statuses(7) == {("payments-1", "lease-1"): replace(lease, hits=9)}


async def test_of_two_reports_in_one_commit_the_newer_tells_the_instance(store: SqlStore) -> None:
    await asyncio.gather(*(store.reports.append(report(seq=seq), at(seq)) for seq in (2, 3, 1)))
    (instance,) = await store.reports.instances()
    assert instance.last_seq == 3
