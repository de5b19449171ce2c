"""Takes what was seen into a run's record, before anything is decided from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sre_portal.contract.lease import LEASE_SECONDS
from sre_portal.contract.report import LeaseStatus
from sre_portal.core.condition import Outcome, Reading
from sre_portal.core.drill_course import drills_taken, last_end
from sre_portal.core.fidelity import check
from sre_portal.core.leases import lease_ids
from sre_portal.core.marks import watched
from sre_portal.core.observed import Observed
from sre_portal.core.run import Receipt, Run


def take_in(run: Run, seen: Observed) -> Run:
    """The run with everything in it that was seen now."""
    # Where the clock went back, no wait is measured from an instant that has not come yet.
    withdrawn = None if run.withdrawn_at is None else min(run.withdrawn_at, seen.now)
    run = run.model_copy(update={"withdrawn_at": withdrawn})
    taken = run.model_copy(
        update={
            "effective_at": effective_at(run, seen),
            "counted_at": run.counted_at or seen.counted_at,
            "fidelity": check(run.experiment, seen.injections),
            "alerts": watched(run.alerts, seen.changes, seen.alerts, run.granted_at or run.created_at),
            "costs": tuple(seen.costs),
            "drills": drills_taken(run, seen),
            "receipts": receipts_of(run, seen) if run.withdrawn_at else (),
        }
    )
    if taken.reverted_at is not None:  # a receipt or a restoration that is late replaces its bound
        taken = taken.model_copy(update={"reverted_at": last_harm(taken) or taken.reverted_at})
    return _read(taken, seen) if run.harmful else taken


def effective_at(run: Run, seen: Observed) -> datetime | None:
    """The first hit that any instance told, never before the leases went out and never after now.

    Of a run without a fault it is the first flip.
    """
    if not run.injects:
        flips = [one.flip.at for one in seen.drills if one.flip is not None]
        return run.effective_at or min(flips, default=None)
    told = [status.first_hit_at for status in own(run, seen) if status.first_hit_at is not None]
    if not told or run.granted_at is None:
        return run.effective_at
    first = between(run.granted_at, min(told), seen.now)
    return first if run.effective_at is None else min(first, run.effective_at)


def own(run: Run, seen: Observed) -> list[LeaseStatus]:
    """The statuses of this run's leases."""
    return [status for status in seen.statuses.values() if status.run_id == run.id]


def receipts_of(run: Run, seen: Observed) -> tuple[Receipt, ...]:
    """One for each lease and each instance that was told about it, or that told about it."""
    told = {instance for (instance, _), status in seen.statuses.items() if status.run_id == run.id}
    return tuple(
        _receipt(run, seen, instance, lease_id)
        for instance in sorted({*seen.holders, *told})
        for lease_id in lease_ids(run.experiment, run.id)
    )


def _receipt(run: Run, seen: Observed, instance: str, lease_id: str) -> Receipt:
    status = seen.statuses.get((instance, lease_id))
    if status is None or (status.ended_at is None and status.refused is None):
        bound = leases_lapse_at(run, seen)
        return Receipt(instance=instance, lease_id=lease_id, status=None, bounded_by=bound)
    # One that refused never injected: it is safe from the start.
    start = run.granted_at or run.created_at
    ended = start if status.ended_at is None else between(start, status.ended_at, seen.now)
    return Receipt(instance=instance, lease_id=lease_id, status=replace(status), bounded_by=ended)


def last_harm(run: Run) -> datetime | None:
    """When the last instance had stopped and the last switch was back. None where neither is known of any."""
    ends = [receipt.bounded_by for receipt in run.receipts]
    back = last_end(run)
    return max(ends if back is None else [*ends, back], default=None)


def leases_lapse_at(run: Run, seen: Observed) -> datetime:
    """When the last lease has ended for sure: the earliest of all the bounds that are known."""
    last_renewal = run.withdrawn_at or seen.now
    bounds = (last_renewal + timedelta(seconds=LEASE_SECONDS), seen.lease_ends_at, run.ends_at)
    return min(bound for bound in bounds if bound is not None)


def between(earliest: datetime, told: float, latest: datetime) -> datetime:
    """The instant an agent told (seconds since the epoch), held between two that the portal knows itself.

    An agent's clock may be wrong; no number it tells may move a run out of what is possible.
    """
    low, high = earliest.timestamp(), latest.timestamp()
    return datetime.fromtimestamp(max(low, min(high, told)), UTC)


def _read(run: Run, seen: Observed) -> Run:
    active = run.effective_at is not None
    return run.model_copy(
        update={
            "guardrails": tuple(seen.guardrails),
            "nearest": _worst(run.nearest, seen.guardrails),
            "held": _worst(run.held, seen.held) if active else run.held,
        }
    )


def _worst(before: Sequence[Reading], now: Sequence[Reading]) -> tuple[Reading, ...]:
    if len(before) != len(now):
        return tuple(now) or tuple(before)
    return tuple(max(pair, key=_badness) for pair in zip(before, now, strict=True))


_ORDER = {Outcome.HOLDS: 0, Outcome.UNREADABLE: 1, Outcome.BREACHED: 2}


def _badness(reading: Reading) -> tuple[int, float]:
    near = 0.0 if reading.distance_ratio is None else -reading.distance_ratio
    return _ORDER[reading.outcome], near
