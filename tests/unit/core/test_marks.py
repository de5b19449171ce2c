"""What each alert did during a run, from its transitions and from where it stands."""

from sre_portal.core.alert import AlertState
from sre_portal.core.marks import mark_of, marks_of, watched
from sre_portal.core.run import AlertMark
from tests.unit.core.given import FIRED, START, alert, at, change

PENDING, FIRING, INACTIVE, RESOLVED = (
    AlertState.PENDING,
    AlertState.FIRING,
    AlertState.INACTIVE,
    AlertState.RESOLVED,
)


def test_the_first_episode_that_fired_counts_from_its_pending_on() -> None:
    story = [
        change(1, PENDING),
        change(3, INACTIVE),
        change(5, PENDING),
        change(35, FIRING),
        change(50, RESOLVED),
        change(60, PENDING),
        change(90, FIRING),
    ]
    (mark,) = marks_of(story)
    assert (mark.pending_at, mark.firing_at, mark.resolved_at) == (at(5), at(35), at(50))
    (unfired,) = marks_of(story[:3])
    assert (unfired.pending_at, unfired.firing_at) == (at(5), None)


def test_an_alert_without_a_hold_pends_when_it_fires() -> None:
    (mark,) = marks_of([change(5, FIRING)])
    assert mark.pending_at == mark.firing_at == at(5)


def test_an_alert_that_did_not_move_has_an_empty_mark() -> None:
    assert mark_of(marks_of(FIRED), "shop-latency", "error-rate") == AlertMark(
        slo="shop-latency", alert="error-rate"
    )


def test_an_alert_of_another_service_is_known_by_its_stamps() -> None:
    caller = alert("shop-latency", FIRING, pending_at=at(5), firing_at=at(35))
    before = alert("cart-latency", FIRING, pending_at=at(-35), firing_at=at(-5))
    marks = watched((), FIRED, (caller, before), START)
    assert [mark.slo for mark in marks] == ["checkout-latency", "shop-latency"]
    assert mark_of(marks, "shop-latency", "error-rate").firing_at == at(35)


def test_an_episode_that_fired_stays_known_when_the_next_one_begins() -> None:
    fired = alert("shop-latency", RESOLVED, pending_at=at(5), firing_at=at(35), resolved_at=at(50))
    again = alert("shop-latency", PENDING, pending_at=at(60))
    first = watched((), (), (fired,), START)
    assert watched(first, (), (again,), START) == first
    assert first[0].resolved_at == at(50)
    open_one = watched((), (), (alert("shop-latency", FIRING, pending_at=at(5), firing_at=at(35)),), START)
    assert watched(open_one, (), (fired,), START) == first
