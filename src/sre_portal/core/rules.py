"""What a document means beyond its types, on one screen: where, and what has to hold there.

Rules look at the document as it was written, so that one wrong value hides no other. A value of the wrong
type is left to the model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from sre_portal.core.alert import ALERT_NAMES
from sre_portal.core.complaint import REQUIRED
from sre_portal.core.document import dump_duration, parse_duration, parse_percent
from sre_portal.core.phrase import closest_first, listed
from sre_portal.core.place import Path, at, select
from sre_portal.core.route import METHODS, route_fault

Finding = tuple[Path, object, str]
"""Where, what was seen there, and what would be right."""

Check = Callable[[object], str | None]
"""What would be right instead of one value. None where it is right, or not of a kind this can judge."""

Misfits = Iterator[tuple[str | Path, str]]
"""Keys (or paths) inside a mapping, and what would be right there."""

Whole = Callable[[Mapping[str, object]], Misfits]
"""For a mapping whose values have to fit each other: those that do not."""

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=count) for count in (1, 60, 3600, 86_400))
INSTANT = timedelta(milliseconds=1)


def findings(kind: str, document: object) -> Iterator[Finding]:
    """Everything that breaks a rule of this kind of document."""
    for pattern, check in VALUES[kind]:
        for path, value in select(document, pattern):
            if (expected := check(value)) is not None:
                yield path, value, expected
    for pattern, whole in WHOLES[kind]:
        for path, value in select(document, pattern):
            if isinstance(value, Mapping):
                texts = {key: one for key, one in value.items() if isinstance(key, str)}
                for inner, expected in whole(texts):
                    below: Path = (inner,) if isinstance(inner, str) else inner
                    yield (*path, *below), at(value, below), expected


def span(least: timedelta, most: timedelta, *, step: timedelta = INSTANT, why: str = "") -> Check:
    """A duration between two, both included, in whole steps."""

    def check(value: object) -> str | None:
        found = _span(value)
        if found is None or (least <= found <= most and not found % step):
            return None
        whole = ", in whole seconds" if step == SECOND else ""
        return f"a duration from {dump_duration(least)} to {dump_duration(most)}{whole}{why}"

    return check


def percentage(above: int, *, below: int = 101, why: str = "") -> Check:
    """A percentage between two, both excluded."""

    def check(value: object) -> str | None:
        found = _percent(value)
        if found is None or above < found < below:
            return None
        bounds = ((f"above {above}", above >= 0), (f"below {below}", below <= 100))
        return f"a percentage {' and '.join(text for text, bounded in bounds if bounded)}{why}"

    return check


def route(value: object) -> str | None:
    return route_fault(value) if isinstance(value, str) else None


def method(value: object) -> str | None:
    if not isinstance(value, str) or value in METHODS:
        return None
    return f"one of {listed(closest_first(value.upper(), METHODS))}"


def alert_name(value: object) -> str | None:
    if not isinstance(value, str) or value in ALERT_NAMES:
        return None
    return f"one of {listed(closest_first(value, ALERT_NAMES))}"


_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_MOST_HEADERS = 16
_HEADER_NAME = "a header name: letters, digits and dashes"


def header_name(value: object) -> str | None:
    return _HEADER_NAME if isinstance(value, str) and _TOKEN.fullmatch(value) is None else None


def headers(value: Mapping[str, object]) -> Misfits:
    seen: set[str] = set()
    for name, text in value.items():
        if header_name(name) is not None:
            yield name, _HEADER_NAME
        elif name.lower() in seen:
            yield name, f"each header once: {name.lower()} is given above in other letters"
        elif isinstance(text, str) and not _is_header_text(text):
            yield name, 'the text the header has to have, or "*" for any: at most 256 characters of Latin-1'
        seen.add(name.lower())
    if len(value) > _MOST_HEADERS:
        yield (), f"at most {_MOST_HEADERS} headers"


def _is_header_text(text: str) -> bool:
    latin = all(ord(character) < 256 for character in text)
    return bool(text.strip()) and text.isprintable() and latin and len(text) <= 256


def fault(value: Mapping[str, object]) -> Misfits:
    if value.get("type") == "latency":
        yield from _latency(value)
    elif value.get("type") == "error" and value.get("exception") is True:
        for key in ("status", "body"):
            if key in value:
                yield key, f"no {key}: an exception is raised before there is an answer"


def _latency(value: Mapping[str, object]) -> Misfits:
    drawn = value.get("distribution", "fixed")
    delay, cap, spread = (_span(value.get(key, "60s")) for key in ("delay", "cap", "spread"))
    if delay is not None and cap is not None and cap < delay:
        yield "cap", f"at least the delay, {dump_duration(delay)}: no wait is longer than the cap"
    if drawn in ("uniform", "normal") and ("spread" not in value or spread == timedelta(0)):
        yield "spread", f"a duration above 0s: without it {drawn} is fixed"
    elif drawn == "uniform" and delay is not None and spread is not None and spread > delay:
        yield "spread", f"at most the delay, {dump_duration(delay)}: a wait is never negative"
    elif drawn in ("fixed", "pareto") and spread and "spread" in value:
        yield "spread", f"no spread: {drawn} has none. Give the distribution: uniform or normal"
    if drawn in ("fixed", "uniform", "normal") and "shape" in value:
        yield "shape", f"no shape: {drawn} has none. Give the distribution: pareto"


def condition(value: Mapping[str, object]) -> Misfits:
    kind = value.get("type")
    longest = HOUR if kind == "errors" else timedelta(minutes=5)
    below = percentage(0, why=": less than none is never") if kind == "errors" else span(INSTANT, HOUR)
    checks: dict[str, Check] = {
        "over": span(SECOND, longest, step=SECOND),
        "quantile": percentage(0),
        "below": below,
    }
    for key, check in checks.items():
        if key in value and (expected := check(value[key])) is not None:
            yield key, expected


def expectation(value: Mapping[str, object]) -> Misfits:
    between = value.get("between")
    if between is None or not isinstance(between, Sequence) or isinstance(between, str):
        return
    if value.get("outcome") == "silent":
        yield "between", "no band: an alert that stays silent has none"
        return
    ends = [_span(one) for one in between]
    if len(ends) != 2:
        yield "between", "two durations: the earliest and the latest, such as [30s, 60s]"
    elif ends[0] is not None and ends[1] is not None and not ends[0] < ends[1] <= DAY:
        yield "between", "two durations in order, at most 24h, such as [30s, 60s]"


_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_SEEN_MARGIN = 3 * SECOND
"""A drill lasts so much longer than its subscribers may take: they tell once a second."""


def cohort(value: Mapping[str, object]) -> Misfits:
    if "percent" in value:
        for key in ("attribute", "equals"):
            if key in value:
                yield key, f"no {key} beside percent: a cohort is a share, or those who have an attribute"
        return
    for one, other in (("attribute", "equals"), ("equals", "attribute")):
        if one in value and other not in value:
            yield other, "both attribute and equals, such as {attribute: group, equals: beta}"
    name = value.get("attribute")
    if isinstance(name, str) and not _ATTRIBUTE.fullmatch(name):
        yield "attribute", "the name of an attribute of the evaluation context, such as group"


def drills(value: Mapping[str, object]) -> Misfits:
    """The kill switches of a run: each once, and long enough to be seen."""
    duration, target = _span(value.get("duration")), value.get("target")
    service = target.get("service") if isinstance(target, Mapping) else None
    first: dict[object, int] = {}
    for (_, index), one in select(value, "expectations[*]"):
        if not isinstance(one, Mapping) or one.get("type") != "flag" or not isinstance(index, int):
            continue
        about = f"{one.get('set', service)}/{one.get('flag')}"
        if about in first:
            expected = f"one drill of {about}: the first is expectations[{first[about]}]"
            yield ("expectations", index), expected
        first.setdefault(about, index)
        after, within = _span(one.get("after", "0s")), _span(one.get("seenWithin", "2s"))
        if after and not value.get("faults"):
            yield ("expectations", index, "after"), "no after: it counts from the first hit of a fault"
        if duration is not None and after is not None and within is not None:
            least = after + within + _SEEN_MARGIN
            if duration < least:
                why = "after, seenWithin, and 3s in which subscribers tell"
                yield ("duration",), f"at least {dump_duration(least)}, to drill {about}: {why}"
    if value.get("faults") in (None, [], ()) and not first:
        yield ("faults",), REQUIRED["spec.faults"]


def one_fault(value: Mapping[str, object]) -> Misfits:
    faults = value.get("faults")
    if isinstance(faults, Sequence) and not isinstance(faults, str) and len(faults) > 1:
        yield ("faults", 1), "one fault an experiment: the first that covers a request decides it"


def expectations(value: Mapping[str, object]) -> Misfits:
    """Expectations against each other and against the steady state."""
    first: dict[str, int] = {}
    for (_, index), one in select(value, "expectations[*]"):
        kind = one.get("type") if isinstance(one, Mapping) else None
        if not isinstance(one, Mapping) or not isinstance(index, int) or kind not in ("alert", "recovers"):
            continue
        about = "the recovery" if kind == "recovers" else f"{one.get('alert')} of {one.get('slo')}"
        if about in first:
            yield (
                ("expectations", index),
                f"one expectation about {about}: the first is expectations[{first[about]}]",
            )
        elif kind == "recovers" and not value.get("steadyState"):
            yield ("expectations", index), "a steadyState in the spec: there is nothing to come back to"
        first.setdefault(about, index)


_CONDITIONS = ("spec.steadyState[*]", "spec.guardrails[*]", "spec.expectations[*].condition")

VALUES: Mapping[str, tuple[tuple[str, Check], ...]] = {
    "Access": (),
    "SLO": (
        ("spec.objective", percentage(0, below=100, why=", such as 99.9: 100 leaves no error budget")),
        ("spec.window", span(HOUR, 35 * DAY, step=SECOND)),
        ("spec.route", route),
        ("spec.methods[*]", method),
        ("spec.sli.threshold", span(INSTANT, HOUR)),
        ("spec.errorRateAlert.above", percentage(-1, below=100, why=": more than all is never")),
        ("spec.errorRateAlert.over", span(SECOND, HOUR, step=SECOND)),
        ("spec.errorRateAlert.for", span(timedelta(0), HOUR, step=SECOND)),
    ),
    "Experiment": (
        ("spec.duration", span(INSTANT, DAY, why=": a fault has a length and an end")),
        ("spec.target.route", route),
        ("spec.target.methods[*]", method),
        ("spec.target.share.percent", percentage(0, why=": 0 % hits nothing")),
        ("spec.target.share.keyHeader", header_name),
        ("spec.faults[*].delay", span(INSTANT, HOUR)),
        ("spec.faults[*].cap", span(INSTANT, HOUR)),
        ("spec.expectations[*].alert", alert_name),
        ("spec.expectations[*].within", span(INSTANT, DAY)),
        ("spec.expectations[*].seenWithin", span(100 * INSTANT, 10 * MINUTE)),
        ("spec.expectations[*].after", span(timedelta(0), DAY)),
        ("spec.expectations[*].cohort.percent", percentage(0, why=": 0 % is nobody")),
    ),
}

WHOLES: Mapping[str, tuple[tuple[str, Whole], ...]] = {
    "SLO": (),
    "Access": (),
    "Experiment": (
        ("spec.target.headers", headers),
        ("spec.faults[*]", fault),
        *((pattern, condition) for pattern in _CONDITIONS),
        ("spec.expectations[*]", expectation),
        ("spec.expectations[*].cohort", cohort),
        ("spec", one_fault),
        ("spec", expectations),
        ("spec", drills),
    ),
}


def _span(value: object) -> timedelta | None:
    try:
        return parse_duration(value)
    except ValueError:
        return None


def _percent(value: object) -> Decimal | None:
    try:
        return parse_percent(value)
    except ValueError:
        return None
