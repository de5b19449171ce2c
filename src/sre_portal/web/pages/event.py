"""What happened to a service, lettered: a letter can be said aloud on a call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from sre_portal.core.alert import AlertChange, AlertState
from sre_portal.core.run import Run
from sre_portal.web.pages.axis import Axis
from sre_portal.web.pages.figures import Moment, from_epoch, instant
from sre_portal.web.pages.plot import Flag, Stretch, place, stretch
from sre_portal.web.pages.wording import experiment_words

NEAREST = 0.045
"""Letters keep this distance, as a share of the width; their lines stay where they belong."""


@dataclass(frozen=True, slots=True)
class Link:
    href: str
    words: str


@dataclass(frozen=True, slots=True)
class Event:
    """`text` goes on with the link, where there is one."""

    at: float
    text: str
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Marker:
    """An event as the list below the charts explains it."""

    letter: str
    at: Moment
    text: str
    link: Link | None


def events_of(
    runs: Sequence[Run], changes: Sequence[AlertChange], axis: Axis, others: Sequence[Event] = ()
) -> list[Event]:
    """What happened within the axis, oldest first; the newest where there are too many for the alphabet."""
    found = [*others]
    for run in runs:
        words, link = experiment_words(run.experiment), Link(f"/runs/{run.id}", f"run {run.id}")
        if run.effective_at:
            began = "first request hit" if run.injects else "switch flipped"
            found.append(Event(run.effective_at.timestamp(), f"{began}, {words},", link))
        if run.reverted_at:
            ended = "fault reverted," if run.injects else "switch back,"
            found.append(Event(run.reverted_at.timestamp(), ended, link))
    found += [
        Event(change.at.timestamp(), f"{change.alert} {change.state.value}, {change.slo}")
        for change in changes
        if change.state in {AlertState.FIRING, AlertState.RESOLVED}
    ]
    return sorted((one for one in found if axis.holds(one.at)), key=lambda one: one.at)[
        -len(ascii_uppercase) :
    ]


def flags_of(events: Sequence[Event], axis: Axis) -> tuple[Flag, ...]:
    """Letters over the charts, nudged to the right where they would cover each other."""
    flags: list[Flag] = []
    free = 0.0
    for letter, event in zip(ascii_uppercase, events, strict=False):
        at = axis.place(event.at)
        drawn = min(max(at, free), 1.0)
        free = drawn + NEAREST
        flags.append(Flag(place(at), place(drawn), letter))
    return tuple(flags)


def markers_of(events: Sequence[Event]) -> tuple[Marker, ...]:
    return tuple(
        Marker(letter, instant(from_epoch(event.at)), event.text, event.link)
        for letter, event in zip(ascii_uppercase, events, strict=False)
    )


def stretches_of(runs: Sequence[Run], axis: Axis) -> tuple[Stretch, ...]:
    """When a fault was active: red while it is, violet once it was reverted."""
    found = []
    for run in runs:
        if run.effective_at is None:
            continue
        start, reverted = run.effective_at.timestamp(), run.reverted_at
        end = reverted.timestamp() if reverted else axis.end
        if end < axis.start or start > axis.end:
            continue
        kind = "reverted" if reverted else "faulted"
        found.append(stretch(kind, axis.place(start), axis.place(end), edge=axis.holds(start), least=0.003))
    return tuple(found)
