"""The rule around a kill switch that is drilled: it flips for a cohort, and ends by the clock everywhere.

    {"if": [{"and": [NAME, {"<": [{"var": "$flagd.timestamp"}, UNTIL]}, COHORT]}, VARIANT, ORIGINAL]}

NAME is a text, `drill 12 of shop/recommendations`: true to every evaluator, and it says whose rule this is.
ORIGINAL is the targeting of before, or null where there was none: null gives the default variant, also where
the default is the caller's. So for whoever is outside the cohort, and for everybody after UNTIL, value and
variant are those of before; only the reason may be DEFAULT instead of STATIC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import ceil

from sre_portal.contract.lease import LEASE_SECONDS
from sre_portal.core.experiment import Cohort
from sre_portal.core.flag.definition import Flag

SLACK = timedelta(seconds=LEASE_SECONDS)
"""So long after the end of its run a drill ends by itself, where nobody has ended it."""

Fields = Mapping[str, object]
"""A flag as in a document."""

TIMESTAMP: Mapping[str, object] = {"var": "$flagd.timestamp"}
KEY: Mapping[str, object] = {"var": "targetingKey"}

_INSIDE, _OUTSIDE = "in", "out"
_NAME = re.compile(r"drill ([1-9][0-9]{0,14}) of ([^\s/]+)/([^\s/]+)")


@dataclass(frozen=True, slots=True)
class DrillName:
    """Which run drills which flag."""

    run: int
    flag_set: str
    flag: str

    def __str__(self) -> str:
        return f"drill {self.run} of {self.flag_set}/{self.flag}"


@dataclass(frozen=True, slots=True)
class Wrapper:
    """What a wrapped targeting says: who gets `variant`, and until when, in whole seconds since 1970."""

    name: DrillName
    until: int
    cohort: object
    variant: str


def until_of(granted_at: datetime, duration: timedelta) -> datetime:
    """When the drill of a run ends by the clock: a whole second, because `$flagd.timestamp` is one."""
    return datetime.fromtimestamp(ceil((granted_at + duration + SLACK).timestamp()), UTC)


def wrapper_of(name: DrillName, cohort: Cohort, variant: str, until: datetime) -> Wrapper:
    """The wrapper of a drill. A cohort by percent is drawn with its name, apart from the flag's own split."""
    return Wrapper(name, int(until.timestamp()), _rule_of(cohort, str(name)), variant)


def wrap(fields: Fields, wrapper: Wrapper) -> dict[str, object]:
    """A flag as in a document, with the wrapper around its targeting."""
    clock: dict[str, object] = {"<": [dict(TIMESTAMP), wrapper.until]}
    within: dict[str, object] = {"and": [str(wrapper.name), clock, wrapper.cohort]}
    return {**fields, "targeting": {"if": [within, wrapper.variant, fields.get("targeting")]}}


def wrapper_in(fields: Fields) -> Wrapper | None:
    """The wrapper around a flag's targeting; None where it is not exactly one of ours."""
    return wrapper_around(fields.get("targeting"))


def wrapper_around(targeting: object) -> Wrapper | None:
    """The same of a targeting."""
    found = _opened(targeting)
    return None if found is None else found[0]


def unwrap(fields: Fields) -> dict[str, object]:
    """The flag without its wrapper. One that has none comes back as it is."""
    found = _opened(fields.get("targeting"))
    if found is None:
        return dict(fields)
    rest = {name: value for name, value in fields.items() if name != "targeting"}
    original = found[1]
    return rest if original is None else {name: fields[name] for name in fields} | {"targeting": original}


def without_drill(flag: Flag) -> Flag:
    """A flag without wrappers: what belongs to a drill is neither copied nor kept in files."""
    targeting = flag.targeting
    while (found := _opened(targeting)) is not None:
        targeting = found[1]
    return flag if targeting is flag.targeting else replace(flag, targeting=targeting)


def by_hand(flag: Flag, before: object) -> Flag:
    """A flag as somebody wrote it, who makes no drill. Of all wrappers it may have the one that it has now.

    `before` is the targeting that it has now.
    """
    found = wrapper_around(flag.targeting)
    return flag if found is not None and found == wrapper_around(before) else without_drill(flag)


def changed_within(fields: Fields, change: Callable[[Fields], dict[str, object]]) -> dict[str, object]:
    """A flag with its own rule changed, below the wrapper where it has one."""
    wrapper = wrapper_in(fields)
    return change(fields) if wrapper is None else wrap(change(unwrap(fields)), wrapper)


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


def all_of(subscribers: int) -> str:
    """`all 3 subscribers`, `the one subscriber`."""
    return "the one subscriber" if subscribers == 1 else f"all {subscribers} subscribers"


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
        case {"if": [{"and": [str(text), {"<": [_, int(until)]}, cohort]}, str(variant), original]}:
            name = _name_in(text)
        case _:
            return None
    if name is None or isinstance(until, bool) or not _is_cohort(cohort, text):
        return None
    if not (original is None or _is_rule(original)):
        return None
    wrapper = Wrapper(name, until, cohort, variant)
    return (wrapper, original) if wrap({"targeting": original}, wrapper)["targeting"] == targeting else None


def _name_in(text: str) -> DrillName | None:
    found = _NAME.fullmatch(text)
    return None if found is None else DrillName(int(found[1]), found[2], found[3])


def _is_cohort(rule: object, salt: str) -> bool:
    match rule:
        case True:
            return rule is True
        case {"==": [{"var": str()}, str()]}:
            return True
        case {"and": [{"!!": [{"var": "targetingKey"}]}, {"==": [{"fractional": split}, "in"]}]}:
            return _is_split(split, salt)
        case _:
            return False


def _is_split(split: object, salt: str) -> bool:
    match split:
        case [{"cat": [str(text), {"var": "targetingKey"}]}, ["in", int()], ["out", int()]]:
            return text == salt
        case _:
            return False


def _is_rule(value: object) -> bool:
    return isinstance(value, Mapping) and len(value) == 1
