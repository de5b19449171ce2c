"""One expectation: the predicted band, and what was observed on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sre_portal.core.prediction import Band
from sre_portal.core.run import ExpectationResult, Run
from sre_portal.web.pages.figures import DASH, band, fine_offset
from sre_portal.web.pages.pill import OUTCOMES, Pill
from sre_portal.web.pages.plot import Stretch, place, stretch

SILENT = " stays silent"
SILENT_SHOWN = 3
"""So many get a row each. More share one."""


@dataclass(frozen=True, slots=True)
class ExpectationRow:
    label: str
    reason: str
    window: Stretch | None
    seen: str
    title: str
    predicted: str
    observed: str
    pill: Pill


def expectation_rows(run: Run) -> tuple[ExpectationRow, ...]:
    """All on one scale, so that bands can be compared."""
    ends = [result.predicted.latest_s for result in run.results if result.predicted]
    seen = [result.observed_s for result in run.results if result.observed_s is not None]
    whole = max([*ends, *seen, 1.0]) * 1.1
    silent = {outcome: _silent(run.results, outcome) for outcome in ("met", "open")}
    many = {outcome: found for outcome, found in silent.items() if len(found) > SILENT_SHOWN}
    alone = [one for one in run.results if one not in many.get(one.outcome, ())]
    return (
        *(_row(result, whole, live=run.live) for result in alone),
        *(_silent_row(found, whole, live=run.live) for found in many.values()),
    )


def _silent(results: Sequence[ExpectationResult], outcome: str) -> list[ExpectationResult]:
    """The alerts that stay silent as they should: a run may name dozens of them."""
    return [
        one
        for one in results
        if one.label.endswith(SILENT) and one.outcome == outcome and one.observed_s is None
    ]


def _silent_row(many: Sequence[ExpectationResult], whole: float, *, live: bool) -> ExpectationRow:
    alerts: dict[str, list[str]] = {}
    for one in many:
        alert, _, slo = one.label.removesuffix(SILENT).partition(" of ")
        alerts.setdefault(slo, []).append(alert)
    names = "; ".join(f"{slo}: {', '.join(some)}" for slo, some in alerts.items())
    row = _row(many[0], whole, live=live)
    return replace(row, label=f"{len(many)} alerts stay silent", reason=names)


def tally_words(run: Run) -> str:
    """`4 met, 1 missed`."""
    counted = Counter(result.outcome for result in run.results)
    return ", ".join(f"{counted[name]} {name}" for name in OUTCOMES if counted[name]) or "none"


def _row(result: ExpectationResult, whole: float, *, live: bool) -> ExpectationRow:
    predicted = result.predicted_text or band(result.predicted)
    observed = result.observed_text or fine_offset(result.observed_s)
    if observed == DASH and live:
        observed = "waiting"
    return ExpectationRow(
        label=result.label,
        reason=result.reason,
        window=_window(result.predicted, whole),
        seen=place(result.observed_s / whole) if result.observed_s is not None else "",
        title=f"predicted {predicted}, observed {observed}",
        predicted=predicted,
        observed=observed,
        pill=OUTCOMES[result.outcome],
    )


def _window(predicted: Band | None, whole: float) -> Stretch | None:
    if predicted is None:
        return None
    return stretch("window", predicted.earliest_s / whole, predicted.latest_s / whole, least=0.008)
