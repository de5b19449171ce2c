"""How it looks on the wire whom a change of a flag moves."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from sre_portal.core.flag_moves.compare import Movement, Moves
from sre_portal.core.flag_moves.people import Moved
from sre_portal.core.flag_moves.words import sentences
from sre_portal.operations.flag_moves import FlagMoves

EpochNumber = Annotated[int, Field(strict=True, ge=1, le=3)]
"""Of a bucketing epoch. True is none, though Python calls it 1."""
PercentNumber = Annotated[Decimal, Field(ge=0, le=100)]
"""At most two digits after the point, which the flag itself is asked about."""


class ShareBody(BaseModel):
    """`percent` is of the people that the split of the flag tells apart."""

    model_config = ConfigDict(extra="forbid")

    variant: str = Field(max_length=1000)
    percent: PercentNumber


class MovesBody(BaseModel):
    """What the flag is to be: one of `definition`, `share` and `epoch`. And perhaps whom to ask for.

    `keys` are a list, or a text with a key in each line; they are put at `attribute`, a path, into `context`.
    `contexts` are whole evaluation contexts.
    """

    model_config = ConfigDict(extra="forbid")

    definition: dict[str, Any] | None = None
    share: ShareBody | None = None
    epoch: EpochNumber | None = None
    keys: list[str] | str | None = None
    contexts: list[dict[str, Any]] | None = None
    attribute: str = Field(default="targetingKey", min_length=1, max_length=200)
    context: dict[str, Any] = Field(default_factory=dict)


class PairJson(BaseModel):
    """From a variant to another; null is the default in the code."""

    before: str | None
    after: str | None
    share_ratio: float


class PartJson(BaseModel):
    """A group whose share is known: of all values of its hash, so of many people about that part.

    `exact` is false where another hash decides: then it is what is expected of many people.
    """

    path: str
    among: str
    share_ratio: float
    exact: bool
    pairs: list[PairJson]

    @classmethod
    def of(cls, part: Movement) -> Self:
        pairs = [
            PairJson(before=old, after=new, share_ratio=float(share))
            for (old, new), share in part.pairs.items()
            if old != new and share
        ]
        return cls(
            path=part.path, among=part.among, share_ratio=float(part.share), exact=part.exact, pairs=pairs
        )


class ShareJson(BaseModel):
    """What a change moves. `share_ratio` is of everybody the flag tells apart; null where that is not known.

    `at_most_ratio` is what it cannot exceed, null where even that is unknown. `statement` says all of it.
    """

    share_ratio: float | None
    at_most_ratio: float | None
    exact: bool
    parts: list[PartJson]
    unknown: list[str]
    notes: list[str]
    statement: list[str]

    @classmethod
    def of(cls, told: Moves) -> Self:
        return cls(
            share_ratio=_ratio(told.share),
            at_most_ratio=_ratio(told.at_most),
            exact=told.exact,
            parts=[PartJson.of(part) for part in told.parts],
            unknown=list(told.unknown),
            notes=list(told.notes),
            statement=list(sentences(told)),
        )


class MovedJson(BaseModel):
    key: str
    before: str | None
    after: str | None

    @classmethod
    def of(cls, one: Moved) -> Self:
        return cls(key=one.key, before=one.before, after=one.after)


class MovesJson(ShareJson):
    """`needed_by` are flags that need this one: their people are not counted.

    `asked` is how many people were given, null where none were; `moved` are those of them who move.
    """

    needed_by: list[str]
    asked: int | None
    moved: list[MovedJson]

    @classmethod
    def told(cls, found: FlagMoves) -> Self:
        return cls(
            **ShareJson.of(found.told).model_dump(),
            needed_by=list(found.needed_by),
            asked=found.asked,
            moved=[MovedJson.of(one) for one in found.moved],
        )


def _ratio(share: Fraction | None) -> float | None:
    return None if share is None else float(share)
