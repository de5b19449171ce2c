"""Planned changes as plain objects in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sre_portal.core.errors import NotFound
from sre_portal.core.flag_plan import FlagPlan, PlanMove, PlanState


@dataclass
class Plans:
    """`core.ports.FlagPlanStore`."""

    held: dict[int, FlagPlan] = field(default_factory=dict)

    async def add(self, plans: Sequence[FlagPlan]) -> Sequence[FlagPlan]:
        kept = [replace(one, id=number) for number, one in enumerate(plans, len(self.held) + 1)]
        self.held |= {one.id: one for one in kept}
        return kept

    async def get(self, plan_id: int) -> FlagPlan:
        if plan_id not in self.held:
            raise NotFound("plan", str(plan_id))
        return self.held[plan_id]

    async def some(
        self,
        *,
        flag_set: str | None = None,
        key: str | None = None,
        states: Collection[PlanState] = (),
        limit: int = 100,
        before: int | None = None,
    ) -> Sequence[FlagPlan]:
        found = [
            one
            for number, one in sorted(self.held.items(), reverse=True)
            if flag_set in {None, one.flag_set}
            and key in {None, one.key}
            and (not states or one.state in states)
            and (before is None or number < before)
        ]
        return found[:limit]

    async def count_open(self, flag_set: str, key: str) -> int:
        return sum(one.is_open for one in await self.some(flag_set=flag_set, key=key))

    async def due(self, now: datetime, limit: int) -> Sequence[FlagPlan]:
        return [one for one in self.held.values() if one.is_due(now)][:limit]

    async def move(self, move: PlanMove) -> bool:
        if self.held[move.before.id].state is not move.before.state:
            return False
        self.held[move.after.id] = move.after
        return True
