"""What a flag is, in words and shapes: its state, whom it serves what, and where its pages are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from urllib.parse import quote

from sre_portal.core.flag.definition import Definitions, Flag
from sre_portal.core.flag.outcome import outcomes
from sre_portal.core.flag.resolution import CODE_DEFAULT
from sre_portal.core.flag_guard import is_kill_switch, is_protected
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_moves.share import shares_of
from sre_portal.core.flag_name import environment_of, service_of
from sre_portal.web.pages.figures import short_percent
from sre_portal.web.pages.pill import Pill, pill
from sre_portal.web.pages.plot import place

STATES: Mapping[str, Pill] = {
    "enabled": pill("live", "enabled"),
    "disabled": pill("off", "disabled"),
    "removed": pill("off", "removed", "slash"),
    "unsound": pill("risk", "not in force"),
}
SHADES = 4
"""Parts of a share bar look different up to here; their words always do."""
LONGEST_VALUE = 60
MOST_VARIANTS = 4
"""Variants that a line of a list names."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a share bar."""

    variant: str
    percent: str
    x: str
    width: str
    shade: int


@dataclass(frozen=True, slots=True)
class Serving:
    """Whom a flag serves what: a sentence, and the shares where a split says them."""

    words: str
    parts: tuple[Part, ...] = ()

    @property
    def shares(self) -> str:
        return ", ".join(f"{one.variant} {one.percent}" for one in self.parts)


def state_of(kept: KeptSet, key: str) -> str:
    """`enabled`, `disabled`, `removed`, or `unsound` where the newest version cannot be compiled."""
    if kept.live(key) is None:
        return "removed"
    if key in kept.unsound:
        return "unsound"
    flag = kept.flags.definitions.flags.get(key)
    return "enabled" if flag is not None and flag.enabled else "disabled"


def serving_of(flag: Flag | None, definitions: Definitions) -> Serving:
    """Whom a flag serves what, as far as its definition says it without evaluating."""
    if flag is None:
        return Serving("nothing is in force")
    if not flag.enabled:
        return Serving(f"everybody: {CODE_DEFAULT}")
    if flag.targeting is None:
        return Serving(f"everybody: {flag.default or CODE_DEFAULT}")
    shares = shares_of(flag)
    if shares is None:
        return Serving(f"by its rule: {_possible(flag, definitions)}")
    whole = isinstance(flag.targeting, dict) and set(flag.targeting) == {"fractional"}
    return Serving("split" if whole else "by its rule, with a split", parts_of(shares, flag.default))


def parts_of(shares: Mapping[str | None, Fraction], default: str | None) -> tuple[Part, ...]:
    """The pieces of a share bar, in the order of the split."""
    parts, at = list[Part](), Fraction(0)
    for index, (variant, share) in enumerate(shares.items()):
        name, shade = variant or default or CODE_DEFAULT, min(index, SHADES - 1)
        parts.append(
            Part(name, short_percent(float(share * 100)), place(float(at)), place(float(share)), shade)
        )
        at += share
    return tuple(parts)


def kinds_of(metadata: Mapping[str, object]) -> tuple[str, ...]:
    """`kill switch`, `protected`: what a flag is besides a value."""
    told = ((is_kill_switch, "kill switch"), (is_protected, "protected"))
    return tuple(words for is_so, words in told if is_so(metadata))


def value_text(value: object, longest: int = LONGEST_VALUE) -> str:
    """A value as JSON writes it, cut short."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= longest else f"{text[:longest]}..."


def readable(value: object) -> str:
    """A value as JSON, set out over lines."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def flag_href(flag_set: str, key: str, *below: str) -> str:
    """The address of a flag's page, or of one below it."""
    return "/".join(["/flags", *(quote(part, safe="@") for part in (flag_set, key, *below))])


def place_words(flag_set: str, own: str) -> tuple[str, str]:
    """The service and the environment of a set; `own` is the portal's environment."""
    return service_of(flag_set), environment_of(flag_set) or own


def _possible(flag: Flag, definitions: Definitions) -> str:
    found = outcomes(flag.targeting, "", definitions.evaluators)
    names = dict.fromkeys(one.variant or flag.default or CODE_DEFAULT for one in found if one.known)
    named = list(names)[:MOST_VARIANTS]
    more = ["others"] if len(names) > len(named) else []
    return " or ".join([*named, *more]) or "what it computes"


def choices_of(flag: Flag | None) -> tuple[tuple[str, str], ...]:
    """The variants for a form. The default comes last: it is the one that people have already."""
    names = () if flag is None else sorted(flag.variants, key=lambda name: name == flag.default)
    return tuple((name, name) for name in names)
