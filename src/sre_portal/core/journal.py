"""The journal of a run: every step, each entry sealed by the hash of the one before.

The hash is SHA-256, in hexadecimal, over the previous hash and the canonical JSON of the entry:

    {"at":"2026-11-23T12:03:04.567890Z","facts":{},"kind":"phase","run_id":12,"seq":1,"text":"..."}

Canonical: keys in order, no spaces, UTF-8 without escapes beyond those JSON demands, instants in UTC to the
microsecond, a number without a fraction as a whole number, `nan` and `inf` as text because JSON has no number
for them. So an entry keeps its hash through any database that keeps the value of a number and the microsecond
of an instant.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

GENESIS = "0" * 64
"""Stands for the hash before the first entry."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One step. `previous` is the hash of the entry before it, `hash` its own."""

    run_id: int
    seq: int
    at: datetime
    kind: str
    text: str
    facts: dict[str, object]
    previous: str
    hash: str


def seal(  # noqa: PLR0913, PLR0917  # the fields of an entry, in their order
    previous: JournalEntry | None,
    run_id: int,
    seq: int,
    at: datetime,
    kind: str,
    text: str,
    facts: Mapping[str, object],
) -> JournalEntry:
    """The entry that follows `previous`; None before the first one of a run.

    `facts` come back as plain JSON values, so that what is stored is what was hashed. Raises `ValueError` for
    facts that are not JSON: a key that is not text, or any other type.
    """
    head = GENESIS if previous is None else previous.hash
    plain = {key: _plain(value) for key, value in facts.items()}
    entry = JournalEntry(run_id, seq, at.astimezone(UTC), kind, text, plain, head, "")
    return replace(entry, hash=_digest(entry))


def verify(entries: Sequence[JournalEntry], head: str | None = None) -> list[str]:
    """Every break in a journal, as sentences; an empty list means it is whole.

    Finds entries that were edited, removed, added or moved. Entries cut off the end leave a whole chain:
    they are found where `head`, the hash of the last entry as it was known elsewhere, is given.
    """
    found = []
    before: JournalEntry | None = None
    for entry in entries:
        found += _breaks(before, entry)
        before = entry
    last = GENESIS if before is None else before.hash
    if head is not None and last != head:
        found.append("The journal does not end where it did: entries at its end were removed or replaced.")
    return found


def _breaks(before: JournalEntry | None, entry: JournalEntry) -> list[str]:
    found = []
    if entry.previous != (GENESIS if before is None else before.hash):
        found.append(
            f"Entry {entry.seq} does not follow the entry before it: one was removed, added or moved."
        )
    if before is not None and entry.seq != before.seq + 1:
        found.append(f"Entry {entry.seq} comes after entry {before.seq}.")
    if before is not None and entry.run_id != before.run_id:
        found.append(f"Entry {entry.seq} belongs to run {entry.run_id}, not to run {before.run_id}.")
    if not _intact(entry):
        found.append(f"Entry {entry.seq} was changed after it was sealed.")
    return found


def canonical(value: object) -> str:
    """The one JSON text of a value. Raises `ValueError` for what is not JSON."""
    return json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _digest(entry: JournalEntry) -> str:
    content = {
        "run_id": entry.run_id,
        "seq": entry.seq,
        "at": f"{entry.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "kind": entry.kind,
        "text": entry.text,
        "facts": entry.facts,
    }
    return sha256((entry.previous + canonical(content)).encode("utf-8", "surrogatepass")).hexdigest()


def _intact(entry: JournalEntry) -> bool:
    try:
        return entry.hash == _digest(entry)
    except ValueError:
        return False


def _plain(value: object) -> object:
    match value:
        case None | bool() | int():
            return value
        case str():
            return str(value)
        case float() if not math.isfinite(value):
            return str(value)  # a journal that refuses to record would be worse than a figure in words
        case float():
            return int(value) if value.is_integer() else value
        case Mapping() if all(isinstance(key, str) for key in value):
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            raise ValueError(f"not a JSON value: {value!r}")
