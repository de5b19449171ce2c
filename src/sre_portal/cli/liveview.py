"""The live view of a run in a terminal: phases, clock, guardrails and expectations."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sre_portal.cli.plain import plain
from sre_portal.cli.seen import ReadingSeen, RunSeen, reading_text

PHASES = ("preflight", "predict", "inject", "fidelity", "observe", "revert", "recover", "judge")

STYLE = {
    "holds": "green",
    "met": "green",
    "breached": "bold red",
    "missed": "bold red",
    "unreadable": "yellow",
    "unknown": "yellow",
}
LAST_EVENTS = 5


class LiveView:
    """Draws a run again each time it is told of one. Every state has a word as well as a colour."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, run: RunSeen, elapsed_s: float) -> None:
        self._live.update(view_of(run, elapsed_s), refresh=True)

    def note(self, text: str) -> None:
        self._live.console.print(Text(plain(text), style="yellow"))


def view_of(run: RunSeen, elapsed_s: float) -> RenderableType:
    """Everything about a run on one screen."""
    parts: list[RenderableType] = [_head(run), _strip(run.phase), Text(_clock(run, elapsed_s))]
    if run.guardrails:
        parts.append(_guardrails(run.guardrails))
    if run.results:
        parts.append(_expectations(run))
    parts += [
        Text(plain(f"  {event.text or event.kind}"), style="dim") for event in run.events[-LAST_EVENTS:]
    ]
    return Group(*parts)


def _head(run: RunSeen) -> Text:
    return Text.assemble(
        (plain(f"Run {run.id}  {run.title or run.name}"), "bold"), plain(f"  on {run.service}")
    )


def _strip(phase: str) -> Text:
    """The phases in order: done in plain type, the present one in brackets, the rest dim."""
    at = PHASES.index(phase) if phase in PHASES else len(PHASES)
    strip = Text()
    for index, name in enumerate(PHASES):
        strip.append(" > " if index else "", style="dim")
        strip.append(
            f"[{name}]" if index == at else name, style="bold" if index == at else "dim" if index > at else ""
        )
    return strip


def _clock(run: RunSeen, elapsed_s: float) -> str:
    parts = [f"{elapsed_s:.0f} s since the start"]
    hit = run.seconds_until(run.timeline.effective_at if run.timeline else None)
    if hit is not None:
        parts.append(f"{elapsed_s - hit:.0f} s since the {'flip' if run.drills_alone else 'first hit'}")
    end = run.seconds_until(run.ends_at)
    if end is not None and end > elapsed_s and not run.reverted:
        what = "drill" if run.drills_alone else "fault"
        parts.append(f"the {what} ends by itself in {end - elapsed_s:.0f} s")
    return ", ".join(parts)


def _guardrails(readings: tuple[ReadingSeen, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), title="Guardrails", title_justify="left")
    for name in ("", "", "now", "left to breach"):
        table.add_column(name)
    for one in readings:
        left = "" if one.distance_ratio is None else f"{max(one.distance_ratio, 0) * 100:.0f} %"
        state = Text(plain(one.outcome), style=STYLE.get(one.outcome, ""))
        table.add_row(state, Text(plain(one.label)), Text(plain(reading_text(one))), left)
    return table


def _expectations(run: RunSeen) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), title="Expectations", title_justify="left")
    for name in ("", "", "predicted", "seen"):
        table.add_column(name)
    for one in run.results:
        state = Text(plain(one.outcome), style=STYLE.get(one.outcome, ""))
        table.add_row(
            state, Text(plain(one.label)), Text(plain(one.predicted_text)), Text(plain(one.observed_text))
        )
    return table
