"""Planning steps of a flag: at this instant that share, at that one another. Reviewed before it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.access import Permission
from sre_portal.core.errors import InvalidInput, Problem, raise_if
from sre_portal.core.flag_kept import live_row
from sre_portal.core.flag_name import service_of
from sre_portal.core.flag_plan import TimedStep, instant_problems
from sre_portal.core.flag_step import FlagStep, Share, Toggle
from sre_portal.core.instant import instant_in
from sre_portal.operations.flag_foresight import rehearsed
from sre_portal.operations.flags import FlagOrder, kept_now, kept_set
from sre_portal.operations.ports import Ports
from sre_portal.web import render
from sre_portal.web.context import ports_of, principal_of
from sre_portal.web.pages.figures import exact
from sre_portal.web.pages.flag_diff import Diff, diff_of
from sre_portal.web.pages.flag_form import long_fields
from sre_portal.web.pages.flag_place import flag_in
from sre_portal.web.pages.flag_words import choices_of, flag_href
from sre_portal.web.pages.form import Form
from sre_portal.web.pages.frame import May, permission
from sre_portal.web.rate import pace_flip

STEPS = 5
"""Rows of the form."""
DOES = (("", "nothing"), ("on", "enable it"), ("off", "disable it"), ("share", "change the share"))
FIELDS = {
    "reason": "",
    **{f"{name}_{row}": "" for row in range(STEPS) for name in ("at", "do", "variant", "percent")},
}


@dataclass(frozen=True, slots=True)
class SchedulePage:
    flag_set: str
    key: str
    href: str
    rows: tuple[int, ...]
    does: tuple[tuple[str, str], ...]
    variants: tuple[tuple[str, str], ...]
    form: Form
    now: str
    may: May


@dataclass(frozen=True, slots=True)
class PlannedStep:
    at: str
    words: str
    is_held_up: bool
    diff: Diff


@dataclass(frozen=True, slots=True)
class ScheduleReview:
    flag_set: str
    key: str
    href: str
    steps: tuple[PlannedStep, ...]
    waits: bool
    form: Form
    may: May


async def schedule(request: Request) -> Response:
    """`GET /flags/{flag_set}/{key}/plan`."""
    return schedule_page(request)


def schedule_page(
    request: Request, given: Mapping[str, str] | None = None, wrong: Sequence[Problem] = ()
) -> Response:
    """The form; again with its problems."""
    flag_set, key = flag_in(request)
    ports = ports_of(request)
    kept = kept_set(ports, flag_set)
    live_row(kept, key)
    view = SchedulePage(
        flag_set=flag_set,
        key=key,
        href=flag_href(flag_set, key),
        rows=tuple(range(STEPS)),
        does=DOES,
        variants=choices_of(kept.flags.definitions.flags.get(key)),
        form=Form.of(FIELDS, given, [_placed(one, _rows_in(given or {})) for one in wrong]),
        now=exact(ports.clock.now()),
        may=permission(principal_of(request), Permission.FLAG_FLIP, service_of(flag_set)),
    )
    return render.page(request, "flag_schedule.html", view, 422 if wrong else 200)


@pace_flip
async def review_schedule(request: Request) -> Response:
    """`POST /flags/{flag_set}/{key}/plan/review`. Nothing is planned."""
    (flag_set, key), fields, ports = flag_in(request), await long_fields(request), ports_of(request)
    try:
        steps = steps_in(ports, fields)
        kept, order = await kept_now(ports, flag_set), FlagOrder(flag_set, key, "")
        told = await ports.aside.do(partial(rehearsed, kept, order, steps, ports.clock.now()))
    except InvalidInput as invalid:
        return schedule_page(request, fields, invalid.problems)
    return schedule_review(
        request,
        fields,
        [
            PlannedStep(
                "as soon as it may be" if one.timed.not_before is None else exact(one.timed.not_before),
                one.timed.words,
                one.is_held_up,
                await diff_of(ports, one.before, one.after),
            )
            for one in told
        ],
    )


def schedule_review(request: Request, fields: Mapping[str, str], steps: Sequence[PlannedStep]) -> Response:
    flag_set, key = flag_in(request)
    # Times from now are of the moment of the review: what was read is what is planned.
    view = ScheduleReview(
        flag_set=flag_set,
        key=key,
        href=flag_href(flag_set, key),
        steps=tuple(steps),
        waits=any(one.is_held_up for one in steps),
        form=Form.of(FIELDS, _settled(fields, request)),
        may=permission(principal_of(request), Permission.FLAG_FLIP, service_of(flag_set)),
    )
    return render.page(request, "flag_schedule_review.html", view)


def steps_in(ports: Ports, fields: Mapping[str, str]) -> list[TimedStep]:
    """The steps that the form describes, in their order. Raises `InvalidInput` with every problem."""
    wrong, found, rows = list[Problem](), list[TimedStep](), list[int]()
    now = ports.clock.now()
    for row in range(STEPS):
        before = len(wrong)
        at = instant_in(fields.get(f"at_{row}", ""), f"at_{row}", now, wrong)
        is_instant = len(wrong) == before
        step = _step(row, fields, wrong)
        if step is not None and is_instant:
            found.append(TimedStep(step, at))
            rows.append(row)
    if not found and not wrong:
        wrong.append(Problem("do_0", "nothing", "at least one step"))
    past = instant_problems([one.not_before for one in found], now)
    raise_if([*wrong, *(_placed(one, rows) for one in past)])
    return found


def _step(row: int, fields: Mapping[str, str], wrong: list[Problem]) -> FlagStep | None:
    """None for a row that does nothing; with a problem where something else of it is filled."""
    match does := fields.get(f"do_{row}", ""):
        case "":
            filled = [name for name in ("at", "percent") if fields.get(f"{name}_{row}", "")]
            if filled:
                wrong.append(Problem(f"do_{row}", "nothing", "what to do, or an empty row"))
        case "on" | "off":
            return Toggle(does == "on")
        case "share":
            before = len(wrong)
            percent = percent_in(fields, f"percent_{row}", wrong)
            return Share(fields.get(f"variant_{row}", ""), percent) if len(wrong) == before else None
        case _:
            wrong.append(Problem(f"do_{row}", repr(does[:20]), "one of on, off, share"))
    return None


def percent_in(fields: Mapping[str, str], name: str, wrong: list[Problem]) -> Decimal:
    """A share in percent; 0 with a problem for what is none."""
    text = fields.get(name, "").replace(",", ".").removesuffix("%").strip()
    if text.replace(".", "", 1).isdecimal() and text.isascii() and len(text) < 8 and Decimal(text) <= 100:
        return Decimal(text)
    wrong.append(Problem(name, repr(text[:20]), "a percentage from 0 to 100, such as 12.5"))
    return Decimal(0)


def _settled(fields: Mapping[str, str], request: Request) -> dict[str, str]:
    """The fields with each instant as it was understood, so that it does not move while somebody reads."""
    now, settled = ports_of(request).clock.now(), dict(fields)
    for row in range(STEPS):
        at = instant_in(fields.get(f"at_{row}", ""), "", now, [])
        settled[f"at_{row}"] = "" if at is None else at.isoformat()
    return settled


def _rows_in(fields: Mapping[str, str]) -> list[int]:
    """The rows of the form that do something, in the order of their steps."""
    return [row for row in range(STEPS) if fields.get(f"do_{row}", "")]


def _placed(problem: Problem, rows: Sequence[int]) -> Problem:
    """The same with the field of the form as its path.

    `steps.1.not_before` is the instant of the second row that does something.
    """
    parts = problem.path.split(".")
    if parts[0] != "steps" or len(parts) < 3 or not parts[1].isdecimal() or int(parts[1]) >= len(rows):
        return problem
    name = {"not_before": "at", "percent": "percent", "variant": "variant"}.get(parts[2], "do")
    return Problem(f"{name}_{rows[int(parts[1])]}", problem.seen, problem.expected)
