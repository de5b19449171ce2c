"""Tickets for event streams of flags: sealed into the address, because a browser can set no header there.

A ticket lets listen that something changed in one set, and nothing else. For a while the same asker gets the
same one, from every replica: a client opens its stream anew when the address changes.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from sre_portal.operations.keys import STREAM_TICKETS, Keys
from sre_portal.web.holder import Holder

PERIOD_SECONDS = 900
"""A ticket is good for one to two of these."""
MOST_REMEMBERED = 10_000


class Ticket(msgspec.Struct, array_like=True, frozen=True):
    """Who listens to which set. `ends_at` in seconds since 1970."""

    holder: Holder
    flag_set: str
    ends_at: int


def ticket_for(holder: Holder, flag_set: str, now: int) -> Ticket:
    return Ticket(holder, flag_set, (now // PERIOD_SECONDS + 2) * PERIOD_SECONDS)


@lru_cache(maxsize=MOST_REMEMBERED)
def seal_ticket(keys: Keys, ticket: Ticket) -> str:
    """A ticket as text for an address."""
    return keys.seal_alike(msgspec.json.encode(ticket).decode(), STREAM_TICKETS)


def open_ticket(keys: Keys, text: str) -> Ticket | None:
    """The ticket that was sealed, also one that is over; None where no portal of ours made it."""
    opened = keys.unseal_alike(text, STREAM_TICKETS)
    return None if opened is None else msgspec.json.decode(opened, type=Ticket)
