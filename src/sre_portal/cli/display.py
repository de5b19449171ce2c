"""What a person sees while a run is under way: lines, a live view, or nothing (for --json)."""

from __future__ import annotations

import sys
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from sre_portal.cli.plain import say
from sre_portal.cli.seen import EventSeen, ResultSeen, RunSeen

MARKS = {"met": "met   ", "missed": "MISSED", "open": "open  ", "unknown": "?     "}


class Display(Protocol):
    """Told of every state of a run, in order."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def show(self, run: RunSeen, elapsed_s: float) -> None: ...
    def note(self, text: str) -> None:
        """Something about this command rather than about the run."""


class Quiet:
    """For --json: notes go to the standard error, nothing else is said."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put away."""

    def show(self, run: RunSeen, elapsed_s: float) -> None:
        """Nothing: the document at the end says it all."""

    def note(self, text: str) -> None:
        say([text], sys.stderr)


class Lines(Quiet):
    """For a log: a line for the start, and one for each event, each once."""

    def __init__(self) -> None:
        self._told: set[tuple[datetime, str, str]] = set()
        self._begun = False

    def show(self, run: RunSeen, elapsed_s: float) -> None:
        if not self._begun:
            say([f"Run {run.id}: {run.title or run.name}, started by {run.actor or 'you'}"])
        self._begun = True
        # Not by their number: an event that was learnt of late has its place among the earlier ones. Not by
        # their offset: it is known only after the first hit.
        for event in run.events:
            key = (event.at, event.kind, event.text)
            if key not in self._told:
                self._told.add(key)
                say([event_line(event)])


def summary(run: RunSeen, portal_url: str) -> list[str]:
    """How a run stands or ended, for a person."""
    head = f"Run {run.id} ({run.title or run.name}): {run.verdict or run.phase}"
    lines = [head, *(f"  {reason}" for reason in run.reasons)]
    lines += [f"  {result_line(result)}" for result in run.results]
    if run.url:
        lines.append(f"  {portal_url}{run.url}" if run.url.startswith("/") else f"  {run.url}")
    return lines


def event_line(event: EventSeen) -> str:
    """One event, with its time since the first hit."""
    offset = " " * 9 if event.offset_s is None else f"{event.offset_s:+8.1f}s"
    return f"{offset}  {event.text or event.kind}"


def result_line(result: ResultSeen) -> str:
    """One expectation: how it turned out, what was predicted and what was seen."""
    seen = "; ".join(
        text
        for text in (
            result.predicted_text and f"predicted {result.predicted_text}",
            result.observed_text and f"seen {result.observed_text}",
            result.reason,
        )
        if text
    )
    return f"{MARKS.get(result.outcome, result.outcome)}  {result.label}{': ' if seen else ''}{seen}"
