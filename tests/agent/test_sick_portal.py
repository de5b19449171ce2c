"""A portal that is gone, slow, wrong or hostile, and clocks that jump: the service is not affected."""

import asyncio
import logging

import pytest

from sre_portal.agent import FaultMiddleware
from sre_portal.agent.tally import BACKLOG_SECONDS
from sre_portal.contract.fault import ErrorStatus
from sre_portal.contract.lease import Plan
from sre_portal.contract.match import Match
from tests.agent.portal import TOKEN, StubPortal, Wire, serving
from tests.agent.timepiece import Timepiece
from tests.agent.worn import Worn, hello, lease, status, wall, worn

STATUS = ErrorStatus(503)
AN_HOUR_MS = 3_600_000.0


async def test_a_lease_ends_on_time_though_the_portal_is_gone() -> None:
    time = Timepiece()
    async with worn(clock=time.clock, now=time.wall) as shop:
        await shop.grant(lease(STATUS, ttl_ms=5_000))
        shop.portal.stream_status = 503
        shop.portal.hang_up()
        time.advance(4.9)
        assert await status(shop) == 503
        time.advance(0.1)
        assert await status(shop) == 200
        receipt = await shop.ended()
    assert (receipt["ended_by"], receipt["hits"]) == ("expired", 1)


async def test_a_process_that_slept_through_the_end_of_a_lease_injects_nothing_when_it_wakes() -> None:
    time = Timepiece()
    async with worn(clock=time.clock, now=time.wall) as shop:
        await shop.grant(lease(STATUS, ttl_ms=5_000))
        time.advance(3_600)
        assert await status(shop) == 200
        assert (await shop.ended())["ended_by"] == "expired"


async def test_a_plan_that_was_held_up_extends_no_lease() -> None:
    time = Timepiece()
    async with worn(clock=time.clock, now=time.wall) as shop:
        sent_at = time.wall()
        await shop.grant(lease(STATUS, ttl_ms=5_000))
        time.advance(4)
        other = lease(STATUS, name="b", run_id=2, match=Match(route="/other"))
        both = lease(STATUS, ttl_ms=5_000), other
        await shop.portal.plan((), both, sent_at=sent_at)
        await shop.portal.reported(lambda report: len(report["leases"]) == 2)
        time.advance(1)
        assert await status(shop) == 200


@pytest.mark.parametrize("seconds", [30.0, -30.0])
async def test_a_jump_of_the_wall_clock_ends_all_leases(seconds: float) -> None:
    time = Timepiece()
    async with worn(clock=time.clock, now=time.wall) as shop:
        await shop.grant(lease(STATUS))
        time.set_wall(seconds)
        assert await status(shop) == 200
        assert (await shop.ended())["ended_by"] == "clock_jump"


async def test_a_plan_with_a_smaller_number_is_ignored() -> None:
    async with worn() as shop:
        await shop.portal.plan((), (lease(STATUS),), seq=10)
        await shop.portal.plan(seq=9)
        await shop.portal.plan((), (lease(STATUS), lease(STATUS, name="b", run_id=2)), seq=10)
        await shop.portal.reported(lambda report: len(report["leases"]) == 2)
        assert await status(shop) == 503


async def test_a_new_stream_may_count_anew() -> None:
    async with worn() as shop:
        await shop.portal.plan((), (lease(STATUS),), seq=1_000)
        await shop.portal.reported(lambda report: bool(report["leases"]))
        shop.portal.hang_up()
        await shop.portal.plan(seq=1)
        assert (await shop.ended())["ended_by"] == "withdrawn"


async def test_a_lease_outlives_the_loss_of_its_stream() -> None:
    async with worn() as shop:
        await shop.grant(lease(STATUS))
        for _ in range(3):
            streams = len(shop.portal.queries)
            shop.portal.hang_up()
            await shop.portal.until(lambda: len(shop.portal.queries) > streams)  # noqa: B023  # awaited here
            assert await status(shop) == 503
        await shop.stop()
    told = [one["ended_by"] for report in shop.portal.reports for one in report["leases"]]
    assert set(told) == {None, "shutdown"}


@pytest.mark.parametrize(
    "answer",
    [b"", b"garbage", b"[]", b"{}", b'{"seq":0,"received_at":1,"sent_at":2}', b"9" * 70_000],
)
async def test_a_receipt_is_told_until_it_is_acknowledged(answer: bytes) -> None:
    async with worn() as shop:
        await shop.grant(lease(STATUS))
        shop.portal.answers = lambda _: answer
        await shop.portal.plan()
        told = await shop.ended()
        again = await shop.portal.reported(lambda report: ends(report) and receipts_up_to(shop, report) > 1)
        shop.portal.answers = shop.portal.receipt
        await shop.portal.reported(lambda report: report["seq"] > again["seq"] and not report["leases"])
    assert [one for one in again["leases"] if one["ended_by"]] == [told]


def ends(report: Wire) -> bool:
    return any(one["ended_by"] for one in report["leases"])


def receipts_up_to(shop: Worn, report: Wire) -> int:
    """How many reports with a receipt there were up to this one."""
    return sum(ends(one) for one in shop.portal.reports[: shop.portal.reports.index(report) + 1])


async def test_seconds_are_told_until_they_are_acknowledged_and_then_not_again() -> None:
    time = Timepiece()
    async with worn(clock=time.clock, now=time.wall) as shop:
        shop.portal.report_status = 500
        for _ in range(3):
            await status(shop)
            time.advance(1)
        time.advance(1)
        refused = await shop.portal.reported(lambda report: len(report["seconds"]) >= 3)
        shop.portal.report_status = 200
        refused_seq = refused["seq"]
        await shop.portal.reported(lambda report: report["seq"] > refused_seq + 1 and not report["seconds"])
        await shop.stop()
    assert shop.total(lambda second: second["requests"]) == 3
    assert shop.portal.reports[-1]["dropped_seconds"] == 0


async def test_a_gap_that_is_too_long_is_told_as_dropped_seconds() -> None:
    time = Timepiece()
    async with worn(clock=time.clock, now=time.wall) as shop:
        shop.portal.report_status = 500
        for _ in range(BACKLOG_SECONDS + 80):
            await status(shop)
            time.advance(1)
        time.advance(1)
        shop.portal.report_status = 200
        await shop.portal.reported(lambda report: report["dropped_seconds"] > 0)
        await shop.stop()
    dropped = shop.portal.reports[-1]["dropped_seconds"]
    assert dropped >= 80
    # A second under way when it was given up may arrive after all; none is lost untold.
    assert shop.total(lambda second: second["requests"]) >= BACKLOG_SECONDS + 80 - dropped
    assert max(len(report["seconds"]) for report in shop.portal.reports) <= 15


async def test_seconds_that_the_portal_rejects_do_not_keep_later_ones_from_being_told() -> None:
    time = Timepiece()
    async with worn(clock=time.clock, now=time.wall) as shop:
        shop.portal.report_status = 422
        await status(shop)
        time.advance(2)
        await shop.portal.reported(lambda report: bool(report["seconds"]))
        shop.portal.report_status = 200
        await shop.portal.reported(lambda report: report["dropped_seconds"] > 0)
        await status(shop)
        await shop.stop()
    assert shop.portal.reports[-1]["seconds"][-1]["requests"] == 1


@pytest.mark.parametrize("refusal", [401, 403])
async def test_a_wrong_token_is_counted_and_logged_once_and_requests_are_served(
    refusal: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with worn() as shop:
        shop.portal.stream_status = shop.portal.report_status = refusal
        shop.portal.hang_up()
        streams = len(shop.portal.queries)
        await shop.portal.until(lambda: len(shop.portal.queries) > streams + 2)
        assert await status(shop) == 200
        shop.portal.stream_status = shop.portal.report_status = 200
        report = await shop.portal.reported(lambda report: report["refusals"] > 2)
    assert report["refusals"] > 2
    lines = [one.message for one in caplog.records if one.name == "sre_portal.agent"]
    assert len(lines) == 1
    assert lines[0].endswith("The service is not affected.")


@pytest.mark.parametrize(
    "line", [b"garbage", b"{}", b"\x00\xff", b"x" * 300_000, b'{"seq":1,"sent_at":1e999}', b"[" * 100_000]
)
async def test_a_line_that_is_no_plan_is_counted_and_changes_nothing(line: bytes) -> None:
    async with worn() as shop:
        await shop.grant(lease(STATUS))
        await shop.portal.line(line)
        await shop.portal.until(lambda: len(shop.portal.queries) > 1)
        assert await status(shop) == 503
        await shop.stop()
    assert shop.portal.reports[-1]["unreadable"] >= 1


async def test_an_empty_line_says_that_the_portal_is_there() -> None:
    async with worn() as shop:
        await shop.portal.line(b"")
        await shop.grant(lease(STATUS))
        await shop.stop()
    assert len(shop.portal.queries) == 1
    assert shop.portal.reports[-1]["unreadable"] == 0


async def test_plans_that_come_in_one_piece_are_all_read() -> None:
    async with worn() as shop:
        lines = [
            Plan(number, wall(), (), (lease(STATUS, name=str(number), run_id=number),)) for number in range(3)
        ]
        await shop.portal.lines(lines)
        assert (await shop.ended("0"))["ended_by"] == "withdrawn"
        assert (await shop.ended("1"))["ended_by"] == "withdrawn"
        assert await status(shop) == 503


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "http://no-such-host.invalid", "nonsense", "https://127.0.0.1:9", ""]
)
async def test_without_a_portal_requests_are_served_and_counted(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Worn(FaultMiddleware(hello, service="shop", portal_url=url, token=TOKEN), StubPortal(wall))
    await shop.start()
    for _ in range(200):
        assert await status(shop) == 200
    await shop.stop()
    assert len([one for one in caplog.records if one.levelno == logging.WARNING]) <= 1


async def test_a_portal_that_never_answers_keeps_neither_requests_nor_the_shutdown() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    shop = Worn(FaultMiddleware(hello, service="shop", portal_url=url, token=TOKEN), StubPortal(wall))
    await shop.start()
    assert await status(shop) == 200
    await shop.stop()
    server.close()


async def test_a_token_that_no_header_can_hold_reaches_nobody() -> None:
    async with serving(StubPortal(wall)) as portal:
        middleware = FaultMiddleware(hello, service="shop", portal_url=portal.url, token="a\r\nx: y")
        shop = Worn(middleware, portal)
        await shop.start()
        assert await status(shop) == 200
        await shop.stop()
    assert portal.headers == []
