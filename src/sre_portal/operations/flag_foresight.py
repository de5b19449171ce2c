"""What planned changes would make of a flag: tried one after another, without doing anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sre_portal.core.errors import Conflict, InvalidInput, NotFound, Problem
from sre_portal.core.flag_after import definition_after
from sre_portal.core.flag_change import Difference, FlagRow, SetNews, edit_of, fields_in
from sre_portal.core.flag_guard import is_held_up
from sre_portal.core.flag_kept import KeptSet, check_seen
from sre_portal.core.flag_plan import FlagPlan, TimedStep
from sre_portal.core.flag_step import FlagStep, Import, Put, Remove
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
    says why it would end `failed` now; empty where it would not. Where it would, `before` is the version that
    it was proposed for, and `after` what was proposed.
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
        step, seen = timed.step, timed.seen
        if isinstance(step, Put | Remove) and seen is None:
            path = f"steps.{number}.version"
            raise InvalidInput([Problem(path, "nothing", "the version that was seen, 0 for a new flag")])
        check_seen(kept, order.key, seen)
        text = _after(kept, order.key, timed, number)
        held = is_held_up(step, kept, order.key)
        if held and timed.not_before is None:
            seen = kept.version_of(order.key)
        yield Rehearsed(replace(timed, seen=seen), held, kept.text(order.key), text)
        if (edit := edit_of(kept.rows, order.key, text)) is not None:
            version = kept.version + 1
            left = FlagRow(order.flag_set, order.key, edit.version, version, text, now, "", "")
            kept = kept.following(SetNews(order.flag_set, version, [left]))


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
            problem = _moved_on(plan, told.set_version)
            return Foreseen(difference=told.difference, problem=problem)
        kept = ports.flag_book.get(plan.flag_set) or KeptSet(plan.flag_set)
        return await _foreseen(ports, kept, plan)
    except (InvalidInput, NotFound, Conflict) as why:
        return Foreseen(problem=str(why))


async def version_now(ports: Ports, plan: FlagPlan) -> int | None:
    """The version a planned change of one flag was made from; the newest one where that says the same.

    A drill flips a switch and brings it back: that makes two versions, and takes nobody's approval away.
    """
    version, kept = plan.seen, ports.flag_book.get(plan.flag_set)
    row = None if kept is None else kept.rows.get(plan.key)
    if not version or row is None or row.version == version:
        return version
    found = await ports.flags.history(plan.flag_set, plan.key, 1, version + 1)
    is_same = bool(found) and found[0].version == version and found[0].definition == row.definition
    return row.version if is_same else version


async def _foreseen(ports: Ports, kept: KeptSet, plan: FlagPlan) -> Foreseen:
    step = plan.step
    if isinstance(step, Import):
        raise TypeError("an import is of a whole set")
    if problem := await _problem_of(ports, kept, plan, step):
        return replace(await _proposed(ports, kept, plan, step), problem=problem)
    text = definition_after(kept, plan.key, step)
    return Foreseen(kept.fields(plan.key), None if text is None else fields_in(text))


async def problem_of(ports: Ports, plan: FlagPlan) -> str:
    """Why a planned change would end `failed` now; empty where it would not, and where it has ended.

    What a whole set would say to its file is left out: that takes as long as importing it.
    """
    kept = ports.flag_book.get(plan.flag_set) or KeptSet(plan.flag_set)
    if not plan.is_open:
        return ""
    if isinstance(plan.step, Import):
        return _moved_on(plan, kept.version)
    return await _problem_of(ports, kept, plan, plan.step)


async def _problem_of(ports: Ports, kept: KeptSet, plan: FlagPlan, step: FlagStep) -> str:
    try:
        definition_after(kept, plan.key, step)
        check_seen(kept, plan.key, await version_now(ports, plan))
    except (InvalidInput, NotFound, Conflict) as why:
        return str(why)
    return ""


async def _proposed(ports: Ports, kept: KeptSet, plan: FlagPlan, step: FlagStep) -> Foreseen:
    """What was proposed, against the version that it was proposed for; nothing where that says neither."""
    base = kept.rows.get(plan.key)
    if plan.seen is not None:
        found = await ports.flags.history(plan.flag_set, plan.key, 1, plan.seen + 1)
        base = next((row for row in found if row.version == plan.seen), None)
    rows = {key: row for key, row in kept.rows.items() if key != plan.key}
    then = replace(kept, rows=rows if base is None else {**rows, plan.key: base})
    before = then.fields(plan.key)
    try:
        text = definition_after(then, plan.key, step)
    except (InvalidInput, NotFound):
        return Foreseen(before, step.definition if isinstance(step, Put) else before)
    return Foreseen(before, None if text is None else fields_in(text))


def _moved_on(plan: FlagPlan, set_version: int) -> str:
    """What says that the set is another one than the file was proposed for; else empty."""
    if plan.seen in {None, set_version}:
        return ""
    return f"expected version {plan.seen} of the set, found version {set_version}"
