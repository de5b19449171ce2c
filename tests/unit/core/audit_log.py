"""A signed audit log of any length, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sre_portal.core.audit import BEFORE, HORIZON, RETAIN, Entry, Intent, entry_of, instant, leaf_of_intent
from sre_portal.core.checkpoint import Signer
from sre_portal.core.journal import canonical
from sre_portal.core.merkle import Frontier, leaf_hash

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SIGNER = Signer("sre-portal/audit/test", b"a" * 32)


def intent(number: int, horizon: int | None = None, before: datetime | None = None) -> Intent:
    action, after = "run:start", dict[str, object](n=number)
    if horizon is not None:
        action, after = RETAIN, {HORIZON: horizon, **({BEFORE: instant(before)} if before else {})}
    at = NOW + timedelta(seconds=number)
    return Intent(at, "omar", "account:1", "s", "10.0.0.1", action, "x", after=after)


def log_of(
    size: int, horizons: dict[int, int] | None = None, before: datetime | None = None
) -> tuple[list[Entry], str]:
    """So many entries, one a second, some of which state a horizon and an age, and the signed head."""
    frontier, entries = Frontier(), []
    for seq in range(size):
        leaf = leaf_of_intent(seq, intent(seq, (horizons or {}).get(seq), before))
        frontier, made = frontier.append(leaf_hash(canonical(leaf).encode()))
        entries.append(entry_of(leaf, made[0].hex(), b"".join(made[1:]).hex()))
    return entries, SIGNER.sign(frontier.size, frontier.root)
