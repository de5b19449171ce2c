"""The audit log: an intent, how it ended, once, and what is needed to prove both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, update

from sre_portal.core.audit import (
    ANY,
    EPOCH,
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
from sre_portal.core.merkle import inclusion_proof, leaf_hash
from sre_portal.store import tables
from sre_portal.store.audit_queue import Queue
from sre_portal.store.audit_tree import Appender, Broken, Trust, head_of, nodes_in
from sre_portal.store.connection import Database
from sre_portal.store.dialect import put

entry = tables.audit_entry
made = entry.alias("made")
ended = entry.alias("ended")


class Audit:
    """`core.ports.AuditStore`."""

    def __init__(self, database: Database, trust: Trust | None) -> None:
        self._database = database
        self._queue = Queue(database, trust)

    async def intend(self, intent: Intent) -> int:
        """Writes an intent down; returns the number of its event when it is durable."""
        return await self._queue.add(partial(_intend, intent=intent))

    async def conclude(self, event_id: int, conclusion: Conclusion) -> None:
        """Adds how it ended. Raises `NotFound`, or `Conflict` where that has been said before."""
        await self._queue.add(partial(_conclude, event_id=event_id, conclusion=conclusion))

    async def record(self, intent: Intent, conclusion: Conclusion) -> int:
        """Writes down an act that is over: both entries in one transaction."""
        return await self._queue.add(partial(_record, intent=intent, conclusion=conclusion))

    def standing(self) -> Standing:
        """The log as this process last saw it. Asks nobody."""
        tip = self._queue.tip
        if tip is None:
            return Standing(0, "", "", self._queue.broken)
        return Standing(tip.frontier.size, tip.frontier.root.hex(), tip.checkpoint, self._queue.broken)

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

    async def oldest(self) -> Entry | None:
        """The oldest entry that has its text."""
        return await self._database.read(_oldest)

    async def horizon(self, before: datetime) -> int:
        """The number of the first entry that was made at that instant or after."""
        return await self._database.read(partial(_horizon, before=before))

    async def forget(self, horizon: int) -> None:
        """Drops the texts of entries below a horizon that the log states. Their hashes stay."""
        await self._database.write(partial(_forget, horizon=horizon))

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


def _conclude(log: Appender, event_id: int, conclusion: Conclusion) -> int:
    texts = select(entry.c.leaf).where(entry.c.event == event_id, entry.c.kind == "intent")
    text = log.connection.scalar(texts)
    if text is None:
        raise NotFound("audit event", str(event_id))
    told = select(entry.c.outcome).where(entry.c.event == event_id, entry.c.kind == "outcome")
    if (found := log.connection.scalar(told)) is not None:
        raise Conflict(INTENDED, found)
    log.append(leaf_of_outcome(log.size, json.loads(text), conclusion))
    return event_id


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


def _horizon(connection: Connection, before: datetime) -> int:
    later = connection.scalar(select(func.min(entry.c.seq)).where(entry.c.at >= before))
    if later is not None:
        return int(later)
    last = connection.scalar(select(func.max(entry.c.seq)))
    return 0 if last is None else int(last) + 1


def _forget(connection: Connection, horizon: int) -> None:
    """What is left is `core.audit.forgotten`."""
    blank = dict.fromkeys(("kind", "actor", "actor_id", "action", "object", "outcome"), "")
    kept = update(entry).where(entry.c.seq < horizon, entry.c.leaf.is_not(None))
    connection.execute(kept.values(**blank, event=entry.c.seq, at=EPOCH, leaf=None))
