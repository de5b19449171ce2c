"""What one pass changed in a run's record, as notes for its journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from sre_portal.core.drill_news import drill_news
from sre_portal.core.fidelity import outcome
from sre_portal.core.note import Note
from sre_portal.core.phrase import clock, figure, listed, seconds
from sre_portal.core.run import AlertMark, Phase, Run

NOTHING_HIT = timedelta(seconds=10)
"""A run that has hit nothing by then says so, and goes on to its end."""


def news(before: Run, after: Run, now: datetime) -> tuple[Note, ...]:
    """One note for everything that became known or changed between two records of a run."""
    return tuple(note for told in TOLD for note in told(before, after, now))


def _first_hit(before: Run, after: Run, _: datetime) -> Iterator[Note]:
    if before.effective_at is None and after.effective_at is not None and after.injects:
        since = _since_grant(after, after.effective_at)
        text = f"The first request was hit at {clock(after.effective_at)}{since}."
        yield Note("effective", text, {"effective_at": after.effective_at.isoformat()})


def _nothing_hit(before: Run, after: Run, now: datetime) -> Iterator[Note]:
    if after.effective_at is not None or after.granted_at is None or before.driven_at is None:
        return
    if not after.injects:
        return
    if before.driven_at < after.granted_at + NOTHING_HIT <= now:
        yield Note("effective", "No request was hit in the first 10 s: the target may have no traffic.")


def _counted(before: Run, after: Run, _: datetime) -> Iterator[Note]:
    if before.counted_at is None and after.counted_at is not None:
        text = f"The first planned bad request was counted{_since_hit(after, after.counted_at)}."
        yield Note("counted", text, {"counted_at": after.counted_at.isoformat()})


def _fidelity(before: Run, after: Run, _: datetime) -> Iterator[Note]:
    now = outcome(after.fidelity)
    if now == outcome(before.fidelity) or not after.fidelity:
        return
    figures = [
        f"{one.label} {figure(one.measured, one.unit)} for {figure(one.requested, one.unit)}"
        for one in after.fidelity
        if one.measured is not None and one.unit != "count"
    ]
    word = {"in_band": "in band", "out_of_band": "out of band", "too_few": "too few requests to tell"}[now]
    yield Note("fidelity", f"Fidelity: {word}. {listed(figures)}.", {"outcome": now, "figures": figures})


def _alerts(before: Run, after: Run, _: datetime) -> Iterator[Note]:
    known = {(mark.slo, mark.alert): mark for mark in before.alerts}
    for mark in after.alerts:
        old = known.get((mark.slo, mark.alert)) or AlertMark(slo=mark.slo, alert=mark.alert)
        stamps = (
            ("pending", old.pending_at, mark.pending_at),
            ("firing", old.firing_at, mark.firing_at),
            ("resolved", old.resolved_at, mark.resolved_at),
        )
        for state, was, at in stamps:
            if at is not None and at != was:
                text = f"{mark.alert} of {mark.slo} is {state}{_since_hit(after, at)}."
                facts: dict[str, object] = {
                    "slo": mark.slo,
                    "alert": mark.alert,
                    "state": state,
                    "at": at.isoformat(),
                }
                yield Note("alert", text, facts)


def _receipts(before: Run, after: Run, _: datetime) -> Iterator[Note]:
    known = {(one.instance, one.lease_id) for one in before.receipts if one.status is not None}
    for one in after.receipts:
        if one.status is None or (one.instance, one.lease_id) in known:
            continue
        hits = f"{one.status.hits} hits{_why(one.status.ended_by)}"
        text = f"{one.instance} stopped lease {one.lease_id} after {hits}."
        facts: dict[str, object] = {
            "instance": one.instance,
            "lease_id": one.lease_id,
            "hits": one.status.hits,
        }
        yield Note("receipt", text, facts)


def _reverted(before: Run, after: Run, _: datetime) -> Iterator[Note]:
    if before.reverted_at is not None or after.reverted_at is None:
        return
    if not after.injects and any(mark.restored_at is None for mark in after.drills):
        return  # it is told when the clock ends the drill
    missing = [f"{one.instance} ({one.lease_id})" for one in after.receipts if one.status is None]
    bounded = f" No receipt came from {listed(missing)}: the end of the lease bounds it." if missing else ""
    ended = "Every lease had ended" if after.injects else "Every switch was back"
    text = f"{ended} at {clock(after.reverted_at)}.{bounded}"
    yield Note("reverted", text, {"reverted_at": after.reverted_at.isoformat(), "missing": missing})


def _recovered(before: Run, after: Run, _: datetime) -> Iterator[Note]:
    if after.recovered_at is not None and before.recovered_at is None:
        after_s = (
            ""
            if after.reverted_at is None
            else f" {_span(after.reverted_at, after.recovered_at)} after the revert"
        )
        text = f"The steady state is back{after_s}."
        yield Note("recovered", text, {"recovered_at": after.recovered_at.isoformat()})
    elif before.recovered_at is not None and after.recovered_at is None:
        yield Note("recovered", "The steady state broke again.")


def _phase(before: Run, after: Run, _: datetime) -> Iterator[Note]:
    for mark in after.marks[len(before.marks) :]:
        if mark.phase is not Phase.DONE:
            text = f"Phase {mark.phase.value} began at {clock(mark.at)}."
            yield Note("phase", text, {"phase": mark.phase.value, "at": mark.at.isoformat()})


TOLD: tuple[Callable[[Run, Run, datetime], Iterator[Note]], ...] = (
    _first_hit,
    _nothing_hit,
    _counted,
    _fidelity,
    _alerts,
    _receipts,
    drill_news,
    _reverted,
    _recovered,
    _phase,
)


def _since_hit(run: Run, at: datetime) -> str:
    offset = run.since_effective(at)
    return "" if offset is None else f" {seconds(offset)} after {run.zero_words}"


def _since_grant(run: Run, at: datetime) -> str:
    return "" if run.granted_at is None else f", {_span(run.granted_at, at)} after the leases went out"


def _span(start: datetime, end: datetime) -> str:
    return seconds((end - start) / timedelta(seconds=1))


def _why(ended_by: str | None) -> str:
    return f" ({ended_by})" if ended_by else ""
