"""The rule around a kill switch that is drilled: it flips for a cohort, and ends by the clock everywhere.

    {"if": [{"and": [{"<": [{"var": "$flagd.timestamp"}, UNTIL]}, COHORT]}, VARIANT, ORIGINAL]}

ORIGINAL is the targeting of before, or null where there was none: null gives the default variant, also where
the default is the caller's. So for whoever is outside the cohort, and for everybody after UNTIL, value and
variant are those of before; only the reason may be DEFAULT instead of STATIC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import ceil

from sre_portal.contract.lease import LEASE_SECONDS
from sre_portal.core.experiment import Cohort

SLACK = timedelta(seconds=LEASE_SECONDS)
"""So long after the end of its run a drill ends by itself, where nobody has ended it."""

TIMESTAMP: Mapping[str, object] = {"var": "$flagd.timestamp"}
KEY: Mapping[str, object] = {"var": "targetingKey"}
SALT = "drill "
"""Begins what a cohort by percent is drawn with."""

_INSIDE, _OUTSIDE = "in", "out"


@dataclass(frozen=True, slots=True)
class Wrapper:
    """What a wrapped targeting says: who gets `variant`, and until when, in whole seconds since 1970."""

    until: int
    cohort: object
    variant: str


def until_of(granted_at: datetime, duration: timedelta) -> datetime:
    """When the drill of a run ends by the clock: a whole second, because `$flagd.timestamp` is one."""
    return datetime.fromtimestamp(ceil((granted_at + duration + SLACK).timestamp()), UTC)


def wrapper_of(cohort: Cohort, variant: str, until: datetime, salt: str) -> Wrapper:
    """The wrapper of a drill. `salt` keeps its cohort apart from the flag's own split: run and flag, say."""
    return Wrapper(int(until.timestamp()), _rule_of(cohort, SALT + salt), variant)


def wrap(fields: Mapping[str, object], wrapper: Wrapper) -> dict[str, object]:
    """A flag as in a document, with the wrapper around its targeting."""
    within: dict[str, object] = {"and": [{"<": [dict(TIMESTAMP), wrapper.until]}, wrapper.cohort]}
    return {**fields, "targeting": {"if": [within, wrapper.variant, fields.get("targeting")]}}


def wrapper_in(fields: Mapping[str, object]) -> Wrapper | None:
    """The wrapper around a flag's targeting; None where it is not exactly one of ours."""
    found = _opened(fields.get("targeting"))
    return None if found is None else found[0]


def unwrap(fields: Mapping[str, object]) -> dict[str, object]:
    """The flag without its wrapper. One that has none comes back as it is."""
    found = _opened(fields.get("targeting"))
    if found is None:
        return dict(fields)
    rest = {name: value for name, value in fields.items() if name != "targeting"}
    original = found[1]
    return rest if original is None else {name: fields[name] for name in fields} | {"targeting": original}


def share_of(cohort: Cohort) -> Decimal:
    """At most this many percent of everybody are in a cohort. Of an attribute that is not known."""
    return Decimal(100) if cohort.percent is None else cohort.percent


def cohort_words(cohort: Cohort) -> str:
    """`20 % of targeting keys`, `everybody whose group is beta`, `everybody`."""
    if cohort.percent is not None:
        return f"{cohort.percent:f} % of targeting keys"
    if cohort.attribute is not None:
        return f"everybody whose {cohort.attribute} is {cohort.equals}"
    return "everybody"


def _rule_of(cohort: Cohort, salt: str) -> object:
    if cohort.percent is not None:
        inside, outside = _weights(cohort.percent)
        split = {"fractional": [{"cat": [salt, dict(KEY)]}, [_INSIDE, inside], [_OUTSIDE, outside]]}
        return {"and": [{"!!": [dict(KEY)]}, {"==": [split, _INSIDE]}]}
    if cohort.attribute is not None:
        return {"==": [{"var": cohort.attribute}, cohort.equals]}
    return True


def _weights(percent: Decimal) -> tuple[int, int]:
    """Whole numbers in the proportion of a percentage and its rest."""
    scale = 1
    while percent * scale % 1:
        scale *= 10
    return int(percent * scale), int((100 - percent) * scale)


def _opened(targeting: object) -> tuple[Wrapper, object] | None:
    """The wrapper and what is in it."""
    match targeting:
        case {
            "if": [{"and": [{"<": [{"var": "$flagd.timestamp"}, int(until)]}, cohort]}, str(variant), inner]
        }:
            wrapper, original = Wrapper(until, cohort, variant), inner
        case _:
            return None
    if isinstance(until, bool) or not _is_cohort(cohort) or not (original is None or _is_rule(original)):
        return None
    return (wrapper, original) if wrap({"targeting": original}, wrapper)["targeting"] == targeting else None


def _is_cohort(rule: object) -> bool:
    match rule:
        case True:
            return rule is True
        case {"==": [{"var": str()}, str()]}:
            return True
        case {"and": [{"!!": [{"var": "targetingKey"}]}, {"==": [{"fractional": split}, "in"]}]}:
            return _is_split(split)
        case _:
            return False


def _is_split(split: object) -> bool:
    match split:
        case [{"cat": [str(salt), {"var": "targetingKey"}]}, ["in", int()], ["out", int()]]:
            return salt.startswith(SALT)
        case _:
            return False


def _is_rule(value: object) -> bool:
    return isinstance(value, Mapping) and len(value) == 1
