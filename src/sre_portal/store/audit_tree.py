"""The audit log as a tree in the database: who appends holds the head, and trusts it as far as it fits.

The head is one row with the signed checkpoint of the newest entry. An entry keeps the hashes of the subtrees
it ends, so that every proof needs a few rows by their key.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from sre_portal.core.audit import Facts, entry_of
from sre_portal.core.checkpoint import CARRIED, Checkpoint, NotGenuine, Signer, parse_checkpoint
from sre_portal.core.journal import canonical
from sre_portal.core.merkle import (
    Frontier,
    Node,
    consistency_proof,
    ended_by,
    extends,
    frontier_of,
    includes,
    inclusion_proof,
    leaf_hash,
)
from sre_portal.store import tables

HEX = 64
"""Characters of a hash."""

_HEAD = select(tables.audit_head.c.checkpoint).where(tables.audit_head.c.id == 1)


class Broken(Exception):
    """The log is not what this program has seen or signed. The message is a sentence for a person."""


class Changed(Broken):
    """An entry, or what repeats it, is not what was signed. Found before anything was added.

    The head holds, so other entries may be added.
    """


@dataclass(frozen=True, slots=True)
class Tip:
    """The newest state of the log that was believed, and the text that signs it."""

    checkpoint: str
    frontier: Frontier


@dataclass(frozen=True, slots=True)
class Trust:
    """What a head is held against: keys and the name of the log.

    `accept` is the `SIZE:ROOT` of a log to go on with, whoever signed it and whatever its name.
    """

    signer: Signer
    accept: str = ""

    def open(self, text: str) -> Checkpoint:
        """Raises `Broken`."""
        try:
            return self.signer.open(text)
        except NotGenuine as forged:
            return self._accepted(text, str(forged))

    def _accepted(self, text: str, why: str) -> Checkpoint:
        try:
            found = parse_checkpoint(text)
        except NotGenuine:
            raise Broken(why) from None
        if found.origin == CARRIED:
            why = f"Its {found.size} entries were carried over from an older portal; nobody has signed them."
        if found.witness != self.accept:
            raise Broken(f"{why} SRE_PORTAL_AUDIT_ACCEPT={found.witness} goes on with it as it is.")
        return found


def head_of(connection: Connection, *, lock: bool = False) -> str:
    """The signed text. With `lock`, whoever else wants to append waits until the end of the transaction."""
    text: str | None = connection.scalar(_HEAD.with_for_update() if lock else _HEAD)
    if text is None:
        raise Broken("The head of the audit log is gone.")
    return text


def tip_of(connection: Connection, trust: Trust, known: Tip | None, *, lock: bool = False) -> Tip:
    """The log as it stands, held against its signature, its rows, and what is known of it.

    Raises `Broken`: it went back, it was replaced, or it is not the one that was signed.
    """
    text = head_of(connection, lock=lock)
    if known is not None and text == known.checkpoint:
        return known
    head, node = trust.open(text), nodes_in(connection)
    if known is not None:
        _check_growth(known, head, node)
    frontier = frontier_of(head.size, node)
    if frontier.root != head.root:
        raise Broken("The last entries of the audit log are not those that were signed.")
    return Tip(text, frontier)


def nodes_in(connection: Connection) -> Node:
    """Complete subtrees, read from the entries that end them. Raises `Broken` where one is missing."""

    def node(level: int, position: int) -> bytes:
        columns, seq = tables.audit_entry.c, ended_by(level, position)
        row = connection.execute(select(columns.hash, columns.nodes).where(columns.seq == seq)).one_or_none()
        if row is None:
            raise Broken(f"Entry {seq} of the audit log is gone.")
        kept = row.hash if level == 0 else row.nodes[(level - 1) * HEX : level * HEX]
        try:
            found = bytes.fromhex(kept)
        except ValueError:
            found = b""
        if len(found) * 2 != HEX:
            raise Broken(f"The hashes of entry {seq} of the audit log were changed.")
        return found

    return node


class Appender:
    """Adds entries within one transaction that holds the head; `sign` ends it."""

    def __init__(self, connection: Connection, trust: Trust, known: Tip | None) -> None:
        self.connection = connection
        self._trust = trust
        self._before = self._tip = tip_of(connection, trust, known, lock=True)

    @property
    def size(self) -> int:
        """The number of the next entry."""
        return self._tip.frontier.size

    def check(self, seq: int, leaf: bytes) -> None:
        """That an entry has this leaf hash. Raises `Changed`. Reads a row for each level of the tree."""
        frontier = self._tip.frontier
        try:
            path = inclusion_proof(seq, frontier.size, nodes_in(self.connection))
        except (Broken, ValueError) as broken:
            raise Changed(f"Entry {seq} is not among those that were signed. {broken}") from None
        if not includes(seq, frontier.size, leaf, path, frontier.root):
            raise Changed(f"The text of entry {seq} is not the one that was signed.")

    def append(self, leaf: Facts) -> None:
        """Adds an entry. Its `seq` is `size`."""
        text = canonical(leaf)
        frontier, made = self._tip.frontier.append(leaf_hash(text.encode()))
        row = asdict(entry_of(leaf, made[0].hex(), b"".join(made[1:]).hex()))
        try:
            self.connection.execute(insert(tables.audit_entry).values(row))
        except IntegrityError:
            raise Broken(f"The audit log has an entry {self.size} that nobody signed.") from None
        self._tip = Tip("", frontier)

    def sign(self) -> Tip:
        """Signs what was added and makes it the head."""
        if self._tip is self._before:
            return self._tip
        frontier = self._tip.frontier
        text = self._trust.signer.sign(frontier.size, frontier.root)
        self.connection.execute(
            update(tables.audit_head).where(tables.audit_head.c.id == 1).values(checkpoint=text)
        )
        return Tip(text, frontier)


def sign_empty(connection: Connection, signer: Signer) -> None:
    """Signs the log that a migration has just made, where nothing was carried over into it.

    Old rows were never signed: anybody who can write the database can have put them there, and have it
    migrated again. An operator has to look at them and say so.
    """
    claimed = parse_checkpoint(head_of(connection))
    if claimed.size:
        return
    text = signer.sign(claimed.size, claimed.root)
    connection.execute(update(tables.audit_head).where(tables.audit_head.c.id == 1).values(checkpoint=text))


def _check_growth(known: Tip, head: Checkpoint, node: Node) -> None:
    size = known.frontier.size
    if head.size < size:
        raise Broken(f"The audit log went back from {size} entries to {head.size}.")
    path = consistency_proof(size, head.size, node)
    if not extends(size, known.frontier.root, head.size, head.root, path):
        raise Broken(f"The first {size} entries of the audit log are not those that were there before.")
