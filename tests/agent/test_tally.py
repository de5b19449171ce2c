import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.agent.clock import SECOND
from sre_portal.agent.count import Mark, dump_second
from sre_portal.agent.decide import Request
from sre_portal.agent.tally import BACKLOG_SECONDS, GRACE_NS, NO_RESPONSE, ROUTES, Tally
from sre_portal.contract.histogram import bucket_of, parse_buckets
from sre_portal.contract.lease import SliDefinition
from sre_portal.contract.match import Match
from sre_portal.contract.report import InjectionCount, Second, SliCount

MILLISECOND = SECOND // 1000
START = 1_000 * SECOND
"""The monotonic clock at the beginning of a second of the portal's."""

OFFSET = 500 * SECOND

AVAILABILITY = SliDefinition("availability", "availability")
LATENCY = SliDefinition("latency", "latency", threshold_ms=100)
ORDERS = SliDefinition("orders", "availability", Match(methods=("POST",), route="/orders/*"))


def tally(*slis: SliDefinition, mapped: bool = True, exempt: tuple[str, ...] = ()) -> Tally:
    counting = Tally(exempt, START, OFFSET)
    if mapped:
        counting.map_clock(OFFSET)
    counting.count_by(slis)
    return counting


def answer(
    counting: Tally,
    status: int = 200,
    *,
    at: float = 0.5,
    took_ms: float = 1,
    path: str = "/",
    method: str = "GET",
    mark: Mark | None = None,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> None:
    """A request was answered so many seconds after the start."""
    route = counting.routes.get(method, {}).get(path) or counting.route(Request(method, path, headers))
    end = START + round(at * SECOND)
    counting.log.append([route, end - round(took_ms * MILLISECOND), status, end, mark])


def told(counting: Tally, *, at: float, most: int = 1000) -> list[Second]:
    """What would be reported so many seconds after the start."""
    return [dump_second(second) for second in counting.untold(START + round(at * SECOND), most)]


def count(counting: Tally, name: str) -> SliCount:
    found = [sli for second in told(counting, at=2) for sli in second.slis if sli.name == name]
    return SliCount(
        name,
        sum(one.good for one in found),
        sum(one.bad for one in found),
        sum(one.planned for one in found),
    )


def test_a_request_counts_for_the_slis_it_matches() -> None:
    counting = tally(AVAILABILITY, ORDERS)
    answer(counting, path="/orders/1", method="POST")
    answer(counting, path="/orders/1", method="GET")
    answer(counting, path="/else", method="POST")
    assert count(counting, "availability") == SliCount("availability", good=3)
    assert count(counting, "orders") == SliCount("orders", good=1)


@pytest.mark.parametrize(
    ("status", "bad"), [(200, 0), (404, 0), (499, 0), (500, 1), (503, 1), (NO_RESPONSE, 1)]
)
def test_a_server_error_is_bad_a_client_error_is_not(status: int, bad: int) -> None:
    counting = tally(AVAILABILITY, LATENCY)
    answer(counting, status)
    assert count(counting, "availability") == SliCount("availability", 1 - bad, bad)
    assert count(counting, "latency") == SliCount("latency", 1 - bad, bad)


@pytest.mark.parametrize(("took_ms", "bad"), [(100, 0), (100.001, 1), (5_000, 1)])
def test_an_answer_slower_than_the_threshold_is_bad_for_latency_only(took_ms: float, bad: int) -> None:
    counting = tally(AVAILABILITY, LATENCY)
    answer(counting, took_ms=took_ms)
    assert count(counting, "availability") == SliCount("availability", 1)
    assert count(counting, "latency") == SliCount("latency", 1 - bad, bad)


def test_a_slow_error_is_bad_once() -> None:
    counting = tally(LATENCY)
    answer(counting, 500, took_ms=1_000)
    assert count(counting, "latency") == SliCount("latency", 0, 1)


def test_two_thresholds_are_counted_each() -> None:
    counting = tally(LATENCY, SliDefinition("slow", "latency", threshold_ms=1_000))
    answer(counting, took_ms=500)
    assert count(counting, "latency").bad == 1
    assert count(counting, "slow") == SliCount("slow", 1)


@pytest.mark.parametrize(("status", "took_ms"), [(500, 1), (200, 200)])
def test_bad_while_a_fault_was_active_on_that_request_is_planned(status: int, took_ms: float) -> None:
    counting = tally(LATENCY)
    answer(counting, status, took_ms=took_ms, mark=Mark("a", hit=True))
    answer(counting, status, took_ms=took_ms, mark=Mark("a", hit=False))
    answer(counting, status, took_ms=took_ms)
    assert count(counting, "latency") == SliCount("latency", 0, 3, 1)


def test_a_good_answer_under_a_fault_is_not_planned() -> None:
    counting = tally(AVAILABILITY)
    answer(counting, mark=Mark("a", hit=True))
    assert count(counting, "availability") == SliCount("availability", 1)


@pytest.mark.parametrize(("took_ms", "late"), [(50, 0), (150, 1)])
def test_a_client_that_gave_up_counts_only_for_a_latency_it_waited_longer_than(
    took_ms: float, late: int
) -> None:
    counting = tally(AVAILABILITY, LATENCY)
    answer(counting, 0, took_ms=took_ms, mark=Mark("a", hit=True, gone=True))
    [second] = told(counting, at=1.5)
    assert (second.requests, second.errors, second.latency) == (0, 0, [])
    assert count(counting, "availability") == SliCount("availability")
    assert count(counting, "latency") == SliCount("latency", 0, late, late)


def test_exempt_paths_are_in_no_count() -> None:
    counting = tally(AVAILABILITY, exempt=("/healthz", "/internal/*"))
    answer(counting, 500, path="/healthz")
    answer(counting, 500, path="/internal/debug")
    answer(counting, path="/healthz2")
    assert [second.requests for second in told(counting, at=1.5)] == [1]


def test_an_exempt_path_is_exempt_below_a_root_path_too() -> None:
    counting = tally(exempt=("/healthz",))
    assert counting.route(Request("GET", "/shop/healthz", ()), "/shop").kind is None
    assert counting.route(Request("GET", "/healthz", ()), "/shop").kind is None
    assert counting.route(Request("GET", "/shop/healthz2", ()), "/shop").kind is not None


def test_an_sli_may_ask_for_headers() -> None:
    counting = tally(SliDefinition("blue", "availability", Match(headers=(("x-tenant", "blue"),))))
    answer(counting, headers=((b"x-tenant", b"blue"),))
    answer(counting, headers=((b"x-tenant", b"red"),))
    assert count(counting, "blue") == SliCount("blue", 1)
    assert told(counting, at=1.5)[0].requests == 2


@given(st.lists(st.tuples(st.floats(0, 5, exclude_max=True), st.integers(0, 10**11)), max_size=100))
def test_every_request_is_counted_once_in_the_second_it_ended(ends: list[tuple[float, int]]) -> None:
    counting = tally(AVAILABILITY)
    for at, took_ns in sorted(ends):
        answer(counting, at=at, took_ms=took_ns / MILLISECOND)
    seconds = told(counting, at=10)
    first = (START + OFFSET) // SECOND
    expected = Counter(first + round(at * SECOND) // SECOND for at, _ in ends)
    assert {second.at: second.requests for second in seconds if second.requests} == expected
    assert [second.at for second in seconds] == list(range(first, first + 9 + 1))[: len(seconds)]


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=50))
def test_the_histogram_is_the_one_of_the_contract(durations: list[int]) -> None:
    counting = tally()
    for duration in durations:
        answer(counting, took_ms=duration / MILLISECOND)
    [second] = told(counting, at=1.5)
    rounded = [round(duration / MILLISECOND * MILLISECOND) for duration in durations]
    assert parse_buckets(second.latency) == Counter(bucket_of(duration) for duration in rounded)


@given(st.lists(st.sampled_from([200, 404, 500, 503]), max_size=60), st.integers(1, 20))
def test_counts_do_not_depend_on_when_the_log_is_folded(statuses: list[int], every: int) -> None:
    counting = tally(AVAILABILITY)
    for number, status in enumerate(statuses):
        answer(counting, status, at=number / 100)
        if number % every == 0:
            counting.fold()
    bad = sum(status >= 500 for status in statuses)
    assert count(counting, "availability") == SliCount("availability", len(statuses) - bad, bad)


def test_a_second_is_told_when_it_is_over_and_late_events_had_their_time() -> None:
    counting = tally()
    answer(counting)
    grace = GRACE_NS / SECOND
    assert told(counting, at=1 + grace - 0.001) == []
    answer(counting, at=0.9999)  # appended by a thread that was held up
    assert [second.requests for second in told(counting, at=1 + grace)] == [2]


def test_an_event_that_is_too_late_is_counted_in_the_next_second_and_not_lost() -> None:
    counting = tally()
    assert [second.requests for second in told(counting, at=1.2)] == [0]
    answer(counting, at=0.9999)
    assert [second.requests for second in told(counting, at=2.2)] == [0, 1]


def test_seconds_without_requests_are_told_too() -> None:
    counting = tally(AVAILABILITY)
    answer(counting, at=0.5)
    answer(counting, at=3.5)
    seconds = told(counting, at=5)
    assert [second.requests for second in seconds] == [1, 0, 0, 1]
    assert [len(second.slis) for second in seconds] == [1, 0, 0, 1]


def test_new_definitions_count_from_then_on_and_lose_nothing() -> None:
    counting = tally(AVAILABILITY)
    answer(counting)
    under_way = counting.routes["GET"]["/"]
    counting.count_by((ORDERS, LATENCY))
    end = START + SECOND // 2
    counting.log.append([under_way, end - MILLISECOND, 200, end, None])
    answer(counting)
    assert count(counting, "availability") == SliCount("availability", 1)
    assert count(counting, "latency") == SliCount("latency", 2)
    assert told(counting, at=1.5)[0].requests == 3


def test_the_same_definitions_again_change_nothing() -> None:
    counting = tally(AVAILABILITY)
    answer(counting)
    known = counting.routes["GET"]["/"]
    counting.count_by((SliDefinition("availability", "availability"),))
    assert counting.routes["GET"]["/"] is known


def test_paths_without_end_do_not_fill_the_memory() -> None:
    counting = tally(AVAILABILITY)
    for number in range(3 * ROUTES):
        counting.route(Request("GET", f"/{number}", ()))
        counting.route(Request("GET", f"/{number}" + "x" * 1_000, ()))
    assert sum(len(paths) for paths in counting.routes.values()) <= ROUTES
    assert max(len(path) for path in counting.routes["GET"]) < 10
    answer(counting, path="/1")
    assert count(counting, "availability") == SliCount("availability", 1)


def test_seconds_that_nobody_takes_are_dropped_from_the_oldest_on_and_counted() -> None:
    counting = tally()
    for number in range(BACKLOG_SECONDS + 30):
        answer(counting, at=number + 0.5)
    seconds = told(counting, at=BACKLOG_SECONDS + 30)
    assert len(seconds) == BACKLOG_SECONDS
    assert counting.dropped_seconds == 29
    assert seconds[0].at == (START + OFFSET) // SECOND + 29


def test_seconds_the_portal_has_are_not_told_again() -> None:
    counting = tally()
    answer(counting, at=0.5)
    first, second = told(counting, at=2.2)
    assert [one.at for one in told(counting, at=2.2, most=1)] == [first.at]
    counting.told(counting.untold(START, 1))
    assert told(counting, at=2.2) == [second]
    assert counting.dropped_seconds == 0
    assert first.at < second.at


def test_a_second_that_arrives_though_it_was_given_up_is_not_dropped() -> None:
    counting = tally()
    under_way = counting.untold(START + 5 * SECOND, 3)
    answer(counting, at=BACKLOG_SECONDS + 2.5)
    assert len(told(counting, at=BACKLOG_SECONDS + 4)) == BACKLOG_SECONDS
    assert counting.dropped_seconds == 3
    counting.told(under_way)
    assert counting.dropped_seconds == 0


def test_seconds_the_portal_will_not_take_are_dropped_and_counted() -> None:
    counting = tally()
    counting.told(counting.untold(START + 2 * SECOND, 1), taken=False)
    assert counting.dropped_seconds == 1


def test_before_the_portals_clock_is_known_nothing_is_told_then_all_of_it_under_its_names() -> None:
    counting = tally(mapped=False)
    for at in (0.5, 1.5, 2.5):
        answer(counting, at=at)
    assert told(counting, at=3.2) == []
    counting.map_clock(OFFSET + 1_000 * SECOND)
    first = (START + OFFSET) // SECOND + 1_000
    assert [(second.at, second.requests) for second in told(counting, at=3.2)] == [
        (first, 1),
        (first + 1, 1),
        (first + 2, 1),
    ]


@given(st.lists(st.integers(-5 * SECOND, 5 * SECOND), max_size=10))
def test_whatever_the_portals_clock_does_no_second_is_told_twice_and_no_request_lost(
    moves: list[int],
) -> None:
    counting = tally()
    for number, move in enumerate(moves):
        answer(counting, at=number * 0.7)
        counting.map_clock(OFFSET + move)
    seconds = told(counting, at=60)
    assert len({second.at for second in seconds}) == len(seconds)
    assert [second.at for second in seconds] == sorted(second.at for second in seconds)
    assert sum(second.requests for second in seconds) == len(moves)


def test_what_a_lease_did_is_told() -> None:
    counting = tally()
    for hit in (True, True, False):
        counting.decided("a", START + SECOND // 2, hit=hit)
    answer(counting, took_ms=200, mark=Mark("a", hit=True, delay_ns=151, drawn_ns=150))
    answer(counting, took_ms=90, mark=Mark("a", hit=True, cut=True, delay_ns=80, drawn_ns=150))
    answer(counting, took_ms=5, mark=Mark("a"))
    [second] = told(counting, at=1.5)
    one = [1]
    assert second.injections == [
        InjectionCount(
            "a",
            matched=3,
            hits=2,
            cut=1,
            delay=[bucket_of(151), *one],
            overshoot=[1, *one],
            treated=[bucket_of(90 * MILLISECOND), *one, bucket_of(200 * MILLISECOND), *one],
            untreated=[bucket_of(5 * MILLISECOND), *one],
        )
    ]
    assert second.requests == 3


def test_a_hit_belongs_to_the_second_it_began_in_its_answer_to_the_one_it_ended_in() -> None:
    counting = tally()
    counting.decided("a", START + SECOND // 2, hit=True)
    answer(counting, at=1.5, took_ms=1_000, mark=Mark("a", hit=True, delay_ns=900, drawn_ns=900))
    first, second = (one.injections[0] for one in told(counting, at=2.2))
    assert (first.matched, first.hits, first.treated) == (1, 1, [])
    assert (second.matched, second.hits, len(second.treated)) == (0, 0, 2)


def test_an_event_that_cannot_be_counted_is_a_misfire_and_takes_no_other_with_it() -> None:
    counting = tally(AVAILABILITY)
    answer(counting)
    answer(counting, "what?")  # type: ignore[arg-type]  # an application may send anything
    answer(counting)
    assert count(counting, "availability").good >= 2
    assert counting.misfires == 1


def test_many_threads_lose_no_request() -> None:
    counting = tally(AVAILABILITY)

    def work(status: int) -> None:
        for number in range(3_000):
            answer(counting, status, at=0.0001 * number)
            if len(counting.log) > 64:
                counting.fold()

    threads = [threading.Thread(target=work, args=(status,)) for status in (200, 200, 500, 404)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        counting.untold(START, 1)
        counting.count_by((AVAILABILITY, LATENCY) if len(counting._slis) == 1 else (AVAILABILITY,))
    for thread in threads:
        thread.join()
    assert count(counting, "availability") == SliCount("availability", 9_000, 3_000)


def test_the_running_second_is_told_when_the_instance_stops() -> None:
    counting = tally(AVAILABILITY)
    answer(counting, at=0.25)
    counting.close_now(START + SECOND // 2)
    assert [second.requests for second in told(counting, at=0.5)] == [1]
