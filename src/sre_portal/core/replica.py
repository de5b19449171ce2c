"""What the replicas of a portal tell each other, and the portal that is alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

LONGEST_BYTES = 7500
"""PostgreSQL carries messages of less than 8,000."""


class _Word(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StopWord(_Word):
    """Somebody stops harm. Whoever was asked has checked that they may, and writes it down."""

    kind: Literal["stop"] = "stop"
    run_ids: tuple[int, ...] | None
    """None is all there are, also those that are being started."""
    at: datetime
    by: str = Field(max_length=200)
    reason: str = Field(max_length=500)


class LateWord(_Word):
    """A second was told so late that nobody reads it again by themselves."""

    kind: Literal["late"] = "late"
    second: int


Word = StopWord | LateWord

_words: TypeAdapter[Word] = TypeAdapter(Annotated[Word, Field(discriminator="kind")])


def dump_word(word: Word) -> str:
    return _words.dump_json(word).decode()


def parse_word(text: str) -> Word | None:
    """None for what this version does not know: replicas are updated one after the other."""
    try:
        return _words.validate_json(text)
    except ValidationError:
        return None


class Alone:
    """`core.ports.Replicas` of a portal that has its database to itself: it drives, always."""

    def term(self) -> int:
        return 1

    def drives(self) -> bool:
        return True

    async def tell(self, text: str) -> None:
        """There is nobody."""

    async def settle(self) -> None:
        """It is known."""

    def on_told(self, hear: Callable[[str], None]) -> None:
        """Nobody will say anything."""
