"""What the metadata of a flag, or of its set for all, says to the portal: each key, and what it takes.

The evaluator has keys of its own (`bucketingEpoch`, `prerequisites`); `flag.parse` looks at those. These here
are looked at where a person hands a definition in, and nowhere else: what is kept already stays in force.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from sre_portal.core.complaint import shown
from sre_portal.core.errors import InvalidInput, Problem, raise_if
from sre_portal.core.flag.definition import Definitions
from sre_portal.core.flag.parse import parse_definitions
from sre_portal.core.flag.reading import read
from sre_portal.core.flag.shared import MOST_TOLD

KILL_SWITCH = "killSwitch"
"""It is drilled, and switching it on or off is never held up."""
PROTECTED = "protected"
"""A change by hand waits for a second person."""
STALE_AFTER = "staleAfterDays"
"""After how many days it is stale, 0 for never."""
DRILL_EVERY_DAYS = "drillEveryDays"
"""So long a passed drill of a kill switch counts."""
DRILL_VARIANT = "drillVariant"
"""The variant that a protected kill switch may be drilled to, besides `offVariant`."""

MOST_DAYS = 3660


class Takes(NamedTuple):
    """What a key takes: whether a value is right, and what would be, in words."""

    is_right: Callable[[object], bool]
    expected: str


def _is_days(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_DAYS


_SWITCH = Takes(lambda value: isinstance(value, bool), "true or false, without quotes")

TAKES: Mapping[str, Takes] = {
    KILL_SWITCH: _SWITCH,
    PROTECTED: _SWITCH,
    STALE_AFTER: Takes(_is_days, f"a number of days from 0, which is never, to {MOST_DAYS}"),
    DRILL_EVERY_DAYS: Takes(
        lambda value: _is_days(value) and value != 0, f"a number of days, more than 0 and at most {MOST_DAYS}"
    ),
    DRILL_VARIANT: Takes(lambda value: isinstance(value, str) and value != "", "the name of a variant"),
}


def days_said(metadata: Mapping[str, object], name: str, usual: float) -> float:
    """What a key says, where it takes that; `usual` where it says nothing, or nonsense."""
    said = metadata.get(name)
    return said if isinstance(said, int | float) and TAKES[name].is_right(said) else usual


def said_problems(metadata: object, path: str, before: object = None, source: str = "") -> list[Problem]:
    """What a metadata says that its keys do not take. A key that was wrong `before` keeps nobody waiting."""
    old = set(_wrong(before))
    return [
        Problem(f"{path}.{name}", shown(said), TAKES[name].expected, source)
        for name, said in _wrong(metadata).items()
        if name not in old
    ]


def _wrong(metadata: object) -> Mapping[str, object]:
    if not isinstance(metadata, Mapping):
        return {}
    return {
        name: metadata[name]
        for name, takes in TAKES.items()
        if name in metadata and not takes.is_right(metadata[name])
    }


def meant(name: str) -> str | None:
    """The key that somebody meant who wrote `kill_switch`; None where it means nothing, or is right."""
    plain = _plain(name)
    return next((known for known in TAKES if known != name and _plain(known) == plain), None)


def accepted(document: str | bytes | Mapping[str, object], source: str = "") -> Definitions:
    """The definitions in a document that somebody hands in.

    Raises:
        InvalidInput: with every problem of the format, and of what the metadata says.
    """
    tree = read(document, source)
    if isinstance(tree, Problem):
        raise InvalidInput([tree])
    said = list(islice(_said_in(tree, source), MOST_TOLD))
    try:
        parsed = parse_definitions(tree if isinstance(tree, Mapping) else document, source)
    except InvalidInput as wrong:
        raise InvalidInput([*wrong.problems, *said]) from None
    raise_if(said)
    return parsed


def _said_in(tree: object, source: str) -> Iterator[Problem]:
    """Of a whole document, which may be unsound. flagd takes a list of flags with keys in them, too."""
    top = tree if isinstance(tree, Mapping) else {}
    flags = top.get("flags")
    if isinstance(flags, list):
        flags = {flag.get("key"): flag for flag in flags if isinstance(flag, Mapping)}
    for key, flag in flags.items() if isinstance(flags, Mapping) else ():
        if isinstance(flag, Mapping):
            yield from said_problems(flag.get("metadata"), f"flags.{key}.metadata", source=source)
    yield from said_problems(top.get("metadata"), "metadata", source=source)


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
