"""The audit log: an intent, how it ended, once, and what is needed to prove both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from sre_portal.core.audit import (
    ANY,
    INTENDED,
    AuditEvent,
    AuditFilter,
    Conclusion,
    Entry,
    Intent,
    Standing,
    event_of,
    leaf_of_intent,
    leaf_of_outcome,
)
from sre_portal.core.audit_proof import Proof
from sre_portal.core.checkpoint import parse_checkpoint
from sre_portal.core.errors import Conflict, NotFound, StoreUnavailable
from sre_portal.core.journal import canonical
from sre_portal.core.merkle import inclusion_proof, leaf_hash
from sre_portal.store import tables
from sre_portal.store.audit_queue import Queue
from sre_portal.store.audit_retention import forget, horizon_before
from sre_portal.store.audit_tree import Appender, Broken, Changed, Trust, head_of, nodes_in
from sre_portal.store.connection import Database
from sre_portal.store.dialect import put

REMEMBERED = 10_000
"""Intents of this process that are known without asking the tree, until they are concluded."""

entry = tables.audit_entry
made = entry.alias("made")
ended = entry.alias("ended")


class Audit:
    """`core.ports.AuditStore`."""

    def __init__(self, database: Database, trust: Trust | None) -> None:
        self._database = database
        self._queue = Queue(database, trust)
        self._intended: dict[int, bytes] = {}
        """The leaf hashes of intents of this process that are not concluded."""

    async def intend(self, intent: Intent) -> int:
        """Writes an intent down; returns the number of its event when it is durable."""
        event = await self._queue.add(partial(_intend, intent=intent))
        self._intended[event] = leaf_hash(canonical(leaf_of_intent(event, intent)).encode())
        if len(self._intended) > REMEMBERED:
            del self._intended[next(iter(self._intended))]
        return event

    async def conclude(self, event_id: int, conclusion: Conclusion) -> None:
        """Adds how it ended. Raises `NotFound`, or `Conflict` where that has been said before.

        Raises `Untrusted` where the intent is not the one that was signed.
        """
        known = self._intended.get(event_id)
        job = partial(_conclude, event_id=event_id, known=known, conclusion=conclusion)
        with self._queue.doubting(f"entry {event_id}"):
            await self._queue.add(job)
        self._intended.pop(event_id, None)

    async def record(self, intent: Intent, conclusion: Conclusion) -> int:
        """Writes down an act that is over: both entries in one transaction."""
        return await self._queue.add(partial(_record, intent=intent, conclusion=conclusion))

    def standing(self) -> Standing:
        """The log as this process last saw it. Asks nobody."""
        tip, broken = self._queue.tip, self._queue.broken
        told = broken or next(iter(self._queue.doubts.values()), "")
        if tip is None:
            return Standing(0, "", "", told, bool(broken))
        return Standing(tip.frontier.size, tip.frontier.root.hex(), tip.checkpoint, told, bool(broken))

    async def look(self) -> None:
        """Holds the log against what this process has seen. Raises `StoreUnavailable` where it differs."""
        await self._queue.look()

    async def recent(self, limit: int = 100, only: AuditFilter = ANY) -> Sequence[AuditEvent]:
        """Newest first."""
        return await self._database.read(partial(_recent, limit=limit, only=only))

    async def entries(self, after: int | None, limit: int) -> Sequence[Entry]:
        """In order, those with a higher number; None is from the first on."""
        return await self._database.read(partial(_entries, after=after, limit=limit))

    async def checkpoint(self) -> str:
        """The signed text of the head, as it lies in the database; empty where there is none."""
        return await self._database.read(_checkpoint)

    async def proof(self, seq: int) -> Proof:
        """That an entry is in the signed log. Raises `NotFound`."""
        return await self._database.read(partial(_proof, seq=seq))

    def doubt(self, what: str, why: str) -> None:
        """Says that the log is not what was signed, until the same is said with no reason. Refuses no act."""
        self._queue.doubts.pop(what, None)
        if why:
            self._queue.doubts[what] = why

    async def oldest(self) -> Entry | None:
        """The oldest entry that has its text."""
        return await self._database.read(_oldest)

    async def horizon(self, before: datetime) -> int:
        """The number below which every text is older than that instant, by what was signed; 0 for none.

        It may be lower than it could be. Raises `Untrusted` where a text was changed, or what repeats it.
        """
        with self._queue.doubting("what is old"):
            return await self._queue.read(partial(horizon_before, before=before))

    async def forget(self, horizon: int) -> None:
        """Drops the texts of entries below a horizon that the log states. Their hashes stay."""
        await self._database.write(partial(forget, horizon=horizon))

    async def sent(self, sink: str) -> int:
        """The number of the next entry that a sink is to be told."""
        sinks = tables.audit_sink.c
        asked = select(sinks.sent).where(sinks.name == sink)
        return await self._database.read(lambda connection: connection.scalar(asked)) or 0

    async def note_sent(self, sink: str, sent: int) -> None:
        """A sink has been told all entries before that number."""
        row = {"name": sink, "sent": sent}
        await self._database.write(lambda connection: put(connection, tables.audit_sink, [row]))


def _intend(log: Appender, intent: Intent) -> int:
    event = log.size
    log.append(leaf_of_intent(event, intent))
    return event


def _conclude(log: Appender, event_id: int, known: bytes | None, conclusion: Conclusion) -> int:
    """The outcome repeats who and what: only from a text that was signed.

    An intent of this process is `known` by its leaf hash; that of another one is proven from the tree.
    """
    intent = _signed(log, event_id, known)
    if intent is None or intent["kind"] != "intent":
        raise NotFound("audit event", str(event_id))
    told = select(entry.c.seq).where(entry.c.event == event_id, entry.c.kind == "outcome")
    if (seq := log.connection.scalar(told)) is not None:
        outcome = _signed(log, seq, None)
        if outcome is None or (outcome["event"], outcome["kind"]) != (event_id, "outcome"):
            raise Changed(f"Entry {seq} claims to be the outcome of entry {event_id}, and is not.")
        raise Conflict(INTENDED, str(outcome["outcome"]))
    log.append(leaf_of_outcome(log.size, intent, conclusion))
    return event_id


def _signed(log: Appender, seq: int, known: bytes | None) -> dict[str, Any] | None:
    """The leaf of an entry, checked; None where there is none, or retention has dropped its text."""
    row = log.connection.execute(select(entry.c.leaf, entry.c.hash).where(entry.c.seq == seq)).one_or_none()
    if row is None and not 0 <= seq < log.size:
        return None
    if row is None or row.leaf is None:
        older = select(entry.c.seq).where(entry.c.seq < seq, entry.c.leaf.is_not(None)).limit(1)
        if row is None or known is not None or log.connection.scalar(older) is not None:
            raise Changed(f"The text of entry {seq} is gone.")
        return None
    found = leaf_hash(row.leaf.encode("utf-8", "surrogatepass"))
    if found.hex() != row.hash or (known is not None and found != known):
        raise Changed(f"The text of entry {seq} is not the one that was signed.")
    if known is None:
        log.check(seq, found)
    leaf: dict[str, Any] = json.loads(row.leaf)
    return leaf


def _record(log: Appender, intent: Intent, conclusion: Conclusion) -> int:
    event = log.size
    leaf = leaf_of_intent(event, intent)
    log.append(leaf)
    log.append(leaf_of_outcome(event + 1, leaf, conclusion))
    return event


def _recent(connection: Connection, limit: int, only: AuditFilter) -> list[AuditEvent]:
    both = made.outerjoin(ended, (ended.c.event == made.c.seq) & (ended.c.kind == "outcome"))
    asked = (
        select(made, ended.c.leaf.label("told"), ended.c.hash.label("told_hash"))
        .select_from(both)
        .where(made.c.kind == "intent")
        .order_by(made.c.seq.desc())
        .limit(limit)
    )
    return [_event(row) for row in connection.execute(_only(asked, only))]


def _only(asked: Select[Any], only: AuditFilter) -> Select[Any]:
    if only.actor:
        asked = asked.where(made.c.actor.contains(only.actor, autoescape=True))
    if only.action:
        asked = asked.where(made.c.action.startswith(only.action, autoescape=True))
    if only.object:
        asked = asked.where(made.c.object.contains(only.object, autoescape=True))
    if only.outcome:
        asked = asked.where(func.coalesce(ended.c.outcome, INTENDED) == only.outcome)
    if only.before is not None:
        asked = asked.where(made.c.seq < only.before)
    return asked


def _event(row: Row[Any]) -> AuditEvent:
    """An event as its leaves tell it; where one was changed, what is left, marked."""
    try:
        outcome = None if row.told is None else json.loads(row.told)
        genuine = _fits(row.leaf, row.hash) and (row.told is None or _fits(row.told, row.told_hash))
        return event_of(json.loads(row.leaf), outcome, genuine=genuine)
    except (ValueError, KeyError, TypeError):
        return AuditEvent(row.seq, row.at, row.actor, row.action, row.object, INTENDED, genuine=False)


def _fits(text: str, told: str) -> bool:
    return leaf_hash(text.encode("utf-8", "surrogatepass")).hex() == told


def _entries(connection: Connection, after: int | None, limit: int) -> list[Entry]:
    asked = select(entry).order_by(entry.c.seq).limit(limit)
    if after is not None:
        asked = asked.where(entry.c.seq > after)
    return [_parse(row) for row in connection.execute(asked)]


def _parse(row: Row[Any]) -> Entry:
    return Entry(**row._asdict())


def _checkpoint(connection: Connection) -> str:
    try:
        return head_of(connection)
    except Broken:
        return ""


def _proof(connection: Connection, seq: int) -> Proof:
    found = _entries(connection, seq - 1, 1)
    text = _checkpoint(connection)
    try:
        size = parse_checkpoint(text).size
        if not found or found[0].seq != seq or seq >= size:
            raise NotFound("audit entry", str(seq))
        path = inclusion_proof(seq, size, nodes_in(connection))
    except (Broken, ValueError) as broken:
        raise StoreUnavailable(f"The audit log has no proof of entry {seq}. {broken}") from None
    return Proof(found[0], text, tuple(path))


def _oldest(connection: Connection) -> Entry | None:
    asked = select(entry).where(entry.c.leaf.is_not(None)).order_by(entry.c.seq).limit(1)
    row = connection.execute(asked).one_or_none()
    return None if row is None else _parse(row)
