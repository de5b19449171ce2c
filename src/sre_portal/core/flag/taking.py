"""Taking in definitions that somebody else has accepted: a database, or the portal of an agent.

A newer program may have written what this one does not know. That never costs more than the flag it is about:
what cannot be compiled leaves what was in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sre_portal.core.errors import InvalidInput
from sre_portal.core.flag.definition import Definitions, Flag
from sre_portal.core.flag.dump import flag_fields
from sre_portal.core.flag.flag_set import FlagSet
from sre_portal.core.flag.parse import parse_definitions, parse_each

Fields = Mapping[str, object]
"""A definition as it stands in a document, or what a document says around its flags."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A set as far as it can be compiled.

    `unsound` says by key why the newest definition of a flag is not in force; `unsound_shared` says it of
    what all flags share, and then none of the newest is.
    """

    flags: FlagSet = field(default_factory=lambda: FlagSet(Definitions()))
    unsound: Mapping[str, str] = field(default_factory=dict)
    unsound_shared: str = ""


def take_whole(before: FlagSet, shared: Fields, flags: Mapping[str, Fields]) -> Taken:
    """A set made anew."""
    try:
        return Taken(FlagSet(parse_definitions({**shared, "flags": flags})))
    except InvalidInput:
        return _as_far_as_sound(before, shared, flags)


def take_changes(before: Taken, shared: Fields, changes: Mapping[str, Fields | None]) -> Taken:
    """A set after some of its flags changed; None removes one. Only they are compiled."""
    unsound = {key: why for key, why in before.unsound.items() if key not in changes}
    changed: dict[str, Flag | None] = {key: None for key, fields in changes.items() if fields is None}
    made = {key: fields for key, fields in changes.items() if fields is not None}
    try:
        for key, found in parse_each(made, shared):
            if isinstance(found, Flag):
                changed[key] = found
            else:
                unsound[key] = found
    except InvalidInput as wrong:
        unsound |= dict.fromkeys(made, str(wrong))
    return Taken(before.flags.changed(changed), unsound, before.unsound_shared)


def _as_far_as_sound(before: FlagSet, shared: Fields, flags: Mapping[str, Fields]) -> Taken:
    """Each flag by itself. What it needs of other flags is not looked at: an answer says what is not met."""
    try:
        found = dict(parse_each(flags, shared))
        unsound = {key: why for key, why in found.items() if isinstance(why, str)}
        old = before.definitions.flags
        kept = {key: flag_fields(old[key]) for key in unsound if key in old}
        found |= {key: flag for key, flag in parse_each(kept, shared) if isinstance(flag, Flag)}
        definitions = parse_definitions({**shared, "flags": {}})
    except InvalidInput as wrong:
        return Taken(before, unsound_shared=str(wrong))
    sound = {key: flag for key, flag in found.items() if isinstance(flag, Flag)}
    return Taken(FlagSet(replace(definitions, flags=sound)), unsound)
