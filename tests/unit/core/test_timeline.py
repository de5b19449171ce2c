"""The time line: every hop against its prediction, and what happened in order."""

from typing import Any

from sre_portal.core.alert import AlertState
from sre_portal.core.marks import marks_of
from sre_portal.core.prediction import Band
from sre_portal.core.run import Abortion, Phase, Receipt, Run, Verdict
from sre_portal.core.timeline import Lane, timeline
from tests.unit.core.given import FIRED, FIRES, FIRING, RESOLVED, at, change, full_experiment, run_of


def finished(**fields: Any) -> Run:  # noqa: ANN401  # any field of a run
    known: dict[str, Any] = {
        "phase": Phase.DONE,
        "effective_at": at(0.8),
        "counted_at": at(2.6),
        "withdrawn_at": at(40),
        "reverted_at": at(40.1),
        "recovered_at": at(48),
        "ended_at": at(50),
        "driven_at": at(50),
        "verdict": Verdict.PASSED,
    }
    return run_of(**known | fields)


def word(lanes: tuple[Lane, ...], hop: str) -> str:
    return next(lane.word for lane in lanes if lane.hop == hop)


def test_every_hop_is_shown_against_its_prediction() -> None:
    line = timeline(finished(alerts=marks_of(FIRED)))
    assert [(lane.hop, lane.word) for lane in line.lanes] == [
        ("effective", "in band"),
        ("counted", "in band"),
        ("pending", "in band"),
        ("firing", "in band"),
        ("resolved", "in band"),
        ("reverted", "in band"),
    ]
    firing = line.lanes[3]
    assert (firing.subject, firing.predicted, firing.observed_s) == (
        "error-rate of checkout-latency",
        FIRING,
        31.5,
    )
    assert line.lanes[0].observed_s == 0.8


def test_a_hop_is_early_late_due_overdue_or_never_seen() -> None:
    early = timeline(
        finished(alerts=marks_of([change(20, AlertState.FIRING), change(60, AlertState.RESOLVED)]))
    )
    assert (word(early.lanes, "firing"), word(early.lanes, "resolved")) == ("early", "late")
    never = timeline(finished())
    assert word(never.lanes, "firing") == "never"
    live: dict[str, Any] = {"ended_at": None, "verdict": None, "phase": Phase.OBSERVE, "recovered_at": None}
    assert word(timeline(finished(**live, driven_at=at(20))).lanes, "firing") == "due"
    assert word(timeline(finished(**live, driven_at=at(36))).lanes, "firing") == "overdue"
    fresh = timeline(run_of(driven_at=at(1)))
    assert (word(fresh.lanes, "effective"), word(fresh.lanes, "counted")) == ("due", "due")
    assert word(timeline(run_of(driven_at=at(9))).lanes, "effective") == "overdue"
    unknown = timeline(run_of(prediction=None))
    assert {lane.word for lane in unknown.lanes} == {"not predicted"}


def test_a_band_of_the_authors_own_is_the_one_that_is_shown() -> None:
    own = full_experiment(expectations=[{**FIRES, "between": ["20s", "40s"]}])
    lanes = timeline(finished(experiment=own, alerts=marks_of(FIRED))).alerts[0].lanes
    assert [lane.predicted for lane in lanes] == [None, Band(20.0, 40.0), None]
    assert RESOLVED not in [lane.predicted for lane in lanes]


def test_alerts_that_nobody_named_are_shown_after_the_expected_ones() -> None:
    surprise = change(33, AlertState.FIRING, "shop-latency")
    line = timeline(finished(alerts=marks_of((*FIRED, surprise))))
    assert [(track.slo, track.expected) for track in line.alerts] == [
        ("checkout-latency", "fires"),
        ("shop-availability", "silent"),
        ("shop-latency", ""),
    ]
    assert line.alerts[2].firing_at == at(33)


def test_events_are_in_order_and_say_what_happened() -> None:
    missing = Receipt(instance="shop-2", lease_id="12-0", status=None, bounded_by=at(40.1))
    cut = Abortion(at=at(39), by="omar", reason="customers call")
    line = timeline(finished(receipts=(missing,), abortion=cut, alerts=marks_of(FIRED)))
    assert [event.at for event in line.events] == sorted(event.at for event in line.events)
    assert [event.text for event in line.events if event.kind != "phase"] == [
        "ada started run 12 (latency-checkout).",
        "Leases went out to shop.",
        "The first request was hit.",
        "error-rate of checkout-latency was pending 1.2 s after the first hit.",
        "The first planned bad request was counted.",
        "error-rate of checkout-latency was firing 31.5 s after the first hit.",
        "Cut short by omar: customers call.",
        "The leases were withdrawn.",
        "Every lease had ended. No receipt came from shop-2: the end of the lease bounds it.",
        "The steady state was back.",
        "error-rate of checkout-latency was resolved 48.2 s after the first hit.",
        "Verdict: passed.",
    ]
    assert line.events[0].offset_s == -0.8
