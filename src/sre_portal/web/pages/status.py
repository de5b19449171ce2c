"""Is the service up, for everybody: no login, no names of instances, no alerts, cacheable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.slo import AvailabilitySli, Counts, Slo
from sre_portal.operations.board import judged_second
from sre_portal.operations.ports import Ports
from sre_portal.web import render
from sre_portal.web.context import ports_of
from sre_portal.web.pages.figures import Moment, instant, percent, plural
from sre_portal.web.pages.pill import Pill, pill

DAYS = 30
DAY = 86400
NOW_SECONDS = 300
CACHED_SECONDS = 15

WORKING, SLOW, DOWN, UNKNOWN = "up", "slow", "down", "unknown"
HEIGHTS = {WORKING: (10, 14), SLOW: (5, 19), DOWN: (0, 24), UNKNOWN: (10, 14)}
PILLS = {
    WORKING: pill("ok", "Working"),
    SLOW: pill("risk", "Slower than usual"),
    DOWN: pill("failed", "Failing for some"),
    UNKNOWN: pill("stale", "No word from it"),
}
WORST_FIRST = (DOWN, SLOW, UNKNOWN, WORKING)


@dataclass(frozen=True, slots=True)
class DayMark:
    kind: str
    x: str
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Component:
    name: str
    pill: Pill
    days: tuple[DayMark, ...]
    title: str
    share: str


@dataclass(frozen=True, slots=True)
class StatusPage:
    headline: str
    tone: str
    icon: str
    sentence: str
    components: tuple[Component, ...]
    updated: Moment
    days: int
    seeded: bool

    @classmethod
    def of(cls, ports: Ports) -> StatusPage:
        now = ports.clock.now()
        second = judged_second(now)
        services = sorted({slo.spec.service for slo in ports.catalogue.slos()})
        states = {
            name: state_of(ports, slos_of(ports, name), second - NOW_SECONDS, second) for name in services
        }
        headline, tone, icon, sentence = headline_of(states.values())
        series = [ports.board.sli(slo.name) for slo in ports.catalogue.slos()]
        return cls(
            headline=headline,
            tone=tone,
            icon=icon,
            sentence=sentence,
            components=tuple(component(ports, name, states[name], second) for name in services),
            updated=instant(now),
            days=DAYS,
            seeded=ports.seeded or any(one.seeded(second - DAYS * DAY, second) for one in series),
        )


async def status(request: Request) -> Response:
    response = render.public_page(request, "status.html", StatusPage.of(ports_of(request)))
    response.headers["cache-control"] = f"public, max-age={CACHED_SECONDS}"
    response.headers["vary"] = "cookie"
    return response


def headline_of(states: Iterable[str]) -> tuple[str, str, str, str]:
    found = list(states)
    worst = next((state for state in WORST_FIRST if state in found), UNKNOWN)
    touched = sum(state == worst for state in found)
    match worst:
        case "down":
            return (
                "Some requests fail",
                "failed",
                "cross",
                f"{plural(touched, 'service')} failing for some requests.",
            )
        case "slow":
            return (
                "Slower than usual",
                "risk",
                "triangle",
                f"{plural(touched, 'service')} slower than usual; requests succeed.",
            )
        case "unknown" if found:
            return (
                "Not everything is known",
                "off",
                "question",
                f"{plural(touched, 'service')} not heard of in 5 min.",
            )
        case "unknown":
            return "Nothing is watched yet", "off", "question", "No service has an objective."
        case _:
            return "Everything works", "ok", "check", "Every service met its objectives over the last 5 min."


def component(ports: Ports, name: str, state: str, second: int) -> Component:
    slos = slos_of(ports, name)
    kinds = day_states(ports, slos, second)
    days = tuple(_mark(index, kind) for index, kind in enumerate(kinds))
    troubled = sum(kind in {SLOW, DOWN} for kind in kinds)
    title = f"{name}: {plural(troubled, 'day')} of the last {DAYS} with trouble"
    return Component(name, PILLS[state], days, title, availability_words(ports, slos, second))


def slos_of(ports: Ports, service: str) -> list[Slo]:
    return [slo for slo in ports.catalogue.slos() if slo.spec.service == service]


def state_of(ports: Ports, slos: Sequence[Slo], start: int, end: int) -> str:
    """Down where an availability objective is missed, slow where a latency objective is."""
    counted = [(slo, ports.board.sli(slo.name).counts(start, end)) for slo in slos]
    if not any(counts.total for _, counts in counted):
        return UNKNOWN
    missed = [slo for slo, counts in counted if missed_by(slo, counts)]
    if any(isinstance(slo.spec.sli, AvailabilitySli) for slo in missed):
        return DOWN
    return SLOW if missed else WORKING


def missed_by(slo: Slo, counts: Counts) -> bool:
    return counts.bad_ratio is not None and counts.bad_ratio > slo.allowed_ratio


def day_states(ports: Ports, slos: Sequence[Slo], second: int) -> list[str]:
    """Oldest first; the last day is today, in UTC."""
    today = second - second % DAY
    starts = [today - DAY * back for back in range(DAYS - 1, -1, -1)]
    return [state_of(ports, slos, start, min(start + DAY, second)) for start in starts]


def availability_words(ports: Ports, slos: Sequence[Slo], second: int) -> str:
    available = next((slo for slo in slos if isinstance(slo.spec.sli, AvailabilitySli)), None)
    if available is None:
        return ""
    counts = ports.board.sli(available.name).counts(second - DAYS * DAY, second)
    return f"{percent(counts.good / counts.total, 3)} available over {DAYS} d" if counts.total else ""


def _mark(index: int, kind: str) -> DayMark:
    y, height = HEIGHTS[kind]
    return DayMark(kind, f"{100 * index / DAYS:.2f}%", y, height)
