"""Was it injected as asked, and did it stop: the fidelity checks and the revert receipts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sre_portal.core.fidelity import FidelityCheck
from sre_portal.core.run import Receipt, Run
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
)
from sre_portal.web.pages.pill import Pill, pill

PILLS: Mapping[str, Pill] = {
    "in_band": pill("ok", "in band"),
    "out_of_band": pill("failed", "out of band"),
    "too_few": pill("off", "too few yet", "clock"),
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
    return tuple(_check(one) for one in run.fidelity)


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
