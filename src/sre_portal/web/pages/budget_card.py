"""One SLO: how much of its budget is left, where the rest went, and how fast it burns."""

from __future__ import annotations

from dataclasses import dataclass

from sre_portal.core.slo import burn_down
from sre_portal.operations.board import judged_second
from sre_portal.operations.ports import Ports
from sre_portal.web.pages.axis import Axis
from sre_portal.web.pages.figures import Burn, Figure, burn, day, from_epoch, percent, span
from sre_portal.web.pages.pill import Pill, pill
from sre_portal.web.pages.plot import Label, Plot, Scale, Stroke, area, line, place
from sre_portal.web.pages.recent import memo_of
from sre_portal.web.pages.standing import AT_RISK_RATIO, SloStanding, window_of
from sre_portal.web.pages.wording import objective_words

INNER, HEIGHT = 120, 140
STEP_SECONDS = 6 * 3600
SCALE = Scale(1.0, 0, INNER)
GRID = tuple(SCALE.pixel(ratio) for ratio in (0.0, 0.5, 1.0))
LABELS = tuple(
    Label("-8", f"{float(SCALE.pixel(ratio)) + 4:.1f}", f"{ratio * 100:.0f} %", "end")
    for ratio in (0.0, 0.5, 1.0)
)


@dataclass(frozen=True, slots=True)
class BudgetCard:
    name: str
    objective: str
    pill: Pill
    window: str
    left: Figure
    planned: Figure
    organic: Figure
    burns: tuple[tuple[str, Burn], ...]
    plot: Plot
    seeded: bool

    @classmethod
    def of(cls, ports: Ports, one: SloStanding) -> BudgetCard:
        # A month moves slowly: the curve is drawn once a minute, the numbers beside it are of now.
        minute = judged_second(ports.clock.now()) // 60
        return cls(
            name=one.slo.name,
            objective=objective_words(one.slo),
            pill=slo_pill(one),
            window=window_of(one.budget, one.slo),
            left=percent(one.budget.left_ratio, 1),
            planned=percent(one.budget.planned_ratio, 1),
            organic=percent(one.budget.organic_ratio, 1),
            burns=(("5 m", burn(one.burn_5m)), ("1 h", burn(one.burn_1h)), ("6 h", burn(one.burn_6h))),
            plot=memo_of(ports).once(("burn-down", one.slo.name), minute, lambda: plot_of(ports, one)),
            seeded=one.budget.seeded,
        )


def slo_pill(one: SloStanding) -> Pill:
    if one.budget.left_ratio <= 0:
        return pill("risk", "Budget spent")
    if one.firing or one.is_paging:
        return pill("risk", "Burning")
    if one.budget.left_ratio < AT_RISK_RATIO:
        return pill("risk", "Budget at risk")
    return pill("ok", "Healthy")


def plot_of(ports: Ports, one: SloStanding) -> Plot:
    """Budget left over the window: planned burn is taken off the top, organic burn lies below it."""
    end = judged_second(ports.clock.now())
    axis = Axis(end - one.slo.spec.window.total_seconds(), end)
    points = burn_down(ports.board.sli(one.slo.name), one.slo, end, STEP_SECONDS)
    places = [axis.place(point.at) for point in points]
    planned = [(x, 1 - point.planned_ratio) for x, point in zip(places, points, strict=True)]
    left = [(x, point.left_ratio) for x, point in zip(places, points, strict=True)]
    roof, floor = [(x, 1.0) for x in places], [(x, 0.0) for x in places]
    strokes = (
        area("area-left", left, floor, SCALE),
        area("area-organic", planned, left, SCALE),
        area("area-planned", roof, planned, SCALE),
        line("measured", left, SCALE),
        Stroke("rule", "M0 0L1000 100"),
    )
    title = (
        f"Budget of {one.slo.name} over {span(one.slo.spec.window)}: {percent(one.budget.left_ratio, 1)} left"
    )
    return Plot(title, HEIGHT, 0, INNER, strokes, (), GRID, LABELS, (), _days(axis))


def _days(axis: Axis) -> tuple[Label, ...]:
    marks = ((axis.start, ""), ((axis.start + axis.end) / 2, "mid"), (axis.end, "end"))
    return tuple(
        Label(place(axis.place(at)), str(HEIGHT - 4), day(from_epoch(at)), kind) for at, kind in marks
    )
