"""Which texts of the audit log are old enough to go, and dropping them.

The columns beside a text are not signed: they say where to look, and the signed texts say whether it is true.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from sre_portal.core.audit import EPOCH
from sre_portal.core.merkle import Frontier, consistency_proof, extends, frontier_of, leaf_hash
from sre_portal.store import tables
from sre_portal.store.audit_tree import Broken, Changed, Tip, nodes_in

MOST = 10_000
"""Texts that go at once. The rest goes with the next pass."""

PAGE = 1000

entry = tables.audit_entry.c


def horizon_before(connection: Connection, tip: Tip, before: datetime) -> int:
    """The number below which every text is older than that instant; 0 where there is none to drop.

    Every text below it that is still there was read, is in the signed log, and says itself that it is older.
    Raises `Changed` where the columns claim an age that the texts do not have, or a text was changed.
    """
    start = connection.scalar(select(func.min(entry.seq)).where(entry.leaf.is_not(None)))
    if start is None:
        return 0
    later = connection.scalar(select(func.min(entry.seq)).where(entry.leaf.is_not(None), entry.at >= before))
    size = tip.frontier.size
    end = int(min(size, start + MOST, size if later is None else later))
    if end <= start:
        return 0
    try:
        _check_old(connection, tip, range(start, end), before)
    except Changed:
        raise
    except Broken as broken:
        raise Changed(str(broken)) from None
    return end


def forget(connection: Connection, horizon: int) -> None:
    """Drops the texts below a horizon. What is left is `core.audit.forgotten`."""
    blank = dict.fromkeys(("kind", "actor", "actor_id", "action", "object", "outcome"), "")
    kept = update(tables.audit_entry).where(entry.seq < horizon, entry.leaf.is_not(None))
    connection.execute(kept.values(**blank, event=entry.seq, at=EPOCH, leaf=None))


def _check_old(connection: Connection, tip: Tip, numbers: range, before: datetime) -> None:
    """Each text has its hash and is old, and with these hashes the tree grows into the signed one."""
    node = nodes_in(connection)
    frontier = frontier_of(numbers.start, node)
    while frontier.size < numbers.stop:
        rows = _page(connection, frontier.size, numbers.stop)
        if not rows:
            raise Changed(f"Entry {frontier.size} of the audit log is gone.")
        for row in rows:
            frontier = _grown(frontier, row, before)
    path = consistency_proof(numbers.stop, tip.frontier.size, node)
    if not extends(numbers.stop, frontier.root, tip.frontier.size, tip.frontier.root, path):
        raise Changed(f"The first {numbers.stop} entries of the audit log are not those that were signed.")


def _page(connection: Connection, start: int, stop: int) -> Sequence[Row[Any]]:
    asked = select(entry.seq, entry.leaf, entry.hash).where(entry.seq >= start, entry.seq < stop)
    return list(connection.execute(asked.order_by(entry.seq).limit(PAGE)))


def _grown(frontier: Frontier, row: Row[Any], before: datetime) -> Frontier:
    seq = frontier.size
    if row.seq != seq:
        raise Changed(f"Entry {seq} of the audit log is gone.")
    if row.leaf is None:
        raise Changed(f"The text of entry {seq} is gone, and no retention has dropped it.")
    found = leaf_hash(row.leaf.encode("utf-8", "surrogatepass"))
    if found.hex() != row.hash:
        raise Changed(f"The text of entry {seq} is not the one that was signed.")
    if (made := _instant(seq, row.leaf)) >= before:
        raise Changed(
            f"Entry {seq} was made at {made:%Y-%m-%d %H:%M:%S} UTC, and the column beside its text says that "
            f"it is old enough to be dropped. No text was dropped."
        )
    return frontier.append(found)[0]


def _instant(seq: int, text: str) -> datetime:
    try:
        return datetime.fromisoformat(str(json.loads(text)["at"]))
    except (ValueError, TypeError, KeyError):
        raise Changed(f"The text of entry {seq} is not an entry.") from None
