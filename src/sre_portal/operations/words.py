"""What replicas say to each other, sealed: in PostgreSQL whoever may connect may also notify and listen."""

from __future__ import annotations

import structlog

from sre_portal.core.replica import Word, dump_word, parse_word
from sre_portal.operations.keys import REPLICA_WORDS
from sre_portal.operations.ports import Ports

log = structlog.get_logger("sre_portal.replica")

LONGEST_BYTES = 7990
"""PostgreSQL carries messages of less than 8,000."""


def fits(word: Word) -> bool:
    """Whether a word is short enough to be said. Sealed, a text is 4/3 as long, and 38 bytes."""
    return len(dump_word(word).encode()) * 4 / 3 + 40 < LONGEST_BYTES


async def say(ports: Ports, word: Word) -> None:
    """Tells every replica. Raises `StoreUnavailable`."""
    await ports.replicas.tell(ports.keys.seal(dump_word(word), REPLICA_WORDS))


def understood(ports: Ports, text: str) -> Word | None:
    """What was said; None where no replica of this version said it, or too long ago. Why is logged."""
    opened = ports.keys.unseal(text, REPLICA_WORDS)
    word = None if opened is None else parse_word(opened)
    if word is None:
        log.warning("somebody who is no replica of this version said something", length=len(text))
        return None
    now = ports.clock.now()
    if not word.is_fresh(now):
        apart = round((now - word.at).total_seconds())
        log.warning("not heard: it was said long ago, or clocks differ", kind=word.kind, seconds=apart)
        return None
    return word
