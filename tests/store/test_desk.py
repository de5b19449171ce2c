"""Leases are told at once, end by themselves, and never come back once they were taken."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sre_portal.contract.fault import Latency
from sre_portal.contract.lease import Lease, Plan, SliDefinition
from sre_portal.contract.match import Match, Share
from sre_portal.store.desk import Desk
from tests.store.samples import NOW, START, StandingClock, at

NEVER = 3600.0
"""A beat so long that only a change can be what woke a stream."""


def lease(run_id: int = 1, name: str = "a") -> Lease:
    return Lease(f"{run_id}-{name}", run_id, Latency(800.0), Match(), Share(), ttl_ms=0.0)


@asynccontextmanager
async def listening(
    desk: Desk, service: str = "payments", instance: str = "i1"
) -> AsyncGenerator[AsyncIterator[Plan]]:
    """A stream of plans, ended at the end as a web server does when an agent leaves."""
    stream = cast(AsyncGenerator[Plan], desk.plans(service, instance))
    try:
        yield stream
    finally:
        await stream.aclose()


def told(plan: Plan) -> list[tuple[str, float]]:
    return [(one.id, one.ttl_ms) for one in plan.leases]


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def desk(clock: StandingClock) -> Desk:
    return Desk(clock, beat_seconds=NEVER)


async def test_a_stream_tells_a_plan_at_once(desk: Desk) -> None:
    slis = [SliDefinition("checkout", "availability")]
    desk.define({"payments": slis})
    async with listening(desk) as plans:
        plan = await anext(plans)
    assert (plan.sent_at, plan.slis, plan.leases) == (float(START), tuple(slis), ())


async def test_a_grant_is_told_at_once_with_the_time_that_is_left(desk: Desk, clock: StandingClock) -> None:
    async with listening(desk) as plans:
        await anext(plans)
        waiting = asyncio.ensure_future(anext(plans))
        await asyncio.sleep(0)
        desk.grant("payments", [lease()], at(5))
        clock.pass_seconds(1.25)
        assert told(await waiting) == [("1-a", 3750.0)]


async def test_only_the_service_of_the_target_is_told(desk: Desk) -> None:
    async with listening(desk, "shop") as shop, listening(desk) as payments:
        await anext(shop)
        await anext(payments)
        waiting = asyncio.ensure_future(anext(shop))
        desk.grant("payments", [lease()], at(5))
        assert told(await anext(payments)) == [("1-a", 5000.0)]
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_a_change_while_a_plan_is_on_its_way_is_told_next(desk: Desk) -> None:
    async with listening(desk) as plans:
        assert told(await anext(plans)) == []
        desk.grant("payments", [lease()], at(5))
        desk.grant("payments", [lease(name="b")], at(5))
        assert told(await anext(plans)) == [("1-a", 5000.0), ("1-b", 5000.0)]


async def test_without_a_change_a_stream_tells_a_plan_each_beat(clock: StandingClock) -> None:
    desk = Desk(clock, beat_seconds=0.001)
    desk.grant("payments", [lease()], at(5))
    async with listening(desk) as plans:
        for left in (5000.0, 4000.0, 3000.0):
            assert told(await anext(plans)) == [("1-a", left)]
            clock.pass_seconds(1)


async def test_plans_are_numbered_in_the_order_they_are_told(clock: StandingClock) -> None:
    desk = Desk(clock, beat_seconds=0.001)
    async with listening(desk, instance="i1") as one, listening(desk, instance="i2") as other:
        seqs = [(await anext(stream)).seq for stream in (one, other, one, other, other)]
    assert seqs == sorted(set(seqs))


async def test_a_lease_that_ended_is_not_told(desk: Desk, clock: StandingClock) -> None:
    desk.grant("payments", [lease()], at(5))
    clock.pass_seconds(5)
    async with listening(desk) as plans:
        assert told(await anext(plans)) == []
    assert desk.active() == {}


async def test_a_lease_lives_as_long_as_it_is_renewed(desk: Desk, clock: StandingClock) -> None:
    desk.grant("payments", [lease()], at(5))
    clock.pass_seconds(4)
    desk.renew(1, at(9))
    clock.pass_seconds(4)
    assert {service: told_now(leases) for service, leases in desk.active().items()} == {
        "payments": [("1-a", 1000.0)]
    }


def told_now(leases: Sequence[Lease]) -> list[tuple[str, float]]:
    return [(one.id, one.ttl_ms) for one in leases]


async def test_a_lease_that_ended_is_not_brought_back_by_a_renewal(desk: Desk, clock: StandingClock) -> None:
    desk.grant("payments", [lease()], at(5))
    clock.pass_seconds(5)
    desk.renew(1, at(60))
    assert desk.active() == {}


async def test_a_renewal_moves_one_run_only(desk: Desk, clock: StandingClock) -> None:
    desk.grant("payments", [lease(1), lease(2)], at(5))
    desk.renew(2, at(10))
    clock.pass_seconds(6)
    assert {service: [one.run_id for one in some] for service, some in desk.active().items()} == {
        "payments": [2]
    }


async def test_a_withdrawal_is_told_at_once(desk: Desk) -> None:
    desk.grant("payments", [lease(1), lease(2)], at(5))
    async with listening(desk) as plans:
        await anext(plans)
        waiting = asyncio.ensure_future(anext(plans))
        await asyncio.sleep(0)
        desk.withdraw(1)
        assert told(await waiting) == [("2-a", 5000.0)]


async def test_a_withdrawn_run_is_never_renewed_or_granted_again(desk: Desk) -> None:
    desk.grant("payments", [lease(1)], at(5))
    desk.withdraw(1)
    desk.renew(1, at(60))
    desk.grant("payments", [lease(1), lease(2)], at(60))
    assert [one.run_id for one in desk.active()["payments"]] == [2]


async def test_a_run_withdrawn_before_its_grant_is_never_granted(desk: Desk) -> None:
    desk.withdraw(1)
    desk.grant("payments", [lease(1)], at(5))
    assert desk.active() == {}


async def test_a_report_of_another_service_does_not_speak_for_an_instance(
    desk: Desk, clock: StandingClock
) -> None:
    desk.grant("payments", [lease(1)], at(60))
    async with listening(desk) as payments, listening(desk, "shop") as shop:
        assert [len(told(await anext(stream))) for stream in (payments, shop)] == [1, 0]
        clock.pass_seconds(6)
        desk.heard("shop", "i1")
        desk.grant("payments", [lease(2)], at(60))
        assert told(await anext(payments)) == []
        desk.heard("payments", "i1")
        desk.grant("payments", [lease(3)], at(60))
        assert len(told(await anext(payments))) == 3


async def test_withdrawing_all_names_the_runs_and_leaves_nothing(desk: Desk) -> None:
    desk.grant("payments", [lease(3), lease(1)], at(5))
    desk.grant("shop", [lease(1, "b")], at(5))
    async with listening(desk) as payments, listening(desk, "shop") as shop:
        assert [len(told(await anext(stream))) for stream in (payments, shop)] == [2, 1]
        assert desk.withdraw_all() == [1, 3]
        assert [told(await anext(stream)) for stream in (payments, shop)] == [[], []]
    assert desk.active() == {}
    assert desk.withdraw_all() == []
    desk.renew(1, at(60))
    desk.grant("payments", [lease(1), lease(3)], at(60))
    assert desk.active() == {}


async def test_holders_are_the_instances_that_were_told_also_afterwards(
    desk: Desk, clock: StandingClock
) -> None:
    async with listening(desk, instance="before") as before:
        await anext(before)
        desk.grant("payments", [lease()], at(5))
        async with listening(desk, instance="during") as during, listening(desk, "shop", "other") as other:
            await anext(during)
            await anext(other)
            assert desk.holders(1) == {"during"}
            await anext(before)
            assert desk.holders(1) == {"before", "during"}
    desk.withdraw(1)
    clock.pass_seconds(60)
    async with listening(desk, instance="after") as after:
        await anext(after)
    assert desk.holders(1) == {"before", "during"}
    assert desk.holders(2) == frozenset()


async def test_new_slis_are_told_to_the_services_they_concern(desk: Desk) -> None:
    first, second = SliDefinition("a", "availability"), SliDefinition("b", "latency", threshold_ms=300.0)
    desk.define({"payments": [first], "shop": [first]})
    async with listening(desk) as payments, listening(desk, "shop") as shop:
        await anext(payments)
        await anext(shop)
        quiet = asyncio.ensure_future(anext(shop))
        await asyncio.sleep(0)
        desk.define({"payments": [first, second], "shop": [first]})
        assert (await anext(payments)).slis == (first, second)
        assert not quiet.done()
        desk.define({})
        assert (await quiet).slis == ()
        assert (await anext(payments)).slis == ()


async def test_fifty_streams_are_all_told(desk: Desk) -> None:
    streams = [cast(AsyncGenerator[Plan], desk.plans("payments", f"i{number}")) for number in range(50)]
    await asyncio.gather(*(anext(stream) for stream in streams))
    waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
    await asyncio.sleep(0)
    desk.grant("payments", [lease()], at(5))
    plans = await asyncio.gather(*waiting)
    assert [told(plan) for plan in plans] == [[("1-a", 5000.0)]] * 50
    assert len(desk.holders(1)) == 50
    for stream in streams:
        await stream.aclose()


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["grant", "renew"]), st.integers(1, 3), st.integers(1, 10)),
            st.tuples(st.just("withdraw"), st.integers(1, 3), st.just(0)),
            st.tuples(st.sampled_from(["withdraw_all", "pass"]), st.just(0), st.integers(0, 6)),
        ),
        max_size=40,
    )
)
def test_no_order_of_events_lets_a_withdrawn_or_ended_lease_live(
    events: list[tuple[str, int, int]],
) -> None:
    clock = StandingClock()
    desk = Desk(clock)
    withdrawn: set[int] = set()
    latest = dict.fromkeys((1, 2, 3), NOW)
    for kind, run_id, seconds in events:
        until = clock.now() + timedelta(seconds=seconds)
        match kind:
            case "grant":
                desk.grant("payments", [lease(run_id)], until)
                latest[run_id] = max(latest[run_id], until)
            case "renew":
                desk.renew(run_id, until)
                latest[run_id] = max(latest[run_id], until)
            case "withdraw":
                desk.withdraw(run_id)
                withdrawn.add(run_id)
            case "withdraw_all":
                withdrawn.update(desk.withdraw_all())
                assert desk.active() == {}
            case _:
                clock.pass_seconds(seconds)
        for one in desk.active().get("payments", ()):
            assert one.run_id not in withdrawn
            assert 0 < one.ttl_ms <= (latest[one.run_id] - clock.now()) / timedelta(milliseconds=1)
