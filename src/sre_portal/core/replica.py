"""What the replicas of a portal tell each other, and the portal that is alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sre_portal.core.access import Principal
from sre_portal.core.errors import Objection, Problem
from sre_portal.core.experiment import Experiment

FRESH = timedelta(seconds=30)
"""An older word was said again by somebody who overheard it, or the clocks of replicas are so far apart."""


class _Word(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    """When it was said, by the clock of whoever said it."""

    def is_fresh(self, now: datetime) -> bool:
        """Whether it may be heard at `now`."""
        return True


class _Fresh(_Word):
    """What begins something, or costs work: nobody who overheard it may say it again later."""

    def is_fresh(self, now: datetime) -> bool:
        return abs(now - self.at) <= FRESH


class StopWord(_Word):
    """Somebody stops harm. Whoever was asked has checked that they may, and writes it down.

    It is heard however old it is: clocks that differ must not keep harm going.
    """

    kind: Literal["stop"] = "stop"
    ask: str = Field(max_length=64)
    """Names the word, so that it is obeyed once."""
    run_ids: tuple[int, ...] | None
    """None is all there are, also those that are being started."""
    by: str = Field(max_length=200)
    reason: str = Field(max_length=500)


class LateWord(_Fresh):
    """A second was told so late that nobody reads it again by themselves."""

    kind: Literal["late"] = "late"
    second: int


class StartWord(_Fresh):
    """Somebody wants to start a run. Who, and what they may, was looked up where they asked."""

    kind: Literal["start"] = "start"
    ask: str = Field(max_length=64)
    """Names the question, so that it is heard once."""
    actor: Principal
    address: str
    experiment: Experiment


class AnswerWord(_Word):
    """What became of a start. Heard however old it is: nobody else knows what it answers."""

    kind: Literal["answer"] = "answer"
    ask: str
    run_id: int | None = None
    objections: tuple[Objection, ...] = ()
    problems: tuple[Problem, ...] = ()
    denied: tuple[str, str] | None = None
    """The permission that was missing, and who has it."""
    failure: str = ""


Word = StopWord | LateWord | StartWord | AnswerWord

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
