"""Changes of flag definitions: what is kept of each version, what differs, and what a change has to say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sre_portal.core.errors import InvalidInput, raise_if
from sre_portal.core.flag.bucket import DEFAULT_EPOCH, KEY, Epoch
from sre_portal.core.flag.definition import Definitions, Flag
from sre_portal.core.flag.dump import dump_flags, flag_fields
from sre_portal.core.flag.parse import parse_one
from sre_portal.core.flag_pin import pin
from sre_portal.core.flag_plan import PlanMove
from sre_portal.core.flag_said import said_problems

SHARED = ""
"""The key under which the metadata and the shared rules of a set are kept: no flag has an empty one."""


@dataclass(frozen=True, slots=True)
class FlagRow:
    """One version of a flag. `definition` is its canonical JSON without the key; None where it was removed.

    `version` counts the changes of this flag from 1, `set_version` those of its whole set.
    """

    flag_set: str
    key: str
    version: int
    set_version: int
    definition: str | None
    changed_at: datetime
    changed_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChangedFlag:
    """A version of a flag, and the definition before it; None where there was none."""

    row: FlagRow
    before: str | None


@dataclass(frozen=True, slots=True)
class FlagEdit:
    """What a flag is to be; None removes it. `version` is the new one."""

    key: str
    version: int
    definition: str | None


@dataclass(frozen=True, slots=True)
class SetChange:
    """Edits of a set that was seen at `set_version`, 0 for one that was not there. All of them or none.

    `settles`: the planned change that is made by it, in the same transaction.
    """

    flag_set: str
    set_version: int
    edits: Sequence[FlagEdit]
    at: datetime
    by: str
    reason: str
    settles: PlanMove | None = None


@dataclass(frozen=True, slots=True)
class SetNews:
    """The rows of a set that changed since a version that was known."""

    flag_set: str
    set_version: int
    rows: Sequence[FlagRow]


@dataclass(frozen=True, slots=True)
class Difference:
    """How one set of definitions differs from another, by keys. `shared`: what all flags share."""

    added: Sequence[str] = field(default_factory=tuple)
    changed: Sequence[str] = field(default_factory=tuple)
    removed: Sequence[str] = field(default_factory=tuple)
    shared: bool = False

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.shared)


def flag_text(flag: Flag) -> str:
    """What is kept of a flag: the same content is the same text."""
    return json.dumps(flag_fields(flag), ensure_ascii=False, allow_nan=False)


def shared_text(definitions: Definitions) -> str:
    """What is kept of a document besides its flags."""
    told: dict[str, object] = json.loads(dump_flags(replace(definitions, flags={})))
    del told["flags"]
    return json.dumps(told, ensure_ascii=False, allow_nan=False)


EMPTY_SHARED = shared_text(Definitions())


def edits_to(rows: Mapping[str, FlagRow], wanted: Definitions) -> list[FlagEdit]:
    """What makes a set be these definitions and nothing else.

    Compared as text: to Python 1, 1.0 and true are equal.
    """
    texts = {key: flag_text(flag) for key, flag in wanted.flags.items()}
    shared = shared_text(wanted)
    if shared != EMPTY_SHARED or SHARED in rows:
        texts[SHARED] = shared
    gone = [key for key, row in rows.items() if row.definition is not None and key not in texts]
    edits = [edit_of(rows, key, texts.get(key)) for key in sorted([*texts, *gone])]
    return [one for one in edits if one is not None]


def edit_of(rows: Mapping[str, FlagRow], key: str, definition: str | None) -> FlagEdit | None:
    """What makes one flag be this; None where it is."""
    row = rows.get(key)
    if definition == (None if row is None else row.definition):
        return None
    return FlagEdit(key, 1 if row is None else row.version + 1, definition)


def row_made(change: SetChange, edit: FlagEdit) -> FlagRow:
    """The version that an edit of a set makes."""
    return FlagRow(
        change.flag_set,
        edit.key,
        edit.version,
        change.set_version + 1,
        edit.definition,
        change.at,
        change.by,
        change.reason,
    )


def difference(rows: Mapping[str, FlagRow], edits: Sequence[FlagEdit]) -> Difference:
    """The edits of a set in words."""
    flags = [one for one in edits if one.key != SHARED]
    there = {key for key, row in rows.items() if row.definition is not None}
    return Difference(
        tuple(one.key for one in flags if one.key not in there),
        tuple(one.key for one in flags if one.key in there and one.definition is not None),
        tuple(one.key for one in flags if one.definition is None),
        len(flags) != len(edits),
    )


def keeping_pins(definitions: Definitions, before: Definitions, epoch: Epoch) -> Definitions:
    """The definitions with a bucketing epoch in each flag that splits people and says none.

    A flag that was there keeps its own, so that nobody moves; a new one gets `epoch`.
    """
    pinned = pin(definitions, epoch)
    flags = dict(pinned.flags)
    for key, flag in definitions.flags.items():
        old = before.flags.get(key)
        kept = None if old is None else old.pinned(before.metadata)
        if kept is not None and flags[key] is not flag:
            flags[key] = replace(flag, metadata={**flag.metadata, KEY: int(kept)})
    return replace(pinned, flags=flags)


def edited(shared: Mapping[str, object], before: Definitions, key: str, fields: Mapping[str, object]) -> Flag:
    """A flag as an edit of it makes it, beside the flags of its set, with the hash it had or gets.

    `shared` is what the document of the set says besides flags. Raises `InvalidInput`, also for what the edit
    breaks in flags that need this one.
    """
    old = before.flags.get(key)
    told = None if old is None else old.metadata
    said = said_problems(fields.get("metadata"), f"flags.{key}.metadata", told)
    try:
        parsed = parse_one(key, fields, shared, before.flags)
    except InvalidInput as wrong:
        raise InvalidInput([*wrong.problems, *said]) from None
    raise_if(said)
    return keeping_pins(parsed, before, DEFAULT_EPOCH).flags[key]


def fields_of(row: FlagRow) -> Mapping[str, object] | None:
    """The definition as JSON; None where it was removed."""
    return None if row.definition is None else fields_in(row.definition)


def fields_in(text: str) -> Mapping[str, object]:
    """A kept definition as JSON; empty, which no parser takes, where a hand has written what is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
