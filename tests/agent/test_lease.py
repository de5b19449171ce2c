import asyncio
import threading
from dataclasses import replace

import pytest

from sre_portal.agent.clock import SECOND, PortalClock
from sre_portal.agent.lease import REMEMBERED_ENDS, LeaseBook
from sre_portal.contract.fault import Abort, Latency
from sre_portal.contract.lease import Lease, Plan
from sre_portal.contract.match import Match, Share
from sre_portal.contract.report import LeaseStatus
from tests.agent.timepiece import Timepiece


def lease(name: str = "a", run_id: int = 1, ttl_ms: float = 5_000) -> Lease:
    return Lease(name, run_id, Abort(), Match(), Share(), ttl_ms)


class Book:
    """A lease book whose clock, plans and wakings the test holds."""

    def __init__(self) -> None:
        self.time = Timepiece()
        self.portal_clock = PortalClock(self.time.clock)
        self.book = LeaseBook(self.time.clock, self.portal_clock)
        self.wakings = 0
        self.book.wake = self.woken

    def woken(self) -> None:
        self.wakings += 1

    def plan(self, *leases: Lease, under_way: float = 0.0) -> None:
        """A plan that was sent so long ago arrives now."""
        plan = Plan(1, self.time.wall() - under_way, (), leases)
        self.book.apply(plan, (), self.time.monotonic_ns)

    def live(self) -> list[str]:
        return [held.lease.id for held in self.book.live]

    def status(self, name: str = "a") -> LeaseStatus | None:
        return next((status for status in self.book.statuses() if status.lease_id == name), None)

    def ended_by(self, name: str = "a") -> str | None:
        status = self.status(name)
        return status.ended_by if status else None


def test_a_lease_ends_by_itself_when_the_portal_is_silent() -> None:
    book = Book()
    book.plan(lease(ttl_ms=5_000))
    book.time.advance(4.999)
    book.book.check(book.time.monotonic_ns)
    assert book.live() == ["a"]
    book.time.advance(0.001)
    book.book.check(book.time.monotonic_ns)
    assert book.live() == []
    assert book.ended_by() == "expired"


def test_an_end_that_is_noticed_late_is_told_for_when_it_was() -> None:
    book = Book()
    begin = book.time.wall()
    book.plan(lease(ttl_ms=5_000))
    book.time.advance(60)
    book.book.sweep()
    status = book.status()
    assert status is not None
    assert status.ended_at == begin + 5


def test_a_renewed_lease_goes_on() -> None:
    book = Book()
    for _ in range(20):
        book.plan(lease())
        book.time.advance(1)
    book.book.sweep()
    assert book.live() == ["a"]


def test_a_plan_that_was_held_up_extends_no_lease() -> None:
    book = Book()
    book.plan(lease())
    book.time.advance(4)
    book.plan(lease(), under_way=4)  # sent when the first one was
    book.time.advance(1)
    book.book.sweep()
    assert book.live() == []


def test_a_plan_that_was_under_way_too_long_starts_nothing_and_keeps_nothing_from_starting() -> None:
    book = Book()
    book.plan(lease(), under_way=6)
    assert book.live() == []
    book.plan(lease())
    assert book.live() == ["a"]


def test_a_lease_that_has_ended_here_never_comes_back() -> None:
    book = Book()
    book.plan(lease(ttl_ms=1_000))
    book.time.advance(2)
    book.plan(lease(), lease("b"))
    assert book.live() == ["b"]
    assert book.ended_by() == "expired"
    status = book.status()
    assert status is not None
    book.book.acknowledge([status])
    book.plan(lease(), lease("b"))
    assert book.live() == ["b"]


@pytest.mark.parametrize("seconds", [1.5, -1.5, 86_400])
def test_a_jump_of_the_wall_clock_ends_all_leases(seconds: float) -> None:
    book = Book()
    book.plan(lease(), lease("b"))
    book.time.set_wall(seconds)
    book.book.check(book.time.monotonic_ns)
    assert book.live() == []
    assert [book.ended_by(), book.ended_by("b")] == ["clock_jump", "clock_jump"]


def test_after_a_jump_new_leases_are_taken() -> None:
    book = Book()
    book.plan(lease())
    book.time.set_wall(10)
    book.plan(lease("b"))
    assert book.live() == ["b"]
    assert book.ended_by() == "clock_jump"


def test_a_lease_that_is_in_no_plan_any_more_is_withdrawn() -> None:
    book = Book()
    book.plan(lease(), lease("b", run_id=2))
    book.plan(lease("b", run_id=2))
    assert book.live() == ["b"]
    assert book.ended_by() == "withdrawn"


def test_a_lease_is_replaced_when_its_run_brings_another() -> None:
    book = Book()
    book.plan(lease("a", run_id=1))
    book.plan(lease("b", run_id=1))
    assert book.ended_by() == "replaced"


def test_a_changed_lease_takes_effect_in_place() -> None:
    book = Book()
    book.plan(lease())
    book.plan(replace(lease(), share=Share(0.5), fault=Latency(5)))
    assert book.book.live[0].lease.share == Share(0.5)
    assert book.book.live[0].lease.fault == Latency(5)


def test_hits_are_told_with_the_first_and_the_last() -> None:
    book = Book()
    book.plan(lease())
    [held] = book.book.live
    begin = book.time.wall()
    for _ in range(3):
        book.time.advance(1)
        assert book.book.strike(held, book.time.monotonic_ns)
    status = book.status()
    assert status is not None
    assert (status.hits, status.first_hit_at, status.last_hit_at) == (3, begin + 1, begin + 3)


def test_the_portal_is_told_at_once_of_a_lease_its_first_hit_and_its_end() -> None:
    book = Book()
    book.plan(lease())
    assert book.wakings == 1
    for expected in (2, 2):
        book.book.strike(book.book.live[0], book.time.monotonic_ns)
        assert book.wakings == expected
    book.plan(lease())
    assert book.wakings == 2
    book.plan()
    assert book.wakings == 3


def test_there_is_no_hit_after_the_end() -> None:
    book = Book()
    book.plan(lease())
    [held] = book.book.live
    book.plan()
    assert not book.book.strike(held, book.time.monotonic_ns)
    status = book.status()
    assert status is not None
    assert status.hits == 0


def test_hits_of_many_threads_are_all_counted_and_none_after_the_end() -> None:
    book = Book()
    book.plan(lease())
    [held] = book.book.live
    struck: list[bool] = []

    def strike() -> None:
        struck.extend(book.book.strike(held, book.time.monotonic_ns) for _ in range(2_000))

    threads = [threading.Thread(target=strike) for _ in range(4)]
    for thread in threads:
        thread.start()
    book.plan()
    for thread in threads:
        thread.join()
    status = book.status()
    assert status is not None
    assert status.hits == sum(struck)


def test_a_receipt_is_told_until_the_portal_has_it() -> None:
    book = Book()
    book.plan(lease())
    book.plan()
    told = book.book.statuses()
    assert [status.ended_by for status in told] == ["withdrawn"]
    assert book.book.statuses() == told
    book.book.acknowledge(told)
    assert book.book.statuses() == []


def test_an_acknowledgement_of_a_live_lease_is_none_of_its_end() -> None:
    book = Book()
    book.plan(lease())
    told = book.book.statuses()
    book.plan()
    book.book.acknowledge(told)
    assert book.ended_by() == "withdrawn"


def test_a_refused_lease_is_told_as_long_as_the_plan_holds_it() -> None:
    book = Book()
    refused = LeaseStatus("x", 1, refused="unknown fault kind")
    book.book.apply(Plan(1, book.time.wall()), (refused,), book.time.monotonic_ns)
    assert book.book.statuses() == [refused]
    assert book.wakings == 1
    book.plan()
    assert book.book.statuses() == []


def test_all_leases_end_when_the_instance_stops() -> None:
    book = Book()
    book.plan(lease(), lease("b"))
    book.book.shut_down()
    assert book.live() == []
    assert [book.ended_by(), book.ended_by("b")] == ["shutdown", "shutdown"]


def test_what_is_remembered_of_ended_leases_is_bounded() -> None:
    book = Book()
    for number in range(REMEMBERED_ENDS + 10):
        book.plan(lease(str(number)))
    assert len(book.book.statuses()) == 1024 + 1
    assert len(book.book._over) == REMEMBERED_ENDS


async def test_requests_that_wait_under_a_lease_are_let_go_when_it_is_withdrawn_from_another_thread() -> None:
    book = Book()
    book.plan(lease())
    [held] = book.book.live
    loop = asyncio.get_running_loop()
    waiting = [held.wait(loop) for _ in range(3)]
    thread = threading.Thread(target=book.plan)
    thread.start()
    for future in waiting:
        assert future is not None
        await future
    thread.join()
    assert held.wait(loop) is None


async def test_a_request_that_left_is_not_woken() -> None:
    book = Book()
    book.plan(lease())
    [held] = book.book.live
    future = held.wait(asyncio.get_running_loop())
    assert future is not None
    held.leave(future)
    book.plan()
    await asyncio.sleep(0)
    assert not future.done()


def test_a_waiting_request_of_a_loop_that_is_closed_does_not_hinder_the_end() -> None:
    book = Book()
    book.plan(lease())
    [held] = book.book.live
    loop = asyncio.new_event_loop()
    held.wait(loop)
    loop.close()
    book.plan()
    assert book.ended_by() == "withdrawn"


def test_the_end_is_told_on_the_portals_clock() -> None:
    book = Book()
    there = book.time.wall() + 100
    book.portal_clock.sample(book.time.monotonic_ns, there, there, book.time.monotonic_ns)
    book.book.apply(Plan(1, there, (), (lease(),)), (), book.time.monotonic_ns)
    book.time.advance(2)
    book.plan()
    status = book.status()
    assert status is not None
    assert status.ended_at == pytest.approx(there + 2, abs=2e-6)
    assert book.time.monotonic_ns > 2 * SECOND
