"""The audit log becomes a Merkle tree. What was in the old table is carried over, event by event.

This file keeps its own copy of how a leaf is written and hashed: it has to carry the same rows the same way
however the program changes.
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNSIGNED = "sre-portal/audit/carried"
"""The origin of the head until the program, in the same transaction, puts its signature on it."""


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def upgrade() -> None:
    """Creates the log, fills it with what was recorded, and drops the old table."""
    entries = op.create_table(
        "audit_entry",
        sa.Column("seq", ID, primary_key=True, autoincrement=False),
        _number("event"),
        _text("kind"),
        _number("at"),
        _text("actor"),
        _text("actor_id"),
        _text("action"),
        _text("object"),
        _text("outcome"),
        _text("leaf", nullable=True),
        _text("hash"),
        _text("nodes"),
    )
    op.create_index("audit_entry_event", "audit_entry", ["event", "kind"], unique=True)
    head = op.create_table(
        "audit_head", sa.Column("id", ID, primary_key=True, autoincrement=False), _text("checkpoint")
    )
    op.create_table("audit_sink", sa.Column("name", sa.Text, primary_key=True), _number("sent"))
    tree = _Tree()
    connection = op.get_bind()
    for row in _carried(connection):
        connection.execute(sa.insert(entries).values(tree.append(row)))
    connection.execute(sa.insert(head).values(id=1, checkpoint=tree.checkpoint()))
    op.drop_table("audit")


def _carried(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    """The leaves of the old rows, in order: an intent, and its outcome where one was written."""
    seq = 0
    for row in connection.execute(sa.text("SELECT * FROM audit ORDER BY id")).mappings().all():
        event = seq
        leaf = {
            "seq": seq,
            "event": event,
            "kind": "intent",
            "at": f"{EPOCH + timedelta(microseconds=row['at']):%Y-%m-%dT%H:%M:%S.%fZ}",
            "actor": {"name": row["actor"], "id": "", "session": ""},
            "address": row["address"],
            "action": row["action"],
            "object": row["subject"],
            "before": None,
            "after": None,
            "reason": row["detail"],
        }
        yield leaf
        seq += 1
        if row["outcome"] != "intended":
            told = {"outcome": row["outcome"], "detail": row["outcome_detail"]}
            yield {**leaf, "seq": seq, "kind": "outcome", **told}
            seq += 1


class _Tree:
    """RFC 6962: the complete subtrees so far, largest first."""

    def __init__(self) -> None:
        self.size = 0
        self.frontier: list[bytes] = []

    def append(self, leaf: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(leaf, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        found = sha256(b"\0" + text.encode("utf-8")).digest()
        made = [found]
        below = self.size
        while below & 1:
            made.append(sha256(b"\1" + self.frontier.pop() + made[-1]).digest())
            below >>= 1
        self.frontier.append(made[-1])
        self.size += 1
        return {
            "seq": leaf["seq"],
            "event": leaf["event"],
            "kind": leaf["kind"],
            "at": (datetime.fromisoformat(leaf["at"]) - EPOCH) // timedelta(microseconds=1),
            "actor": leaf["actor"]["name"],
            "actor_id": leaf["actor"]["id"],
            "action": leaf["action"],
            "object": leaf["object"],
            "outcome": leaf.get("outcome", ""),
            "leaf": text,
            "hash": found.hex(),
            "nodes": b"".join(made[1:]).hex(),
        }

    def checkpoint(self) -> str:
        root = sha256(b"").digest()
        for number, one in enumerate(reversed(self.frontier)):
            root = one if number == 0 else sha256(b"\1" + one + root).digest()
        return f"{UNSIGNED}\n{self.size}\n{b64encode(root).decode()}\n"
