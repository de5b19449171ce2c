"""What will happen: a prediction as a person reads it before pressing start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sre_portal.contract.lease import LEASE_SECONDS
from sre_portal.core.errors import Objection
from sre_portal.core.experiment import Experiment
from sre_portal.core.prediction import AlertPrediction, BudgetCost, Prediction
from sre_portal.web.pages.figures import (
    ARROW,
    DASH,
    Burn,
    band,
    burn,
    milliseconds,
    percent,
    plural,
    rate,
    short_percent,
    span,
)

UNKNOWN = "cannot be predicted now"


@dataclass(frozen=True, slots=True)
class Effect:
    p99: str
    burn: Burn | None
    """None where it is not predicted: nothing says that it changes."""
    costs: tuple[str, ...]
    alerts: tuple[str, ...]
    stops: str
    ends: str
    traffic: str
    assumptions: tuple[str, ...]
    objections: tuple[str, ...]

    @classmethod
    def of(
        cls, experiment: Experiment, prediction: Prediction | None, objections: Sequence[Objection] = ()
    ) -> Effect:
        spec = experiment.spec
        guards = plural(len(spec.guardrails), "guardrail")
        escrow = f"{short_percent(float(spec.budget_percent))} budget escrow"
        peak = peak_burn(prediction) if prediction else None
        return cls(
            p99=p99_words(prediction) if prediction else UNKNOWN,
            burn=None if peak is None else burn(peak),
            costs=cost_lines(prediction) if prediction else (UNKNOWN,),
            alerts=alert_words(prediction) if prediction else (UNKNOWN,),
            stops=f"{guards}, {escrow}, STOP ALL, and {LEASE_SECONDS:.0f} s leases that end by themselves",
            ends=f"after {span(spec.duration)}, by itself",
            traffic=f"{rate(prediction.requests_per_second)} match the target" if prediction else UNKNOWN,
            assumptions=prediction.assumptions if prediction else (),
            objections=tuple(f"{one.guard}: {one.reason}" for one in objections),
        )


def p99_words(prediction: Prediction) -> str:
    """`38 to 640 ms`, before and during."""
    before, during = prediction.p99_before_ms, prediction.p99_during_ms
    if during is None:
        return "not predicted" if before is None else f"stays near {milliseconds(before)}"
    low, high = during
    later = str(milliseconds(high)) if high - low < 1 else f"{milliseconds(low)} {DASH} {milliseconds(high)}"
    return f"{milliseconds(before)} {ARROW} {later}"


def peak_burn(prediction: Prediction) -> float | None:
    """The highest predicted burn rate over five minutes, or over the shortest window there is."""
    found = [one for one in prediction.corridors if one.kind == "burn" and one.points]
    nearest = min((one.over_seconds for one in found), key=lambda over: abs(over - 300), default=0)
    peaks = [max(point.high for point in one.points) for one in found if one.over_seconds == nearest]
    return max(peaks, default=None)


def cost_lines(prediction: Prediction) -> tuple[str, ...]:
    return tuple(cost_words(cost) for cost in prediction.costs if cost.high_ratio > 0) or ("none",)


def cost_words(cost: BudgetCost) -> str:
    low, high = percent(cost.low_ratio), percent(cost.high_ratio)
    said = str(high) if low.text == high.text else f"{low.text} {DASH} {high}"
    return f"{said} of {cost.slo}, {percent(cost.left_ratio, 1)} left"


def alert_words(prediction: Prediction) -> tuple[str, ...]:
    """Which alert turns and when; one sentence where none does."""
    said = [_alert_line(one) for one in prediction.alerts if one.outcome != "silent"]
    return tuple(said) or ("none fires",)


def _alert_line(one: AlertPrediction) -> str:
    name = f"{one.alert} of {one.slo}"
    match one.outcome:
        case "fires":
            resolved = f", resolves {band(one.resolved)}" if one.resolved else ""
            return f"{name} fires {band(one.firing)}{resolved}"
        case "uncertain":
            return f"{name} may fire: {one.reason}"
        case "already":
            return f"{name} is on already"
        case _:
            return f"{name} stays silent"
