"""The golden signals of a service: every chart on the same axis, with the same events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sre_portal.contract.histogram import merge
from sre_portal.core.signal import Signal, SignalPoint
from sre_portal.core.slo import burn_rate
from sre_portal.operations.ports import Ports
from sre_portal.web.pages.figures import (
    TIMES,
    Figure,
    count,
    decimal,
    factor,
    milliseconds,
    percent,
    rate,
)
from sre_portal.web.pages.plot import Plot, Rule, Scale, headroom
from sre_portal.web.pages.spark import objective_ms
from sre_portal.web.pages.standing import SloStanding, Standing
from sre_portal.web.pages.window import INNER, TOP, Samples, Window, drawn


@dataclass(frozen=True, slots=True)
class Range:
    """A choice of how far back the charts go. `step` is the width of one point in seconds."""

    name: str
    words: str
    seconds: int
    step: int


RANGES = (
    Range("5m", "5 min", 300, 1),
    Range("1h", "1 h", 3600, 60),
    Range("1d", "1 d", 86400, 600),
)


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure: what it is, the newest value, the drawing, and the values the cursor reads."""

    id: str
    title: str
    hint: str
    value: Figure
    plot: Plot
    series: str


def golden_charts(
    ports: Ports, one: Standing, points: Sequence[SignalPoint], window: Window
) -> tuple[Chart, ...]:
    return (
        requests_chart(one, points, window),
        errors_chart(one, points, window),
        latency_chart(one, points, window),
        burn_chart(ports, one, window),
    )


def requests_chart(one: Standing, points: Sequence[SignalPoint], window: Window) -> Chart:
    samples = [(middle(point, window), point.requests / window.step) for point in points]
    scale = Scale(headroom([value for _, value in samples], 1.0), TOP, INNER)
    plot = drawn(f"Requests per second of {one.service}", window, scale, count, [("measured", samples)])
    hint = f"all instances, by {step_words(window)}"
    return Chart(
        "chart-requests", "Requests", hint, rate(_last(samples)), plot, window.series(samples, "/s", scale)
    )


def errors_chart(one: Standing, points: Sequence[SignalPoint], window: Window) -> Chart:
    samples = [
        (middle(point, window), 100 * point.errors / point.requests if point.requests else None)
        for point in points
    ]
    scale = Scale(headroom([value for _, value in samples], 1.0), TOP, INNER)
    plot = drawn(
        f"Share of failed requests of {one.service}", window, scale, _percent_label, [("measured", samples)]
    )
    last = _last(samples)
    value = percent(None if last is None else last / 100)
    return Chart(
        "chart-errors", "Errors", "5xx, exceptions, aborts", value, plot, window.series(samples, "%", scale)
    )


def latency_chart(one: Standing, points: Sequence[SignalPoint], window: Window) -> Chart:
    p99, p95, p50 = (
        [(middle(point, window), value) for point, value in zip(points, values, strict=True)]
        for values in (
            [point.p99_ms for point in points],
            [point.p95_ms for point in points],
            [point.p50_ms for point in points],
        )
    )
    objective = objective_ms(one)
    scale = Scale(headroom([*(value for _, value in p99), objective], 10.0), TOP, INNER)
    lines = [("third", p50), ("second", p95), ("measured", p99)]
    rules = _rule(objective, f"objective {milliseconds(objective)}", scale) if objective else ()
    plot = drawn(f"Latency of {one.service}, p99, p95 and p50", window, scale, _ms_label, lines, rules)
    hint = "p99 solid, p95 thin, p50 dotted"
    return Chart(
        "chart-latency",
        "Latency",
        hint,
        _named(milliseconds(_last(p99)), "p99"),
        plot,
        window.series(p99, "ms", scale),
    )


def burn_chart(ports: Ports, one: Standing, window: Window) -> Chart:
    """The five-minute burn rate of every SLO; the worst one is the solid line."""
    step = max(window.step, (window.axis.end - window.axis.start) // 150)
    instants = [window.axis.end - index * step for index in range(150)][::-1]
    lines = [(slo, _burn_samples(ports, slo, instants)) for slo in one.slos]
    lines.sort(key=lambda pair: max((value or 0.0 for _, value in pair[1]), default=0.0), reverse=True)
    highest = headroom([value for _, samples in lines for _, value in samples], 2.0)
    scale = Scale(highest, TOP, INNER)
    kinds = ("measured", "second", "third")
    rules = _rule(14.4, f"pages at {factor(14.4)}", scale) if highest > 8 else ()
    strokes = [(kind, samples) for kind, (_, samples) in zip(kinds, lines, strict=False)]
    plot = drawn(f"Burn rate over 5 minutes of {one.service}", window, scale, factor, strokes[::-1], rules)
    worst = lines[0][1] if lines else []
    coarse = Window(window.axis, int(step), (), ())
    hint = f"over 5 m, {lines[0][0].slo.name} solid" if lines else "no SLO"
    last = _last(worst)
    value = Figure("no data") if last is None else Figure(decimal(last, 1), TIMES, f"{last:.4f}")
    return Chart("chart-burn", "Burn rate", hint, value, plot, coarse.series(worst, TIMES, scale))


def summed(signals: Iterable[Signal], step: int) -> tuple[SignalPoint, ...]:
    """Signals summed to points `step` seconds wide."""
    found: dict[int, list[Signal]] = {}
    for signal in signals:
        found.setdefault(signal.at - signal.at % step, []).append(signal)
    return tuple(
        SignalPoint.of(
            Signal(
                at,
                sum(one.requests for one in many),
                sum(one.errors for one in many),
                merge(one.latency for one in many),
                any(one.seeded for one in many),
            )
        )
        for at, many in sorted(found.items())
    )


def middle(point: SignalPoint, window: Window) -> float:
    return point.at + window.step / 2


def step_words(window: Window) -> str:
    return {1: "second", 60: "minute"}.get(window.step, f"{window.step // 60} min")


def _burn_samples(
    ports: Ports, one: SloStanding, instants: Sequence[float]
) -> list[tuple[float, float | None]]:
    series = ports.board.sli(one.slo.name)
    return [(at, burn_rate(series.counts(int(at) - 300, int(at)), one.slo)) for at in instants]


def _rule(value: float, label: str, scale: Scale) -> tuple[Rule, ...]:
    y = scale.pixel(value)
    return (Rule(y, label, "4", f"{float(y) - 5:.1f}"),)


def _last(samples: Samples) -> float | None:
    return next((value for _, value in reversed(samples) if value is not None), None)


def _named(figure: Figure, name: str) -> Figure:
    return Figure(figure.text, f"{figure.unit} {name}".strip(), figure.exact)


def _percent_label(value: float) -> str:
    return f"{value:g} %"


def _ms_label(value: float) -> str:
    return f"{count(value)} ms"
