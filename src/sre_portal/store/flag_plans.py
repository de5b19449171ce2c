"""Planned changes of flags. A row is written once; only its state moves, each time by condition."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row, Select, func, insert, or_, select, update

from sre_portal.core.errors import NotFound
from sre_portal.core.flag_plan import OPEN, FlagPlan, PlanMove, PlanState, Who
from sre_portal.core.flag_step import dump_step, load_step
from sre_portal.store import tables
from sre_portal.store.connection import Database

log = structlog.get_logger("sre_portal.flags")


class FlagPlans:
    """`core.ports.FlagPlanStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, plans: Sequence[FlagPlan]) -> Sequence[FlagPlan]:
        """Keeps new plans, all or none. Returns them with their numbers."""
        return await self._database.write(partial(_add, plans=plans))

    async def get(self, plan_id: int) -> FlagPlan:
        """Raises `NotFound`."""
        return await self._database.read(partial(_get, plan_id=plan_id))

    async def some(
        self,
        *,
        flag_set: str | None = None,
        key: str | None = None,
        states: Collection[PlanState] = (),
        limit: int = 100,
        before: int | None = None,
    ) -> Sequence[FlagPlan]:
        """Newest first: of a set, of a flag, in some states; those below the number `before`."""
        wanted = select(tables.flag_plan)
        columns = tables.flag_plan.c
        if flag_set is not None:
            wanted = wanted.where(columns.flag_set == flag_set)
        if key is not None:
            wanted = wanted.where(columns.key == key)
        if states:
            wanted = wanted.where(columns.state.in_(sorted(states)))
        if before is not None:
            wanted = wanted.where(columns.id < before)
        return await self._database.read(
            partial(_some, wanted=wanted.order_by(columns.id.desc()).limit(limit))
        )

    async def count_open(self, flag_set: str, key: str) -> int:
        """How many of a flag have not ended."""
        return await self._database.read(partial(_count_open, flag_set=flag_set, key=key))

    async def due(self, now: datetime, limit: int) -> Sequence[FlagPlan]:
        """What is to be made now: by instant, then by number."""
        columns = tables.flag_plan.c
        wanted = (
            select(tables.flag_plan)
            .where(
                columns.state == PlanState.SCHEDULED.value,
                or_(columns.not_before.is_(None), columns.not_before <= now),
            )
            .order_by(func.coalesce(columns.not_before, columns.proposed_at), columns.id)
            .limit(limit)
        )
        return await self._database.read(partial(_some, wanted=wanted))

    async def move(self, move: PlanMove) -> bool:
        """False where the plan is not in the state any more that was seen; nothing is done then."""
        return await self._database.write(partial(moved, move=move))


def moved(connection: Connection, move: PlanMove) -> bool:
    """The same within a transaction, as that of the change itself."""
    columns = tables.flag_plan.c
    done = connection.execute(
        update(tables.flag_plan)
        .where(columns.id == move.before.id, columns.state == move.before.state.value)
        .values(**_standing(move.after))
    )
    return done.rowcount == 1


def _add(connection: Connection, plans: Sequence[FlagPlan]) -> list[FlagPlan]:
    return [_added(connection, plan) for plan in plans]


def _added(connection: Connection, plan: FlagPlan) -> FlagPlan:
    values = {
        "flag_set": plan.flag_set,
        "key": plan.key,
        "step": dump_step(plan.step, plan.seen),
        "not_before": plan.not_before,
        "reason": plan.reason,
        "proposed_at": plan.proposed_at,
        "proposed_by": plan.proposed.name,
        "proposed_by_id": plan.proposed.id,
        "proposed_account": plan.proposed.account,
        **_standing(plan),
    }
    kept = insert(tables.flag_plan).values(**values).returning(tables.flag_plan)
    return _plan(connection.execute(kept).one())


def _get(connection: Connection, plan_id: int) -> FlagPlan:
    row = connection.execute(select(tables.flag_plan).where(tables.flag_plan.c.id == plan_id)).one_or_none()
    plan = None if row is None else _readable(row)
    if plan is None:
        raise NotFound("planned change", str(plan_id))
    return plan


def _some(connection: Connection, wanted: Select[Any]) -> list[FlagPlan]:
    read = (_readable(row) for row in connection.execute(wanted))
    return [plan for plan in read if plan is not None]


def _readable(row: Row[Any]) -> FlagPlan | None:
    """None for a row that no portal of this version wrote: it must not keep the others from being made."""
    try:
        return _plan(row)
    except ValueError as wrong:
        log.warning("a planned change cannot be read: it is never made", plan=row.id, why=str(wrong))
        return None


def _count_open(connection: Connection, flag_set: str, key: str) -> int:
    columns = tables.flag_plan.c
    wanted = select(func.count()).where(
        columns.flag_set == flag_set, columns.key == key, columns.state.in_(sorted(OPEN))
    )
    return int(connection.execute(wanted).scalar_one())


def _standing(plan: FlagPlan) -> dict[str, object]:
    """What of a row may change."""
    decided = plan.decided or Who("", "")
    return {
        "state": plan.state.value,
        "event": plan.event,
        "decided_at": plan.decided_at,
        "decided_by": decided.name,
        "decided_by_id": decided.id,
        "decided_account": decided.account,
        "decision": plan.decision,
        "ended_at": plan.ended_at,
        "outcome": plan.outcome,
    }


def _plan(row: Row[Any]) -> FlagPlan:
    step, seen = load_step(row.step)
    decided = Who(row.decided_by, row.decided_by_id, row.decided_account)
    return FlagPlan(
        id=row.id,
        flag_set=row.flag_set,
        key=row.key,
        step=step,
        seen=seen,
        state=PlanState(row.state),
        reason=row.reason,
        proposed_at=row.proposed_at,
        proposed=Who(row.proposed_by, row.proposed_by_id, row.proposed_account),
        not_before=row.not_before,
        decided_at=row.decided_at,
        decided=decided if row.decided_by_id or row.decided_by else None,
        decision=row.decision,
        ended_at=row.ended_at,
        outcome=row.outcome,
        event=row.event,
    )
