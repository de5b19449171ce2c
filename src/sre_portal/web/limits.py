"""How much programs may ask of one replica for flags, and how soon things are seen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FlagLimits:
    """Counts are of one replica."""

    streams_of_a_holder: int = 1000
    """So many event streams one token or session may have open. A token of a browser program has many."""
    streams_of_a_service: int = 2000
    """So many instances of one service may read definitions."""
    keep_seconds: float = 15.0
    """A comment goes out at least this often, so that nobody on the way takes an event stream for dead."""
    facts_seconds: float = 5.0
    """Facts lead to an event at most this often: budgets move all the time."""
    look_seconds: float = 1.0
    """Facts are looked at this often."""
    access_seconds: float = 5.0
    """A stream whose token or session runs out by itself ends at most this much later."""
    patience_seconds: float = 2.0
    """So long it is waited for the version of a set that a client was told of by another replica."""
