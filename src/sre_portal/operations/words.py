"""What replicas say to each other, sealed: in PostgreSQL whoever may connect may also notify and listen."""

from __future__ import annotations

from sre_portal.core.replica import Word, dump_word, parse_word
from sre_portal.operations.keys import REPLICA_WORDS
from sre_portal.operations.ports import Ports

LONGEST_BYTES = 7990
"""PostgreSQL carries messages of less than 8,000."""


def fits(word: Word) -> bool:
    """Whether a word is short enough to be said. Sealed, a text is 4/3 as long, and 38 bytes."""
    return len(dump_word(word).encode()) * 4 / 3 + 40 < LONGEST_BYTES


async def say(ports: Ports, word: Word) -> None:
    """Tells every replica. Raises `StoreUnavailable`."""
    await ports.replicas.tell(ports.keys.seal(dump_word(word), REPLICA_WORDS))


def understood(ports: Ports, text: str) -> Word | None:
    """What was said; None where no replica said it, or long ago, or one of another version."""
    opened = ports.keys.unseal(text, REPLICA_WORDS)
    word = None if opened is None else parse_word(opened)
    return word if word is not None and word.is_fresh(ports.clock.now()) else None
