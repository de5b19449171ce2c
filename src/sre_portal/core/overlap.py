"""What part of an SLO's requests a target means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sre_portal.contract.match import route_regex
from sre_portal.core.board import Board
from sre_portal.core.bound import wilson
from sre_portal.core.experiment import Target
from sre_portal.core.forecast import recent_seconds
from sre_portal.core.route import methods_overlap, routes_overlap
from sre_portal.core.slo import Slo


@dataclass(frozen=True, slots=True)
class Overlap:
    """The share (0..1) of an SLO's requests that fall under a target, between bounds; `reason` why these."""

    low: float
    high: float
    reason: str = ""


_HOLE = re.compile(r"\{[^/{}]*\}")

NONE = Overlap(0.0, 0.0)
ALL = Overlap(1.0, 1.0)


def overlap_of(target: Target, slo: Slo) -> Overlap:
    """What the documents alone tell: all, none, or unknown (0 to 1)."""
    spec = slo.spec
    apart = not (methods_overlap(target.methods, spec.methods) and routes_overlap(target.route, spec.route))
    if spec.service != target.service or apart:
        return NONE
    if target.headers:
        names = ", ".join(sorted(target.headers))
        return Overlap(
            0.0, 1.0, f"how many requests carry the headers of the target ({names}) is not measured"
        )
    if routes_within(spec.route, target.route) and _methods_within(spec.methods, target.methods):
        return ALL
    return Overlap(0.0, 1.0, f"what part of the requests of {slo.name} match the target is not measured")


def measured_overlap(target: Target, slo: Slo, slos: Sequence[Slo], board: Board, now: int) -> Overlap:
    """As `overlap_of`; an unknown part is taken from an SLO with exactly the requests of the target."""
    found, twin, series = overlap_of(target, slo), twin_of(target, slos), board.slis.get(slo.name)
    if found.low == found.high or twin is None or series is None or not _covers(slo, target):
        return found
    seconds = recent_seconds(series.first_second, now)
    return _part(twin, board, now, seconds, series.counts(now - seconds, now).total) or found


def service_overlap(target: Target, slos: Sequence[Slo], board: Board, now: int) -> Overlap:
    """The share of all requests of the target's service that the target means."""
    if not (target.route or target.methods or target.headers):
        return ALL
    twin, service = twin_of(target, slos), board.services.get(target.service)
    unknown = Overlap(
        0.0, 1.0, f"what part of the requests of {target.service} match the target is not measured"
    )
    if twin is None or service is None:
        return unknown
    seconds = recent_seconds(service.first_second, now)
    return _part(twin, board, now, seconds, service.requests(now - seconds, now)) or unknown


def _part(twin: Slo, board: Board, now: int, seconds: int, total: int) -> Overlap | None:
    """The share of `total` requests of the last seconds that an SLO counted, by Wilson's interval."""
    series = board.slis.get(twin.name)
    if series is None or not total:
        return None
    matched = min(series.counts(now - seconds, now).total, total)
    return Overlap(*wilson(matched, total))


def twin_of(target: Target, slos: Sequence[Slo]) -> Slo | None:
    """An SLO whose requests are exactly those of the target."""
    if target.headers:
        return None
    same = (slo for slo in slos if slo.spec.service == target.service and overlap_of(target, slo) == ALL)
    return next((slo for slo in same if _covers(slo, target)), None)


def routes_within(inner: str | None, outer: str | None) -> bool:
    """Whether every path of one route pattern surely matches the other. None matches every path.

    A path made of `inner` with characters that no pattern spells out can only match the holes of `outer`.
    """
    if outer is None or inner is None:
        return outer is None
    rests = ("", "\x01/\x01") if inner.endswith("*") else ("",)
    body = _HOLE.sub("\x01", inner.removesuffix("*"))
    return all(route_regex(outer).fullmatch(body + rest) for rest in rests)


def _covers(slo: Slo, target: Target) -> bool:
    return routes_within(target.route, slo.spec.route) and _methods_within(target.methods, slo.spec.methods)


def _methods_within(inner: Sequence[str], outer: Sequence[str]) -> bool:
    """Whether every one of the methods is among the others. None at all means every method."""
    return not outer or (bool(inner) and {one.upper() for one in inner} <= {one.upper() for one in outer})
