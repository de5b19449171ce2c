"""What happened in a run, hop by hop and second by second, against what was predicted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sre_portal.core.band import Band
from sre_portal.core.drill_course import drills_of
from sre_portal.core.experiment import AlertExpectation
from sre_portal.core.marks import mark_of
from sre_portal.core.phrase import clock, listed, seconds
from sre_portal.core.recovery import firing_band
from sre_portal.core.run import AlertMark, Phase, Run, Told

Hop = Literal["effective", "counted", "seen by all", "back", "pending", "firing", "resolved", "reverted"]
Word = Literal["in band", "early", "late", "due", "overdue", "never", "not predicted"]


@dataclass(frozen=True, slots=True)
class Lane:
    """One hop: when it was predicted, when it was seen, and how the two go together.

    Offsets are seconds since the first hit, or the flip; that of `effective` is since the leases went out.
    `due` is not seen yet and not late yet, `overdue` is late by now, `never` was not seen by the end.
    """

    hop: Hop
    subject: str
    """`error-rate of shop-latency`; empty for hops of the run itself."""
    predicted: Band | None
    observed_s: float | None
    observed_at: datetime | None
    word: Word


@dataclass(frozen=True, slots=True)
class AlertTrack:
    """One alert in a run: its stamps, and its hops as lanes."""

    slo: str
    alert: str
    expected: Literal["fires", "silent", ""]
    """What the experiment expects of it; empty where it says nothing."""
    pending_at: datetime | None
    firing_at: datetime | None
    resolved_at: datetime | None
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """Something that happened. `offset_s` is seconds since the first hit, None before it is known."""

    at: datetime
    offset_s: float | None
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    started_at: datetime
    granted_at: datetime | None
    effective_at: datetime | None
    counted_at: datetime | None
    withdrawn_at: datetime | None
    reverted_at: datetime | None
    recovered_at: datetime | None
    ended_at: datetime | None
    alerts: tuple[AlertTrack, ...]
    lanes: tuple[Lane, ...]
    """All hops of the flight recorder, in the order in which they are predicted to come."""
    events: tuple[TimelineEvent, ...]


def timeline(run: Run) -> Timeline:
    """The time line of a run, from its record."""
    marks = tuple(sorted(run.alerts, key=lambda mark: (mark.slo, mark.alert)))
    alerts = tuple(_tracks(run, marks))
    effective, counted, reverted = _run_lanes(run)
    hops = [lane for track in alerts if track.expected != "silent" for lane in track.lanes]
    hops += _drill_lanes(run)
    return Timeline(
        started_at=run.created_at,
        granted_at=run.granted_at,
        effective_at=run.effective_at,
        counted_at=run.counted_at,
        withdrawn_at=run.withdrawn_at,
        reverted_at=run.reverted_at,
        recovered_at=run.recovered_at,
        ended_at=run.ended_at,
        alerts=alerts,
        lanes=(effective, *([counted] if run.injects else []), *sorted(hops, key=_order), reverted),
        events=tuple(sorted(_events(run, marks), key=lambda event: event.at)),
    )


def _run_lanes(run: Run) -> tuple[Lane, Lane, Lane]:
    predicted = run.prediction
    since_grant = None
    if run.granted_at is not None and run.effective_at is not None:
        since_grant = (run.effective_at - run.granted_at).total_seconds()
    waited = None
    if run.granted_at is not None and run.driven_at is not None:
        waited = (run.driven_at - run.granted_at).total_seconds()
    effective = Lane(
        hop="effective",
        subject="",
        predicted=predicted.effective if predicted else None,
        observed_s=since_grant,
        observed_at=run.effective_at,
        word=_word(run, predicted.effective if predicted else None, since_grant, waited),
    )
    counted = _lane(run, "counted", "", predicted.counted if predicted else None, run.counted_at)
    reverted = _lane(run, "reverted", "", predicted.reverted if predicted else None, run.reverted_at)
    return effective, counted, reverted


def _drill_lanes(run: Run) -> Iterator[Lane]:
    """When the last subscriber saw the switch flip, and when it saw it come back."""
    for drill, mark in drills_of(run):
        hops: tuple[tuple[Hop, datetime | None, Told], ...] = (
            ("seen by all", mark.flipped_at, mark.told),
            ("back", mark.restored_at if mark.restored_version else None, mark.told_restored),
        )
        for hop, at, told in hops:
            start, seen = run.since_effective(at), None
            if at is not None and told.by_all:
                seen = at + timedelta(milliseconds=max(ms for _, ms in told.seen))
            within = None if start is None else Band(start, start + drill.seen_within.total_seconds())
            yield _lane(run, hop, mark.flag, within, seen)


def _tracks(run: Run, marks: Iterable[AlertMark]) -> Iterator[AlertTrack]:
    """Expected alerts first, as the document names them, then those that moved although nobody named them."""
    told = list(marks)
    named: dict[tuple[str, str], AlertExpectation] = {}
    for one in run.experiment.spec.expectations:
        if isinstance(one, AlertExpectation):
            named.setdefault((one.slo, one.alert), one)
    for (slo, alert), expectation in named.items():
        yield _track(run, mark_of(told, slo, alert), expectation)
    for mark in told:
        if (mark.slo, mark.alert) not in named:
            yield _track(run, mark, None)


def _track(run: Run, mark: AlertMark, expectation: AlertExpectation | None) -> AlertTrack:
    predicted = run.prediction.alert(mark.slo, mark.alert) if run.prediction else None
    own = expectation is not None and expectation.between is not None
    firing = firing_band(run, expectation) if expectation else predicted.firing if predicted else None
    subject = f"{mark.alert} of {mark.slo}"
    bands = predicted if predicted is not None and predicted.outcome == "fires" and not own else None
    return AlertTrack(
        slo=mark.slo,
        alert=mark.alert,
        expected=expectation.outcome if expectation else "",
        pending_at=mark.pending_at,
        firing_at=mark.firing_at,
        resolved_at=mark.resolved_at,
        lanes=(
            _lane(run, "pending", subject, bands.pending if bands else None, mark.pending_at),
            _lane(run, "firing", subject, firing, mark.firing_at),
            _lane(run, "resolved", subject, bands.resolved if bands else None, mark.resolved_at),
        ),
    )


def _lane(run: Run, hop: Hop, subject: str, predicted: Band | None, at: datetime | None) -> Lane:
    offset = run.since_effective(at)
    word = _word(run, predicted, offset, run.since_effective(run.driven_at))
    return Lane(hop, subject, predicted, offset, at, word)


def _word(run: Run, predicted: Band | None, offset: float | None, now: float | None) -> Word:
    """`now` is how far the run had come when it was last looked at, on the same scale as the offset."""
    if predicted is None:
        return "not predicted"
    if offset is not None:
        if predicted.holds(offset):
            return "in band"
        return "early" if offset < predicted.earliest_s else "late"
    if not run.live:
        return "never"
    return "overdue" if now is not None and now > predicted.latest_s else "due"


def _order(lane: Lane) -> tuple[float, str]:
    earliest = lane.predicted.earliest_s if lane.predicted else lane.observed_s
    return (float("inf") if earliest is None else earliest, lane.subject)


def _events(run: Run, marks: Iterable[AlertMark]) -> Iterator[TimelineEvent]:
    for at, kind, text in _told(run, marks):
        if at is not None:
            yield TimelineEvent(at, run.since_effective(at), kind, text)


def _told(run: Run, marks: Iterable[AlertMark]) -> Iterator[tuple[datetime | None, str, str]]:
    yield run.created_at, "started", f"{run.actor} started run {run.id} ({run.name})."
    if run.injects:
        yield run.granted_at, "granted", f"Leases went out to {run.service}."
        yield run.effective_at, "effective", "The first request was hit."
    for mark_ in run.drills:
        yield mark_.flipped_at, "drill", f"{mark_.name} became {mark_.variant}."
        yield mark_.restored_at, "drill", f"{mark_.name}: {mark_.restored_how}."
    yield run.counted_at, "counted", "The first planned bad request was counted."
    for mark in marks:
        name = f"{mark.alert} of {mark.slo}"
        stamps = (("pending", mark.pending_at), ("firing", mark.firing_at), ("resolved", mark.resolved_at))
        for state, at in stamps:
            yield at, "alert", f"{name} was {state}{_after(run, at)}."
    if run.abortion is not None:
        yield run.abortion.at, "abort", f"Cut short by {run.abortion.by}: {run.abortion.reason}."
    if run.injects:
        yield run.withdrawn_at, "withdrawn", "The leases were withdrawn."
    missing = sorted({one.instance for one in run.receipts if one.status is None})
    bounded = f" No receipt came from {listed(missing)}: the end of the lease bounds it." if missing else ""
    ended = "Every lease had ended." if run.injects else "Every switch was back."
    yield run.reverted_at, "reverted", f"{ended}{bounded}"
    yield run.recovered_at, "recovered", "The steady state was back."
    verdict = run.verdict.value if run.verdict else "none"
    yield run.ended_at, "ended", f"Verdict: {verdict}."
    for entered in run.marks:
        if entered.phase is not Phase.DONE:
            yield entered.at, "phase", f"Phase {entered.phase.value} began at {clock(entered.at)}."


def _after(run: Run, at: datetime | None) -> str:
    offset = run.since_effective(at)
    return "" if offset is None else f" {seconds(offset)} after {run.zero_words}"
