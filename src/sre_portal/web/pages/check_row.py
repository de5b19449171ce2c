"""Was it injected as asked, and did it stop: the fidelity checks and the revert receipts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from sre_portal.core.drill_course import drills_of
from sre_portal.core.experiment import FlagExpectation
from sre_portal.core.fidelity import FidelityCheck
from sre_portal.core.phrase import listed
from sre_portal.core.run import DrillMark, Receipt, Run
from sre_portal.web.pages.figures import (
    DASH,
    Figure,
    Moment,
    count,
    fine_clock,
    from_epoch,
    instant,
    milliseconds,
    percent,
    plural,
)
from sre_portal.web.pages.pill import Pill, pill

PILLS: Mapping[str, Pill] = {
    "in_band": pill("ok", "in band"),
    "out_of_band": pill("failed", "out of band"),
    "too_few": pill("off", "too few yet", "clock"),
}
SEEN: Mapping[str, Pill] = {
    "in_band": pill("ok", "seen in time"),
    "out_of_band": pill("failed", "seen too late"),
    "too_few": pill("off", "not seen by all", "clock"),
}
ENDED: Mapping[str, str] = {
    "withdrawn": "withdrawn by the portal",
    "expired": "ran out",
    "clock_jump": "clock jumped",
    "replaced": "replaced",
}


@dataclass(frozen=True, slots=True)
class CheckRow:
    label: str
    sub: str
    requested: Figure
    measured: Figure
    pill: Pill


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    instance: str
    lease: str
    pill: Pill
    hits: str
    last_hit: str
    ended: Moment


def check_rows(run: Run) -> tuple[CheckRow, ...]:
    return (*(_check(one) for one in run.fidelity), *(row for one in drills_of(run) for row in _switch(*one)))


def _switch(drill: FlagExpectation, mark: DrillMark) -> Iterator[CheckRow]:
    """A flip and its return: by whom each was seen, against the bound."""
    within = drill.seen_within / timedelta(milliseconds=1)
    for what, at, told in (
        ("Flip", mark.flipped_at, mark.told),
        ("Return", mark.restored_at, mark.told_restored),
    ):
        if at is None:
            continue
        slowest = max((ms for _, ms in told.seen), default=None)
        seen = f"{mark.flag}: {len(told.seen)} of {plural(len(mark.subscribers), 'subscriber')}"
        missing = f", not by {listed((*told.missing, *told.gone))}" if told.missing or told.gone else ""
        state = "too_few" if not told.by_all else "in_band" if (slowest or 0.0) <= within else "out_of_band"
        yield CheckRow(what, seen + missing, milliseconds(within), milliseconds(slowest), SEEN[state])


def figure_of(check: FidelityCheck, value: float | None) -> Figure:
    match check.unit:
        case "ms":
            return milliseconds(value)
        case "ratio":
            return percent(value, 1)
        case "count":
            return Figure("no data") if value is None else Figure(count(value))


def _check(one: FidelityCheck) -> CheckRow:
    between = f"{figure_of(one, one.low)} {DASH} {figure_of(one, one.high)}"
    requested = figure_of(one, one.requested)
    if one.unit == "count":
        between, requested = "at least one", Figure("any")
    return CheckRow(
        one.label,
        f"{between}, {count(one.samples)} requests",
        requested,
        figure_of(one, one.measured),
        PILLS[one.outcome],
    )


def receipt_rows(run: Run) -> tuple[ReceiptRow, ...]:
    return tuple(_receipt(one) for one in run.receipts)


def _receipt(one: Receipt) -> ReceiptRow:
    status = one.status
    if status is None:
        missing = pill("stale", "no receipt", "question")
        return ReceiptRow(one.instance, one.lease_id, missing, "unknown", "unknown", instant(one.bounded_by))
    last = fine_clock(from_epoch(status.last_hit_at)) if status.last_hit_at else "none"
    why = ENDED.get(status.ended_by or "", "ended")
    return ReceiptRow(
        one.instance, one.lease_id, pill("ok", why), count(status.hits), last, instant(one.bounded_by)
    )
