"""Who has seen a version, judged from what instances told."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.flag_seen import Seen, Sighting, clamped, judge_seen
from sre_portal.core.instance import Instance

MADE_AT = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
BEFORE = MADE_AT - timedelta(hours=1)


def instance(name: str, started_at: datetime = BEFORE) -> Instance:
    return Instance("shop", name, "0.1.0", started_at, MADE_AT, 0.0, 0.5, 0, 0, 0, (), 1)


def sighting(name: str, ms: float | None) -> Sighting:
    return Sighting("shop", name, None if ms is None else MADE_AT + timedelta(milliseconds=ms))


def test_delays_are_counted_from_the_change_and_who_lacks_it_is_named() -> None:
    told = [sighting("a", 40), sighting("b", 12.5), sighting("c", None)]
    found = judge_seen(("shop", 7, MADE_AT), told, [instance(name) for name in "abc"])
    assert found.seen == (Seen("shop/b", 12.5), Seen("shop/a", 40.0))
    assert found.missing == ("shop/c",)
    assert found.subscribers == ["shop/a", "shop/b", "shop/c"]
    assert found.delays == {"shop/b": 12.5, "shop/a": 40.0}
    assert found.waits_ms == [12.5, 40.0]
    assert found.slowest == Seen("shop/a", 40.0)


def test_an_instance_that_reports_no_more_is_no_subscriber() -> None:
    found = judge_seen(("shop", 7, MADE_AT), [sighting("a", 40), sighting("b", None)], [instance("a")])
    assert found.subscribers == ["shop/a"]


def test_an_instance_that_told_nothing_of_the_set_is_no_subscriber() -> None:
    assert judge_seen(("shop", 7, MADE_AT), [], [instance("a")]).subscribers == []


def test_who_started_after_the_change_has_waited_for_nothing() -> None:
    late = instance("a", MADE_AT + timedelta(minutes=5))
    found = judge_seen(("shop", 7, MADE_AT), [sighting("a", 300_100)], [late])
    assert found.seen == (Seen("shop/a", None),)
    assert (found.delays, found.waits_ms, found.slowest) == ({"shop/a": 0.0}, [], None)


def test_nobody_has_seen_a_change_before_it_was_made() -> None:
    found = judge_seen(("shop", 7, MADE_AT), [sighting("a", -3)], [instance("a")])
    assert found.seen == (Seen("shop/a", 0.0),)


@given(st.floats(-1e12, 1e12), st.integers(-10_000, 10_000))
def test_an_instant_is_between_the_change_and_the_receipt_whatever_was_told(at: float, ms: int) -> None:
    received_at = MADE_AT + timedelta(milliseconds=ms)
    found = clamped(at, MADE_AT, received_at)
    assert min(MADE_AT, received_at).timestamp() <= found <= received_at.timestamp()
    if MADE_AT.timestamp() <= at <= received_at.timestamp():
        assert found == at
