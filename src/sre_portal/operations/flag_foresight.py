"""What planned changes would make of a flag: tried one after another, without doing anything."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sre_portal.core.errors import Conflict, InvalidInput, NotFound, Problem
from sre_portal.core.flag_after import definition_after
from sre_portal.core.flag_change import Difference, FlagRow, edit_of, fields_of
from sre_portal.core.flag_guard import is_held_up
from sre_portal.core.flag_kept import KeptSet, check_seen
from sre_portal.core.flag_plan import FlagPlan, TimedStep
from sre_portal.core.flag_step import FlagStep, Import, Put, Remove, from_version
from sre_portal.operations.flag_import import ImportOrder, plan_import
from sre_portal.operations.flags import FlagOrder
from sre_portal.operations.ports import Ports


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A step as it will be kept, and whether it waits for a second person.

    `before` and `after` are the kept texts of the definition, None where there is no flag.
    """

    timed: TimedStep
    is_held_up: bool
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a planned change would do as things are now.

    `before` and `after` are the flag, None where there is none; `difference` is of a whole set. `problem`
    says why it would end `failed` now; empty where it would not.
    """

    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None
    difference: Difference | None = None
    problem: str = ""


def rehearsed(kept: KeptSet, order: FlagOrder, steps: Sequence[TimedStep], now: datetime) -> list[Rehearsed]:
    """The steps of a request, each tried on what the one before leaves.

    Raises `InvalidInput` with the problems of the first step that has some, its number in their paths;
    `NotFound`; `Superseded` where a step was made from another version.
    """
    return list(_rehearse(kept, order, steps, now))


def _rehearse(
    kept: KeptSet, order: FlagOrder, steps: Sequence[TimedStep], now: datetime
) -> Iterator[Rehearsed]:
    for number, timed in enumerate(steps):
        row = kept.rows.get(order.key)
        before = None if row is None else fields_of(row)
        version = row.version if row is not None and before is not None else 0
        step = timed.step
        if isinstance(step, Put | Remove) and step.version is None:
            path = f"steps.{number}.version"
            raise InvalidInput([Problem(path, "nothing", "the version that was seen, 0 for a new flag")])
        check_seen(kept, order.key, step.version)
        text = _after(kept, order.key, timed, number)
        held = is_held_up(step, kept.metadata_of(order.key))
        if held and timed.not_before is None:
            step = from_version(step, version)
        yield Rehearsed(replace(timed, step=step), held, None if row is None else row.definition, text)
        if (edit := edit_of(kept.rows, order.key, text)) is not None:
            left = FlagRow(order.flag_set, order.key, edit.version, 0, text, now, "", "")
            kept = replace(kept, rows={**kept.rows, order.key: left})


def _after(kept: KeptSet, key: str, timed: TimedStep, number: int) -> str | None:
    try:
        return definition_after(kept, key, timed.step)
    except InvalidInput as wrong:
        raise InvalidInput(
            [replace(one, path=f"steps.{number}.{one.path}") for one in wrong.problems]
        ) from None


async def foreseen(ports: Ports, plan: FlagPlan) -> Foreseen:
    """What a planned change would do now; nothing where it has ended. Raises `StoreUnavailable`."""
    if not plan.is_open:
        return Foreseen()
    try:
        if isinstance(plan.step, Import):
            order = ImportOrder(plan.flag_set, plan.reason, epoch=plan.step.epoch)
            told = await plan_import(ports, order, plan.step.document)
            made_from, found = f"version {plan.step.version} of the set", f"version {told.set_version}"
            problem = "" if told.set_version == plan.step.version else f"expected {made_from}, found {found}"
            return Foreseen(difference=told.difference, problem=problem)
        kept = ports.flag_book.get(plan.flag_set) or KeptSet(plan.flag_set)
        return _foreseen(kept, plan, from_version(plan.step, await version_now(ports, plan)))
    except (InvalidInput, NotFound, Conflict) as why:
        return Foreseen(problem=str(why))


async def version_now(ports: Ports, plan: FlagPlan) -> int | None:
    """The version a planned change of one flag was made from; the newest one where that says the same.

    A drill flips a switch and brings it back: that makes two versions, and takes nobody's approval away.
    """
    version, kept = plan.step.version, ports.flag_book.get(plan.flag_set)
    row = None if kept is None else kept.rows.get(plan.key)
    if not version or row is None or row.version == version:
        return version
    found = await ports.flags.history(plan.flag_set, plan.key, 1, version + 1)
    is_same = bool(found) and found[0].version == version and found[0].definition == row.definition
    return row.version if is_same else version


def _foreseen(kept: KeptSet, plan: FlagPlan, step: FlagStep) -> Foreseen:
    row = kept.rows.get(plan.key)
    before = None if row is None else fields_of(row)
    try:
        text = definition_after(kept, plan.key, step)
        after: Mapping[str, object] | None = None if text is None else json.loads(text)
        check_seen(kept, plan.key, step.version)
    except (InvalidInput, NotFound, Conflict) as why:
        return Foreseen(before, before, problem=str(why))
    return Foreseen(before, after)
