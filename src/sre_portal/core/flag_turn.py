"""Turns: a rule's condition on error budgets holds, or no longer does, and so people get something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sre_portal.core.flag_conditions import State


@dataclass(frozen=True, slots=True)
class TurnedCondition:
    """One condition of a flag at a turn. `before` and `after` are the same where another one turned.

    `words` is the condition as people read it.
    """

    path: str
    words: str
    before: State
    after: State

    @property
    def is_turned(self) -> bool:
        return self.before != self.after

    def __str__(self) -> str:
        match self.after:
            case True:
                return f"{self.words} holds"
            case False:
                return f"{self.words} holds no more"
            case _:
                return f"{self.words} gives {'the default variant' if self.after is None else self.after}"


@dataclass(frozen=True, slots=True)
class FlagTurn:
    """A flag whose conditions turned. `facts` are those its conditions read; None where one is unknown."""

    flag_set: str
    key: str
    at: datetime
    conditions: tuple[TurnedCondition, ...]
    facts: Mapping[str, float | None]

    @property
    def turned(self) -> tuple[TurnedCondition, ...]:
        return tuple(one for one in self.conditions if one.is_turned)

    @property
    def words(self) -> str:
        """What turned, for people."""
        return "; ".join(map(str, self.turned))
