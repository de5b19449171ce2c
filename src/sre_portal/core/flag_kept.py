"""A set of flags at one version: what was written, and what of it is in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sre_portal.core.errors import NotFound, Superseded
from sre_portal.core.flag.flag_set import FlagSet, merged
from sre_portal.core.flag.taking import Taken, take_changes, take_whole
from sre_portal.core.flag_change import EMPTY_SHARED, SHARED, FlagRow, SetNews, fields_in, fields_of

FEW = 20
"""Up to so many changed flags are compiled one by one; the set as a whole is made anew for more."""

Fields = Mapping[str, object]
SetAndKey = tuple[str, str]
"""A set, and the key of a flag in it."""


@dataclass(frozen=True, slots=True)
class KeptSet:
    """One set at one version. `rows` has removed flags too: their versions go on.

    `taken` is what is in force. Where the newest version of a flag cannot be compiled, the one before is.
    """

    name: str
    version: int = 0
    rows: Mapping[str, FlagRow] = field(default_factory=dict)
    taken: Taken = field(default_factory=Taken)

    @property
    def flags(self) -> FlagSet:
        return self.taken.flags

    @property
    def unsound(self) -> Mapping[str, str]:
        """By key; that of what the flags share is empty."""
        shared = self.taken.unsound_shared
        return {**self.taken.unsound, SHARED: shared} if shared else self.taken.unsound

    @property
    def shared(self) -> Fields:
        """What is in a document of this set besides flags."""
        row = self.rows.get(SHARED)
        return fields_in(EMPTY_SHARED if row is None or row.definition is None else row.definition)

    def live_rows(self) -> list[FlagRow]:
        """The newest versions of flags that are there, by their keys."""
        return [row for key, row in sorted(self.rows.items()) if key and row.definition is not None]

    def live(self, key: str) -> FlagRow | None:
        """The newest version of a flag; None where it is not there, or not any more."""
        row = self.rows.get(key)
        return row if key and row is not None and row.definition is not None else None

    def fields(self, key: str) -> Fields | None:
        """Its definition; None where it is not there."""
        row = self.live(key)
        return None if row is None else fields_of(row)

    def text(self, key: str) -> str | None:
        """The same as it is kept."""
        row = self.live(key)
        return None if row is None else row.definition

    def version_of(self, key: str) -> int:
        """The version that somebody sees who looks now; 0 where the flag is not there."""
        row = self.live(key)
        return 0 if row is None else row.version

    def metadata_of(self, key: str) -> Fields:
        """What is said of a flag, by itself or else by its set. Of a flag that is not there, by the set.

        Where the newest version cannot be compiled, what it says goes before what is in force.
        """
        definitions = self.flags.definitions
        flag = definitions.flags.get(key)
        if not self.unsound:
            return definitions.metadata if flag is None else merged(flag, definitions.metadata)
        of_set = {**definitions.metadata, **_metadata(self.shared)}
        return {**of_set, **({} if flag is None else flag.metadata), **_metadata(self.fields(key))}

    def changed_since(self, before: KeptSet | None) -> list[str] | None:
        """The keys that may answer otherwise than in an earlier version, removed ones too; None: any may."""
        if before is None or before.unsound or self.unsound or self.version < before.version:
            return None
        changed = [key for key, row in self.rows.items() if row.set_version > before.version]
        return None if SHARED in changed else changed

    def following(self, news: SetNews) -> KeptSet:
        """The set with what changed in it."""
        rows = {**self.rows, **{row.key: row for row in news.rows}}
        changed = {row.key: fields_of(row) for row in news.rows}
        if is_much(news):
            taken = _taken_whole(self.flags, rows)
        else:
            taken = take_changes(self.taken, self.shared, changed)
        return KeptSet(self.name, news.set_version, rows, taken)


def is_much(news: SetNews) -> bool:
    """Whether the whole set is compiled for it, which may take a second."""
    return len(news.rows) > FEW or any(row.key == SHARED for row in news.rows)


def live_row(kept: KeptSet, key: str) -> FlagRow:
    """The newest version of a flag that is there. Raises `NotFound`."""
    row = kept.live(key)
    if row is None:
        raise NotFound("flag", key[:80])
    return row


def live_fields(kept: KeptSet, key: str) -> Fields:
    """The same as JSON. Raises `NotFound`."""
    return fields_of(live_row(kept, key)) or {}


def check_seen(kept: KeptSet, key: str, seen: int | None) -> None:
    """Raises `Superseded` where a flag is not at the version that was seen: 0 for none, None for any."""
    if seen is None or seen == kept.version_of(key):
        return
    row = kept.rows.get(key)
    told = f"version {seen}" if seen else "no such flag"
    if row is None:
        raise Superseded(told, "no such flag", _row_facts(None))
    what = f"version {row.version}" if row.definition is not None else f"its removal, version {row.version},"
    raise Superseded(told, f"{what} by {row.changed_by}: {row.reason}", _row_facts(row))


def _row_facts(row: FlagRow | None) -> dict[str, object]:
    """A version as conflicts tell it."""
    if row is None:
        return {"version": 0, "definition": None}
    return {
        "version": row.version,
        "definition": fields_of(row),
        "changed_by": row.changed_by,
        "changed_at": row.changed_at.isoformat(),
        "reason": row.reason,
    }


def _taken_whole(before: FlagSet, rows: Mapping[str, FlagRow]) -> Taken:
    fields = {key: told for key, row in rows.items() if (told := fields_of(row)) is not None}
    shared = fields.pop(SHARED, None)
    return take_whole(before, fields_in(EMPTY_SHARED) if shared is None else shared, fields)


def _metadata(fields: Fields | None) -> Fields:
    found = None if fields is None else fields.get("metadata")
    return found if isinstance(found, Mapping) else {}
