"""Reads an audit log from its first entry to its last and says everything that is wrong with it.

Whoever changes, removes, adds, moves or cuts off entries leaves a log whose root is not the signed one. What
repeats a leaf, to be searched, must say what the leaf says.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sre_portal.core.audit import BEFORE, EPOCH, HORIZON, RETAIN, Entry, Facts, entry_of, forgotten
from sre_portal.core.checkpoint import Checkpoint, NotGenuine, VerifierKey, open_checkpoint
from sre_portal.core.merkle import Frontier, leaf_hash

MOST_FINDINGS = 50
"""A log that was replaced is wrong in every entry; so many sentences say so."""

COLUMNS = ("seq", "event", "kind", "at", "actor", "actor_id", "action", "object", "outcome")


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found. Without a finding the log is whole."""

    size: int
    root: str
    """In hexadecimal."""
    horizon: int
    """Entries with lower numbers may have lost their text."""
    missing: int
    """So many have."""
    witnesses: int
    """So many checkpoints kept elsewhere were held against it."""
    findings: tuple[str, ...]
    unchecked: int = 0
    """So many entries of an export came after its checkpoint."""

    @property
    def whole(self) -> bool:
        return not self.findings


@dataclass(slots=True)
class Check:
    """Takes the entries in the order they lie there; then `finish` holds them against what was signed."""

    witnesses: Sequence[Checkpoint] = ()
    """What the log was known to be, as told by checkpoints kept elsewhere."""
    columns: bool = True
    """False for an export, which has only number, hash and text."""
    signed_size: int | None = None
    """How many entries the checkpoint signs, where there may be more: an export that was made after it."""
    last: int | None = None
    """The number that the last entry taken says it has."""
    frontier: Frontier = field(default_factory=Frontier)
    findings: list[str] = field(default_factory=list)
    _roots: dict[int, bytes] = field(default_factory=dict)
    _missing: list[int] = field(default_factory=list)
    _horizon: int = 0
    _sizes: frozenset[int] = frozenset()
    _newest: array[int] = field(default_factory=lambda: array("q"))
    """By entry: the latest instant up to there, in microseconds."""

    def __post_init__(self) -> None:
        self._sizes = frozenset(witness.size for witness in self.witnesses) | {self.signed_size or 0}
        self._note_root()

    def take(self, entries: Iterable[Entry]) -> None:
        """The next entries."""
        for entry in entries:
            self._take(entry)
            self.last = entry.seq

    def finish(self, signed: str, keys: Sequence[VerifierKey]) -> Checked:
        """What was found, held against the signed checkpoint and the witnesses."""
        self._compare_texts()
        try:
            head = open_checkpoint(signed, keys)
        except NotGenuine as forged:
            self._find(str(forged))
        else:
            self._compare_head(head)
        for witness in self.witnesses:
            self._compare_witness(witness)
        size, root = self._signed
        return Checked(
            size,
            root.hex(),
            self._horizon,
            len(self._missing),
            len(self.witnesses),
            tuple(self.findings[:MOST_FINDINGS]),
            self.frontier.size - size,
        )

    @property
    def _signed(self) -> tuple[int, bytes]:
        """Size and root of what the checkpoint is about."""
        size = self.signed_size
        if size is None or size >= self.frontier.size:
            return self.frontier.size, self.frontier.root
        return size, self._roots[size]

    def _take(self, entry: Entry) -> None:
        seq = self.frontier.size
        if entry.seq != seq:
            self._find(f"Where entry {seq} should be there is entry {entry.seq}.")
        try:
            said = bytes.fromhex(entry.hash)
        except ValueError:
            said = b""
        if len(said) != 32 or said.hex() != entry.hash:
            self._find(f"Entry {seq}: its hash is no hash.")
        if self.signed_size is None or seq < self.signed_size:
            self._judge(seq, entry)
        self.frontier, made = self.frontier.append(said)
        if self.columns and b"".join(made[1:]).hex() != entry.nodes:
            self._find(f"Entry {seq}: the subtrees kept with it are not those it ends.")
        if self.columns and entry.leaf is None and entry != forgotten(entry):
            self._find(f"Entry {seq}: its text is gone, but not all that repeats it.")
        self._note_root()

    def _judge(self, seq: int, entry: Entry) -> None:
        self._newest.append(self._newest[-1] if self._newest else 0)
        if entry.leaf is None:
            self._missing.append(seq)
        else:
            self._read(seq, entry, entry.leaf)

    def _read(self, seq: int, entry: Entry, text: str) -> None:
        if leaf_hash(text.encode("utf-8", "surrogatepass")).hex() != entry.hash:
            self._find(f"Entry {seq}: its text was changed, it does not fit its hash.")
            return
        try:
            leaf = json.loads(text)
            told = entry_of(leaf, entry.hash, entry.nodes)
            made = _micros(told.at)
        except (ValueError, TypeError, KeyError):
            self._find(f"Entry {seq}: its text is not an entry.")
            return
        if told.seq != seq:
            self._find(f"Entry {seq}: its text says that it is entry {told.seq}.")
        if self.columns:
            wrong = [name for name in COLUMNS if getattr(entry, name) != getattr(told, name)]
            if wrong:
                self._find(
                    f"Entry {seq}: {', '.join(wrong)} beside the text does not say what the text says."
                )
        self._newest[seq] = max(self._newest[seq], made)
        self._horizon = max(self._horizon, horizon_in(leaf))
        if told.kind == "intent":
            self._compare_age(seq, leaf)

    def _compare_age(self, seq: int, leaf: Facts) -> None:
        """As far as texts are left: none that an entry lets go is younger than it says."""
        before, horizon = before_in(leaf), min(horizon_in(leaf), seq)
        if before is None:
            return
        young = bisect_left(self._newest, _micros(before), 0, horizon)
        if young < horizon:
            self._find(
                f"Entry {seq}: it lets the texts below {horizon} go as made before "
                f"{before:%Y-%m-%d %H:%M:%S} UTC, and entry {young} was made later."
            )

    def _compare_texts(self) -> None:
        for seq in self._missing:
            if seq >= self._horizon:
                self._find(
                    f"Entry {seq}: its text is gone, and the log states no horizon above it "
                    f"(the latest is {self._horizon})."
                )

    def _compare_head(self, head: Checkpoint) -> None:
        size, root = self._signed
        if size < head.size:
            self._find(f"The log has {size} entries, {head.size} were signed: entries were removed.")
        elif size > head.size:
            self._find(f"The log has {size} entries, only {head.size} were signed: entries were added.")
        elif root != head.root:
            self._find("The root of the entries is not the signed root: entries were changed or moved.")

    def _compare_witness(self, witness: Checkpoint) -> None:
        found = self._roots.get(witness.size)
        if found is None:
            self._find(
                f"The log has {self.frontier.size} entries, a witness has seen {witness.size}: "
                f"entries were removed."
            )
        elif found != witness.root:
            self._find(
                f"The first {witness.size} entries are not those that a witness has seen: "
                f"they were changed or replaced."
            )

    def _note_root(self) -> None:
        if self.frontier.size in self._sizes:
            self._roots[self.frontier.size] = self.frontier.root

    def _find(self, sentence: str) -> None:
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(sentence)


def horizon_in(leaf: Facts) -> int:
    """The horizon that an entry states; 0 where it states none."""
    after = leaf.get("after")
    found = after.get(HORIZON) if leaf.get("action") == RETAIN and isinstance(after, Mapping) else 0
    return found if isinstance(found, int) else 0


def before_in(leaf: Facts) -> datetime | None:
    """The instant before which the entries were made that an entry lets go; None where it states none."""
    after = leaf.get("after")
    found = after.get(BEFORE) if leaf.get("action") == RETAIN and isinstance(after, Mapping) else None
    try:
        at = datetime.fromisoformat(str(found))
    except ValueError:
        return None
    return at if at.tzinfo else None


def _micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def exported(line: str) -> Entry:
    """The entry of one line of an export. Raises `ValueError` for a line that is none."""
    told = json.loads(line)
    match told:
        case {"seq": int(seq), "hash": str(hash_), "leaf": str() | None as leaf} if len(told) == 3:
            return Entry(seq, seq, "", EPOCH, "", "", "", "", "", leaf, hash_)
        case _:
            raise ValueError("not a line of an export")


def parse_witness(text: str) -> Checkpoint:
    """A witness as `SIZE:ROOT`, the root in hexadecimal. Raises `NotGenuine`."""
    size, _, root = text.strip().partition(":")
    try:
        found = Checkpoint("", int(size), bytes.fromhex(root))
    except ValueError:
        found = None
    if found is None or len(found.root) != 32 or found.size < 0:
        raise NotGenuine("A witness is SIZE:ROOT, the root as 64 hexadecimal digits.")
    return found
