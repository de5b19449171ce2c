"""What is seen of flags at work: how often they are evaluated, which are stale, and what budgets turned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Self

from fastapi import Query, Request
from pydantic import BaseModel

from sre_portal.core.errors import NotFound
from sre_portal.core.flag_kept import KeptSet, live_row
from sre_portal.core.flag_turn import FlagTurn
from sre_portal.core.flag_use import UNUSED, Stale, Use, judge_stale
from sre_portal.operations.flag_use import use_of
from sre_portal.operations.flags import kept_set
from sre_portal.operations.ports import Ports
from sre_portal.web.api.flag_path import Key, SetAsked, SetName
from sre_portal.web.context import ports_of

MOST_TURNS = 500
Limit = Annotated[int, Query(ge=1, le=MOST_TURNS)]


class StaleJson(BaseModel):
    """`variant` is what it always gave, empty for the default in the code, None where nobody evaluated it."""

    days: int
    variant: str | None
    words: str

    @classmethod
    def of(cls, stale: Stale) -> Self:
        return cls(days=stale.days, variant=stale.variant, words=str(stale))


class VariantUseJson(BaseModel):
    first_at: datetime
    last_at: datetime
    count: int


class FlagUseJson(BaseModel):
    """About how often a flag was evaluated: an answer with a whole set is counted once in a while.

    The variant is empty where the answer was the default in the code.
    """

    flag_set: str
    key: str
    count: int
    last_at: datetime | None
    variants: dict[str, VariantUseJson]
    stale: StaleJson | None

    @classmethod
    def of(cls, flag_set: str, key: str, use: Use, stale: Stale | None) -> Self:
        variants = {
            name: VariantUseJson(first_at=one.first_at, last_at=one.last_at, count=one.count)
            for name, one in use.variants.items()
        }
        told = None if stale is None else StaleJson.of(stale)
        return cls(
            flag_set=flag_set, key=key, count=use.count, last_at=use.last_at, variants=variants, stale=told
        )


class TurnedJson(BaseModel):
    """`before` and `after`: whether it holds, or the variant that it gives, None for the default one."""

    path: str
    condition: str
    before: bool | str | None
    after: bool | str | None


class FlagTurnJson(BaseModel):
    """`turned` has the conditions that turned, `facts` all that the rule reads; None for one not known."""

    flag_set: str
    key: str
    at: datetime
    words: str
    turned: list[TurnedJson]
    facts: dict[str, float | None]

    @classmethod
    def of(cls, turn: FlagTurn) -> Self:
        turned = [
            TurnedJson(path=one.path, condition=one.words, before=one.before, after=one.after)
            for one in turn.turned
        ]
        return cls(
            flag_set=turn.flag_set,
            key=turn.key,
            at=turn.at,
            words=turn.words,
            turned=turned,
            facts=dict(turn.facts),
        )


async def uses(
    request: Request,
    flag_set: SetAsked = "",
    stale: Annotated[bool, Query()] = False,  # noqa: FBT002  # how a query is declared
) -> list[FlagUseJson]:
    """How often the flags of one set, or of all, were evaluated; with `stale` those nobody seems to need."""
    ports = ports_of(request)
    chosen = [kept_set(ports, flag_set)] if flag_set else ports.flag_book.all()
    told: list[FlagUseJson] = []
    for kept in chosen:
        found, old = await _looked_up(ports, kept)
        keys: Iterable[str] = old if stale else (row.key for row in kept.live_rows())
        told += [FlagUseJson.of(kept.name, key, found.get(key, UNUSED), old.get(key)) for key in keys]
    return told


async def use(request: Request, flag_set: SetName, key: Key) -> FlagUseJson:
    """How often one flag was evaluated, what it gave, and whether it is stale."""
    ports = ports_of(request)
    kept = kept_set(ports, flag_set)
    live_row(kept, key)
    found, old = await _looked_up(ports, kept)
    return FlagUseJson.of(flag_set, key, found.get(key, UNUSED), old.get(key))


async def turns(request: Request, flag_set: SetName, key: Key, limit: Limit = 50) -> list[FlagTurnJson]:
    """When error budgets turned a flag, newest first, also of one that was removed."""
    ports = ports_of(request)
    if key not in kept_set(ports, flag_set).rows:
        raise NotFound("flag", key[:80])
    return [FlagTurnJson.of(one) for one in await ports.flag_turns.recent(flag_set, key, limit)]


async def turns_of_set(request: Request, flag_set: SetName, limit: Limit = 50) -> list[FlagTurnJson]:
    """When error budgets turned any flag of a set, newest first."""
    ports = ports_of(request)
    kept_set(ports, flag_set)
    return [FlagTurnJson.of(one) for one in await ports.flag_turns.recent(flag_set, "", limit)]


async def _looked_up(ports: Ports, kept: KeptSet) -> tuple[Mapping[str, Use], Mapping[str, Stale]]:
    found = await use_of(ports, kept.name)
    since = await ports.flag_uses.counted_since()
    return found, judge_stale(kept, found, ports.clock.now(), since)
