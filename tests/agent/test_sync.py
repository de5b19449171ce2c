"""The agent and its portal over real sockets: plans, leases and reports."""

import asyncio
import json
import threading

import pytest

import sre_portal
from sre_portal.agent import FaultMiddleware
from sre_portal.contract.fault import ErrorStatus, Latency
from sre_portal.contract.match import Match
from tests.agent.portal import TOKEN, StubPortal, serving
from tests.agent.timepiece import Timepiece
from tests.agent.worn import AVAILABILITY, Worn, ask, hello, lease, status, wall, worn

STATUS = ErrorStatus(503)
AN_HOUR_MS = 3_600_000.0


async def test_a_report_says_who_tells_it() -> None:
    async with worn(instance="shop-1", routes=["/", "/orders/{id}"]) as shop:
        report = shop.portal.reports[-1]
    assert report["service"] == "shop"
    assert report["instance"] == "shop-1"
    assert report["version"] == sre_portal.__version__
    assert report["routes"] == ["/", "/orders/{id}"]
    assert report["memory_bytes"] > 0
    assert report["started_at"] <= report["sent_at"]
    assert [one["seq"] for one in shop.portal.reports] == list(range(1, len(shop.portal.reports) + 1))
    assert shop.portal.queries[0] == "service=shop&instance=shop-1"
    assert {one["authorization"] for one in shop.portal.headers} == {f"Bearer {TOKEN}"}
    assert {one["x-sre-portal-agent"] for one in shop.portal.headers} == {"1"}


async def test_an_instance_names_itself_and_keeps_its_name() -> None:
    async with worn() as shop:
        await shop.stop()
        await shop.start()
        await shop.portal.reported(lambda report: report["seq"] > 3)
    assert len({report["instance"] for report in shop.portal.reports}) == 1


async def test_time_stamps_are_on_the_portals_clock() -> None:
    time = Timepiece()
    ahead = 1_000.0
    async with worn(clock=time.clock, now=lambda: time.wall() + ahead) as shop:
        await shop.grant(lease(STATUS))
        await status(shop)
        await shop.portal.plan()
        receipt = await shop.ended()
        await shop.stop()
    there = pytest.approx(time.wall() + ahead, abs=1e-5)
    assert (receipt["first_hit_at"], receipt["last_hit_at"], receipt["ended_at"]) == (there, there, there)
    assert shop.portal.reports[-1]["clock"]["offset_ms"] == pytest.approx(ahead * 1000, abs=0.01)
    assert shop.portal.reports[-1]["sent_at"] == there
    assert [second["at"] for second in shop.portal.reports[-1]["seconds"]] == [int(time.wall() + ahead)]


async def test_the_first_hit_is_told_at_once() -> None:
    async with worn() as shop:
        await shop.grant(lease(STATUS))
        await status(shop)
        report = await shop.portal.reported(lambda report: any(one["hits"] for one in report["leases"]))
    [told] = report["leases"]
    assert told["first_hit_at"] == told["last_hit_at"]
    assert told["ended_at"] is None


async def test_a_withdrawn_lease_injects_nothing_any_more_and_its_receipt_is_told() -> None:
    async with worn() as shop:
        await shop.grant(lease(STATUS))
        assert await status(shop) == 503
        await shop.portal.plan()
        receipt = await shop.ended()
        assert await status(shop) == 200
    assert (receipt["ended_by"], receipt["hits"], receipt["run_id"]) == ("withdrawn", 1, 1)
    assert receipt["last_hit_at"] <= receipt["ended_at"]


async def test_a_withdrawn_lease_lets_go_of_the_requests_it_holds() -> None:
    async with worn() as shop:
        await shop.grant(lease(Latency(AN_HOUR_MS, cap_ms=AN_HOUR_MS)))
        asking = [asyncio.create_task(ask(shop.app)) for _ in range(20)]
        await shop.portal.reported(lambda report: any(one["hits"] for one in report["leases"]))
        await shop.portal.plan((AVAILABILITY,))
        answers = await asyncio.gather(*asking)
        await shop.stop()
    assert {answer.body for answer in answers} == {b"hello"}
    assert (shop.injected("cut"), shop.injected("hits"), shop.injected("delay")) == (20, 20, 0)


async def test_an_unknown_fault_is_not_injected_and_said_so() -> None:
    async with worn() as shop:
        plan = json.loads('{"seq": 1, "sent_at": 0, "leases": [{"id": "a", "run_id": 1, "ttl_ms": 5000}]}')
        plan["leases"][0]["fault"] = {"kind": "melt"}
        await shop.portal.line(json.dumps(plan).encode())
        report = await shop.portal.reported(lambda report: bool(report["leases"]))
        assert await status(shop) == 200
    [told] = report["leases"]
    assert told["refused"].startswith("unknown fault kind 'melt'")


def agents() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "sre-portal-agent"}


async def test_there_is_one_thread_from_start_to_stop_and_it_keeps_no_process_alive() -> None:
    before = agents()
    async with worn() as shop:
        await asyncio.gather(*(status(shop) for _ in range(50)))
        [thread] = agents() - before
        assert thread.daemon
        await shop.stop()
        await asyncio.to_thread(thread.join)
    assert agents() - before == set()


async def test_a_process_that_was_forked_has_a_thread_and_a_name_of_its_own() -> None:
    async with worn() as shop:
        left_behind = shop.app.sync._session
        assert left_behind is not None
        left_behind.process = -1  # as a fork has it: the thread is the parent's
        shop.app.sync.start()
        await shop.portal.reported(lambda report: report["instance"] != left_behind.instance)
        left_behind.loop.call_soon_threadsafe(left_behind.stopping.set)


async def test_without_a_lifespan_the_first_request_starts_the_agent() -> None:
    async with serving(StubPortal(wall)) as portal:
        middleware = FaultMiddleware(hello, service="shop", portal_url=portal.url, token=TOKEN)
        shop = Worn(middleware, portal)
        assert await status(shop) == 200
        await portal.reported(lambda report: report["service"] == "shop")
        await shop.start()
        await shop.stop()


async def test_a_stop_tells_the_last_counts_and_ends_the_leases() -> None:
    async with worn() as shop:
        await shop.grant(lease(STATUS, match=Match(route="/other")))
        await status(shop)
        await shop.stop()
        assert (await shop.ended())["ended_by"] == "shutdown"
    assert shop.sli() == (1, 0, 0)
