"""The journal of a run: every step, each entry sealed by the hash of the one before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """`hash` is SHA-256 over the previous hash and the canonical JSON of run_id, seq, at, kind, text and facts."""

    run_id: int
    seq: int
    at: datetime
    kind: str
    text: str
    facts: dict[str, object]
    previous: str
    hash: str
