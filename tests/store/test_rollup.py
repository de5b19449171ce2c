"""Seconds become minutes and hours, exactly; what is old goes; nothing is counted twice."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete

from sre_portal.contract.histogram import dump_buckets, merge
from sre_portal.contract.report import LeaseStatus, Second, SliCount
from sre_portal.core.ports import SliRow
from sre_portal.core.signal import Signal
from sre_portal.core.slo import Counts
from sre_portal.store.database import SqlStore, open_store
from sre_portal.store.tables import METADATA
from tests.store.samples import CHECKOUT, START, at, injected, offsets, report, second

DAY = 86400
FAR = START + 100 * DAY


async def test_a_finished_minute_is_the_sum_of_its_seconds(store: SqlStore) -> None:
    seconds = [second(offset, bad=1, planned=offset % 2, latency={700: 9, 900: 1}) for offset in range(70)]
    await store.reports.append(report(*seconds), at(71))
    await store.reports.roll_up(START + 71)
    assert await store.reports.sli_minutes(START, FAR) == [SliRow(CHECKOUT, START, Counts(540, 60, 30))]
    assert await store.reports.signal_minutes(None, START, FAR) == {
        "payments": [Signal(START, 600, 60, {700: 540, 900: 60})]
    }


async def test_a_minute_that_is_not_over_is_not_summed(store: SqlStore) -> None:
    await store.reports.append(report(second(58)), at(59))
    await store.reports.roll_up(START + 59)
    assert await store.reports.sli_minutes(START, FAR) == []
    await store.reports.roll_up(START + 60)
    assert len(await store.reports.sli_minutes(START, FAR)) == 1


async def test_rolling_up_again_changes_nothing(store: SqlStore) -> None:
    await store.reports.append(report(*(second(offset, bad=1) for offset in range(60))), at(60))
    await store.reports.roll_up(START + 60)
    before = await store.reports.sli_minutes(START, FAR), await store.reports.sli_hours(START, FAR)
    for _ in range(3):
        await store.reports.roll_up(START + 60)
    assert (
        await store.reports.sli_minutes(START, FAR),
        await store.reports.sli_hours(START, FAR),
    ) == before


async def test_a_late_second_is_added_to_its_minute_and_its_hour(store: SqlStore) -> None:
    await store.reports.append(report(second(0), second(61)), at(62))
    await store.reports.roll_up(START + 120)
    await store.reports.append(report(second(1, bad=5), instance="late"), at(1800))
    await store.reports.roll_up(START + 1800)
    minutes = await store.reports.sli_minutes(START, FAR)
    assert [(row.at - START, row.counts) for row in minutes] == [(0, Counts(15, 5)), (60, Counts(10))]
    (hour,) = await store.reports.sli_hours(START, FAR)
    assert hour.counts == Counts(25, 5)


async def test_minutes_wait_for_a_portal_that_was_away(store: SqlStore) -> None:
    await store.reports.append(report(*(second(offset) for offset in range(60))), at(60))
    await store.reports.roll_up(START + 5 * 3600)
    (minute,) = await store.reports.sli_minutes(START, FAR)
    assert minute.counts.total == 600
    assert await store.reports.slis_since(0) == []


async def test_a_minute_that_lost_its_seconds_keeps_its_sum(store: SqlStore) -> None:
    await store.reports.append(report(*(second(offset) for offset in range(60))), at(60))
    await store.reports.roll_up(START + 2 * 3600)
    await store.reports.append(report(second(5, bad=10), instance="too-late"), at(2 * 3600))
    await store.reports.roll_up(START + 2 * 3600)
    (minute,) = await store.reports.sli_minutes(START, FAR)
    assert minute.counts == Counts(600)


async def test_seconds_of_the_last_hour_stay_and_older_ones_go(store: SqlStore) -> None:
    for offset in range(0, 7200, 60):
        await store.reports.append(report(second(offset)), at(offset + 1))
    await store.reports.roll_up(START + 7200)
    kept = offsets(row.at for row in await store.reports.slis_since(0))
    assert kept[-1] == 7140
    assert 3480 <= kept[0] <= 3600
    assert len(await store.reports.signals(None, 0, FAR)) == 1
    assert len(await store.reports.sli_minutes(0, FAR)) == 120


async def test_minutes_and_hours_go_after_35_days(store: SqlStore) -> None:
    old, young = START, START + 2 * 3600
    await store.reports.seed(
        [SliRow(CHECKOUT, minute, Counts(1)) for minute in (old, young)],
        {"payments": [Signal(minute, 1) for minute in (old, young)]},
    )
    await store.reports.roll_up(START + 35 * DAY + 3600)
    assert offsets(row.at for row in await store.reports.sli_minutes(0, FAR)) == [7200]
    assert offsets(row.at for row in await store.reports.sli_hours(0, FAR)) == [7200]
    (signal,) = (await store.reports.signal_minutes(None, 0, FAR))["payments"]
    assert signal.at == young


async def test_an_instance_that_is_silent_for_a_day_is_forgotten(store: SqlStore) -> None:
    await store.reports.append(report(instance="gone"), at(0))
    await store.reports.append(report(instance="there"), at(3 * 3600))
    await store.reports.roll_up(START + DAY + 3600)
    assert [one.instance for one in await store.reports.instances()] == ["there"]


async def test_hours_are_the_minutes_in_between_also_at_the_edges(store: SqlStore) -> None:
    minutes = range(START - 7200, START + 7200, 60)
    await store.reports.seed([SliRow(CHECKOUT, minute, Counts(1)) for minute in minutes], {})
    for start, end in ((-7200, 7200), (-3599, 3659), (60, 120), (-60, 60), (0, 3600), (1, 1)):
        rows = await store.reports.sli_hours(START + start, START + end)
        inside = [minute for minute in minutes if START + start <= minute < START + end]
        expected: defaultdict[int, int] = defaultdict(int)
        for minute in inside:
            expected[minute - minute % 3600] += 1
        assert {row.at: row.counts.good for row in rows} == expected


async def test_reading_can_be_narrowed_to_some_slos(store: SqlStore) -> None:
    names = ["a", "b", "c"]
    await store.reports.seed([SliRow(name, START, Counts(1)) for name in names], {})
    assert [row.slo for row in await store.reports.sli_minutes(START, FAR)] == names
    assert [row.slo for row in await store.reports.sli_minutes(START, FAR, ["c", "a"])] == ["a", "c"]
    assert [row.slo for row in await store.reports.sli_hours(START, FAR, ["b"])] == ["b"]
    assert await store.reports.sli_hours(START, FAR, []) == []


async def test_sample_history_is_marked_and_leaves_what_was_counted_alone(store: SqlStore) -> None:
    await store.reports.append(report(second(0, bad=1)), at(1))
    await store.reports.roll_up(START + 60)
    await store.reports.seed(
        [SliRow(CHECKOUT, START + offset, Counts(500)) for offset in (-3600, 0, 60)],
        {"payments": [Signal(START, 999), Signal(START + 60, 500, 1, {700: 500})]},
    )
    minutes = await store.reports.sli_minutes(0, FAR)
    assert [(row.at - START, row.counts, row.seeded) for row in minutes] == [
        (-3600, Counts(500), True),
        (0, Counts(9, 1), False),
        (60, Counts(500), True),
    ]
    hours = await store.reports.sli_hours(0, FAR)
    assert [(row.at - START, row.counts, row.seeded) for row in hours] == [
        (-3600, Counts(500), True),
        (0, Counts(509, 1), True),
    ]
    signals = (await store.reports.signal_minutes(["payments"], 0, FAR))["payments"]
    assert [(one.requests, one.seeded) for one in signals] == [(10, False), (500, True)]


async def test_what_a_lease_did_outlives_its_seconds(store: SqlStore) -> None:
    for instance in ("a", "b"):
        status = LeaseStatus("lease-1", 7, hits=120)
        told = [injected(offset, hits=2) for offset in range(60)]
        await store.reports.append(report(*told, instance=instance, leases=[status]), at(61))
    before = await store.reports.injections(7)
    for now in (START + 30, START + 61, START + 120, START + 2 * 3600, START + 3 * 3600):
        await store.reports.roll_up(now)
        assert await store.reports.injections(7) == before
    (totals,) = before
    assert (totals.matched, totals.hits, totals.cut) == (1200, 240, 0)
    assert totals.delay == {800: 240}
    assert totals.untreated == {700: 960}


async def test_a_second_of_a_lease_that_comes_late_or_again_counts_once(store: SqlStore) -> None:
    status = LeaseStatus("lease-1", 7)
    await store.reports.append(report(injected(0, hits=2), leases=[status]), at(1))
    await store.reports.roll_up(START + 60)
    await store.reports.append(report(injected(0, hits=2), injected(1, hits=3)), at(61))
    await store.reports.roll_up(START + 120)
    await store.reports.append(report(injected(0, hits=2), injected(1, hits=3)), at(121))
    (totals,) = await store.reports.injections(7)
    assert totals.hits == 5


async def test_two_replicas_that_take_the_same_seconds_count_them_once(url: str) -> None:
    async with await open_store(url) as here, await open_store(url) as there:
        for block in range(0, 60, 5):
            told = [injected(offset, hits=1) for offset in range(block, block + 5)]
            await asyncio.gather(
                *(
                    store.reports.append(
                        report(*told, instance=name, leases=[LeaseStatus("lease-1", 7)]), at(61)
                    )
                    for name in ("a", "b")
                    for store in (here, there)
                )
            )
        (totals,) = await here.reports.injections(7)
        assert (totals.matched, totals.hits) == (1200, 120)
        assert await there.reports.injections(7) == [totals]


async def test_leases_of_other_runs_are_not_counted(store: SqlStore) -> None:
    for run_id, lease_id in ((7, "lease-7"), (8, "lease-8")):
        told = report(
            injected(0, hits=run_id, lease_id=lease_id),
            instance=lease_id,
            leases=[LeaseStatus(lease_id, run_id)],
        )
        await store.reports.append(told, at(1))
    assert [(one.lease_id, one.hits) for one in await store.reports.injections(8)] == [("lease-8", 8)]
    assert list(await store.reports.lease_statuses(7)) == [("lease-7", "lease-7")]
    assert await store.reports.injections(9) == []


@dataclass
class Model:
    """What the store should hold, told the simplest way."""

    seconds: dict[tuple[str, int], Second] = field(default_factory=dict)

    def append(self, instance: str, seconds: list[Second]) -> None:
        for one in seconds:
            self.seconds.setdefault((instance, one.at), one)

    def stretches(self, length: int, until: int) -> Mapping[int, Counts]:
        found: defaultdict[int, Counts] = defaultdict(Counts)
        for (_, at_second), one in self.seconds.items():
            if at_second // 60 * 60 + 60 <= until:
                (sli,) = one.slis
                found[at_second // length * length] += Counts(sli.good, sli.bad, sli.planned)
        return found

    def histograms(self, until: int) -> Mapping[int, Mapping[int, int]]:
        found: defaultdict[int, list[dict[int, int]]] = defaultdict(list)
        for (_, at_second), one in self.seconds.items():
            if (minute := at_second // 60 * 60) + 60 <= until:
                found[minute].append(dict(zip(one.latency[::2], one.latency[1::2], strict=True)))
        return {minute: merge(many) for minute, many in found.items()}


@st.composite
def told_seconds(draw: st.DrawFn) -> list[Second]:
    found = []
    for offset in draw(st.lists(st.integers(0, 400), min_size=1, max_size=8, unique=True)):
        good, bad = draw(st.integers(0, 50)), draw(st.integers(0, 50))
        latency = draw(st.dictionaries(st.integers(0, 900), st.integers(1, 50), max_size=4))
        sli = SliCount(CHECKOUT, good, bad, draw(st.integers(0, bad)))
        found.append(Second(START + 3400 + offset, good + bad, bad, dump_buckets(latency), [sli]))
    return found


steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["a", "b", "c"]), told_seconds()),
        st.integers(3400, 3900),
    ),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=steps)
async def test_minutes_and_hours_are_what_a_plain_sum_says(
    store: SqlStore, steps: list[tuple[str, list[Second]] | int]
) -> None:
    await store.database.write(_empty)
    model = Model()
    for step in [*steps, 4000]:
        if isinstance(step, int):
            await store.reports.roll_up(START + step)
        else:
            model.append(*step)
            await store.reports.append(report(*step[1], instance=step[0]), at(3900))
    minutes = await store.reports.sli_minutes(0, FAR)
    assert {row.at: row.counts for row in minutes} == model.stretches(60, START + 4000)
    hours = await store.reports.sli_hours(0, FAR)
    assert {row.at: row.counts for row in hours} == model.stretches(3600, START + 4000)
    signals = (await store.reports.signal_minutes(None, 0, FAR)).get("payments", [])
    assert {one.at: one.latency for one in signals} == model.histograms(START + 4000)


def _empty(connection: Connection) -> None:
    for table in METADATA.sorted_tables[::-1]:
        connection.execute(delete(table))
