"""The four numbers that decide: while a run is live, and after it."""

from __future__ import annotations

from dataclasses import dataclass

from sre_portal.core.condition import Reading
from sre_portal.core.fidelity import FidelityCheck
from sre_portal.core.prediction import BudgetCost
from sre_portal.core.run import Run
from sre_portal.web.pages.check_row import figure_of as check_figure
from sre_portal.web.pages.figures import (
    DASH,
    Figure,
    band,
    clock,
    fine_clock,
    from_epoch,
    milliseconds,
    offset,
    percent,
)
from sre_portal.web.pages.flight import Flight
from sre_portal.web.pages.guard_cell import figure_of
from sre_portal.web.pages.lane import next_lane
from sre_portal.web.pages.plot import Stretch, place, stretch
from sre_portal.web.pages.proof import detection_of


@dataclass(frozen=True, slots=True)
class Escrow:
    """The budget a run may spend: what it has spent, and where the prediction ends."""

    title: str
    spent: str
    predicted: Stretch | None


@dataclass(frozen=True, slots=True)
class Readout:
    name: str
    figure: Figure
    hint: str
    escrow: Escrow | None = None


def readouts(flight: Flight) -> tuple[Readout, ...]:
    run = flight.run
    if run.live:
        return (_elapsed(flight), _escrow(run), _next(flight), _fidelity(run))
    return (_detection(run), _spent(run), _nearest(run), _receipts(run))


def _elapsed(flight: Flight) -> Readout:
    run = flight.run
    whole = offset(flight.duration_s)
    since_zero = f"Since {run.zero_words}"
    if run.effective_at is None:
        awaited = f"for the first request; fault on for {whole}" if run.injects else f"for it; {whole} long"
        return Readout(since_zero, Figure("waiting"), awaited)
    if run.withdrawn_at is not None:
        since = (flight.now - run.withdrawn_at).total_seconds()
        if not run.injects:
            return Readout("Since the end of the drill", Figure(offset(since)), _back_words(run))
        receipts = sum(one.status is not None for one in run.receipts)
        heard = f"{receipts} of {len(run.receipts)} receipts in" if run.receipts else "waiting for receipts"
        return Readout("Since leases were withdrawn", Figure(offset(since)), heard)
    ends = f"ends by itself at {clock(run.ends_at)} UTC" if run.ends_at else ""
    return Readout(since_zero, Figure(offset(flight.now_s), f"of {whole}"), ends)


def _escrow(run: Run) -> Readout:
    limit = float(run.experiment.spec.budget_percent) / 100
    slo, spent = max(run.costs, key=lambda cost: cost[1], default=("", 0.0))
    cost = _cost(run, slo)
    hint = f"{slo}, predicted {_range(cost)}" if cost else slo or "nothing burnt yet"
    title = f"{percent(spent)} of {percent(limit)} spent"
    predicted = None
    if cost and limit:
        predicted = stretch(
            "predicted", cost.low_ratio / limit, min(cost.high_ratio / limit, 1.0), least=0.01
        )
    meter = Escrow(title, place(spent / limit) if limit else "0", predicted)
    unit = f"% of {percent(limit)}"
    return Readout("Budget escrow", Figure(percent(spent).text, unit), hint, meter)


def _next(flight: Flight) -> Readout:
    lane = next_lane(flight.run)
    if lane is None or lane.predicted is None:
        return Readout("Next hop", Figure("none"), "every predicted hop was seen")
    now_s = flight.now_s or 0.0
    words = f"{lane.hop}{', ' + lane.subject if lane.subject else ''}, predicted {band(lane.predicted)}"
    if (due := lane.predicted.earliest_s - now_s) > 0:
        return Readout("Next hop in", Figure(offset(due)), words)
    late = now_s - lane.predicted.latest_s
    return Readout("Next hop", Figure("due now" if late <= 0 else f"{offset(max(late, 1))} late"), words)


def _fidelity(run: Run) -> Readout:
    if not run.injects:
        return _seen(run)
    shown = sorted(run.fidelity, key=_rank)
    if not shown:
        return Readout("Fidelity", Figure("waiting"), "for the first injected requests")
    first = shown[0]
    measured, requested = check_figure(first, first.measured), check_figure(first, first.requested)
    said = {"in_band": "in band", "out_of_band": "out of band: invalid", "too_few": "too few requests yet"}
    return Readout(
        "Fidelity",
        Figure(measured.text, f"{measured.unit} for {requested.text}"),
        f"{first.label}, {said[first.outcome]}",
    )


def _seen(run: Run) -> Readout:
    """How many subscribers have seen the switches flip."""
    seen = sum(len(mark.told.seen) for mark in run.drills)
    asked = sum(len(mark.subscribers) for mark in run.drills)
    slowest = max((ms for mark in run.drills for _, ms in mark.told.seen), default=None)
    hint = "nobody has told yet" if slowest is None else f"the last after {milliseconds(slowest)}"
    return Readout("Flip seen by", Figure(str(seen), f"of {asked}"), hint)


def _back_words(run: Run) -> str:
    back = sum(mark.restored_at is not None for mark in run.drills)
    return f"{back} of {len(run.drills)} switches back"


def _rank(check: FidelityCheck) -> tuple[int, int]:
    """What decides first: out of band, then figures in milliseconds, then shares."""
    order = {"out_of_band": 0, "in_band": 1, "too_few": 2}
    return order[check.outcome], {"ms": 0, "ratio": 1, "count": 2}[check.unit]


def _detection(run: Run) -> Readout:
    found = detection_of(run)
    expected = next(
        (one.firing for one in (run.prediction.alerts if run.prediction else ()) if one.firing), None
    )
    against = (
        f"{found.against}, predicted {band(expected)}"
        if expected and found.seconds is not None
        else found.against
    )
    return Readout(
        "Time to the first alert", Figure(found.text, "m:ss" if found.seconds is not None else ""), against
    )


def _spent(run: Run) -> Readout:
    slo, spent = max(run.costs, key=lambda cost: cost[1], default=("", 0.0))
    cost = _cost(run, slo)
    hint = f"{slo}, predicted {_range(cost)}" if cost else slo or "no planned burn"
    return Readout("Planned burn, share of the budget", percent(spent), hint)


def _nearest(run: Run) -> Readout:
    readable = [one for one in run.nearest if one.distance_ratio is not None]
    if not readable:
        return Readout("Guardrails", Figure("none"), "no guardrail was read")
    nearest = min(readable, key=_distance)
    away = max(_distance(nearest), 0.0)
    return Readout(
        "Guardrails",
        Figure(percent(away, 0).text, "% was nearest"),
        f"{nearest.label}: {figure_of(nearest, nearest.value)}",
    )


def _distance(reading: Reading) -> float:
    return reading.distance_ratio if reading.distance_ratio is not None else 1.0


def _receipts(run: Run) -> Readout:
    if not run.injects:
        return _seen(run)
    known = [one for one in run.receipts if one.status is not None]
    hits = [one.status.last_hit_at for one in known if one.status and one.status.last_hit_at]
    last = f"last injected request {fine_clock(from_epoch(max(hits)))}" if hits else "no request was hit"
    return Readout("Revert receipts", Figure(str(len(known)), f"of {len(run.receipts)}"), last)


def _cost(run: Run, slo: str) -> BudgetCost | None:
    return next((one for one in (run.prediction.costs if run.prediction else ()) if one.slo == slo), None)


def _range(cost: BudgetCost) -> str:
    return f"{percent(cost.low_ratio).text} {DASH} {percent(cost.high_ratio)}"
