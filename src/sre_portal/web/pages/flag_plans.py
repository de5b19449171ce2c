"""Planned changes of flags: the list, and one of them with what it would make and who may decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.access import Permission
from sre_portal.core.errors import Problem
from sre_portal.core.flag_change import Difference
from sre_portal.core.flag_name import service_of
from sre_portal.core.flag_plan import OPEN, FlagPlan, PlanState, Who
from sre_portal.operations.flag_foresight import Foreseen, foreseen, problem_of
from sre_portal.operations.flag_plans import Approval, approval_of
from sre_portal.operations.ports import Ports
from sre_portal.web import render
from sre_portal.web.context import number_in, ports_of, principal_of
from sre_portal.web.pages.figures import Moment, day, moment, plural
from sre_portal.web.pages.flag_diff import Diff, diff_of
from sre_portal.web.pages.flag_words import flag_href, readable
from sre_portal.web.pages.form import Form
from sre_portal.web.pages.frame import May, permission
from sre_portal.web.pages.permit import ahead
from sre_portal.web.pages.pill import Pill, pill

SHOWN = 100
OF_A_FLAG = 8
"""Planned changes on the page of a flag."""
MOST_NAMED = 40
"""Keys that an import is told with."""

STATES: Mapping[PlanState, Pill] = {
    PlanState.WAITING: pill("planned", "waits for approval", "question"),
    PlanState.SCHEDULED: pill("planned", "scheduled", "clock"),
    PlanState.DONE: pill("ok", "done"),
    PlanState.FAILED: pill("failed", "failed"),
    PlanState.REFUSED: pill("off", "refused", "slash"),
    PlanState.CANCELLED: pill("off", "cancelled", "slash"),
}
SHOWS: Mapping[str, tuple[str, tuple[PlanState, ...]]] = {
    "open": ("Open", tuple(OPEN)),
    "waiting": ("For approval", (PlanState.WAITING,)),
    "all": ("All", ()),
}


@dataclass(frozen=True, slots=True)
class PlanLine:
    id: int
    href: str
    named: str
    flag_href: str
    words: str
    pill: Pill
    problem: str
    """Why it would fail now; empty where it would not."""
    due: Moment | None
    """When it is to be made; None for as soon as it may be."""
    by: str
    at: Moment
    reason: str
    outcome: str
    is_open: bool

    @classmethod
    def of(cls, plan: FlagPlan, now: datetime, problem: str = "") -> PlanLine:
        return cls(
            id=plan.id,
            href=f"/flag-plans/{plan.id}",
            named=plan.named,
            flag_href=flag_href(plan.flag_set, plan.key) if plan.key else f"/flags?set={plan.flag_set}",
            words=plan.words,
            pill=STATES[plan.state],
            problem=problem,
            due=None if plan.not_before is None else due(plan.not_before, now),
            by=plan.proposed.name,
            at=moment(plan.proposed_at, now),
            reason=plan.reason,
            outcome=plan.outcome,
            is_open=plan.is_open,
        )


@dataclass(frozen=True, slots=True)
class PlansPage:
    summary: str
    tabs: tuple[tuple[str, str, bool], ...]
    rows: tuple[PlanLine, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class PlanPage:
    line: PlanLine
    facts: tuple[tuple[str, str], ...]
    waits: bool
    approval: Approval
    problem: str
    """Why it would fail now; empty where it would not. Then the difference is what was proposed."""
    diff: Diff | None
    files: tuple[tuple[str, str], ...]
    """What an import adds, changes and removes."""
    form: Form
    may: May


async def plans(request: Request) -> Response:
    """`GET /flag-plans?show=`."""
    ports = ports_of(request)
    shown = request.query_params.get("show", "")
    shown = shown if shown in SHOWS else "open"
    found = await ports.flag_plans.some(states=SHOWS[shown][1], limit=SHOWN)
    view = PlansPage(
        summary=plural(len(found), "planned change"),
        tabs=tuple((f"/flag-plans?show={name}", words, name == shown) for name, (words, _) in SHOWS.items()),
        rows=await _lines(ports, found),
        is_whole=shown == "all",
    )
    return render.page(request, "flag_plans.html", view)


async def plan(request: Request) -> Response:
    """`GET /flag-plans/{id}`: a permanent address."""
    return await plan_page(request)


async def plan_page(
    request: Request,
    given: Mapping[str, str] | None = None,
    wrong: Sequence[Problem] = (),
    status: int = 422,
) -> Response:
    """The page; again with the problems, and that status, where a decision had some."""
    ports = ports_of(request)
    found = await ports.flag_plans.get(plan_id_of(request))
    told = await foreseen(ports, found)
    now = ports.clock.now()
    view = PlanPage(
        line=PlanLine.of(found, now, told.problem),
        facts=_facts(found, now),
        waits=found.state is PlanState.WAITING,
        approval=await approval_of(ports, principal_of(request), found),
        problem=told.problem,
        diff=await _diff(ports, found, told),
        files=_files(told.difference),
        form=Form.of({"reason": ""}, given, wrong),
        may=permission(principal_of(request), Permission.FLAG_FLIP, service_of(found.flag_set)),
    )
    return render.page(request, "flag_plan.html", view, status if wrong else 200)


async def plans_of(ports: Ports, flag_set: str, key: str) -> tuple[PlanLine, ...]:
    """The newest planned changes of a flag."""
    found = await ports.flag_plans.some(flag_set=flag_set, key=key, limit=OF_A_FLAG)
    return await _lines(ports, found)


async def _lines(ports: Ports, found: Sequence[FlagPlan]) -> tuple[PlanLine, ...]:
    now = ports.clock.now()
    return tuple([PlanLine.of(one, now, await problem_of(ports, one)) for one in found])


def due(at: datetime, now: datetime) -> Moment:
    """`in 3 h 06 m` within a day, else the day with its time: a change of flags is made to the minute."""
    told = ahead(at, now)
    far = at - now >= timedelta(days=1)
    return replace(told, text=f"{day(at)} {at.year}, {at:%H:%M} UTC") if far else told


def plan_id_of(request: Request) -> int:
    """The planned change in the path. Raises `InvalidInput`."""
    return number_in(request, "id", "the number of a planned change")


def _facts(found: FlagPlan, now: datetime) -> tuple[tuple[str, str], ...]:
    when = "as soon as it may be" if found.not_before is None else ahead(found.not_before, now).exact
    facts = [
        ("What", found.words),
        ("When", when),
        ("Proposed", f"{found.proposed.name}, {moment(found.proposed_at, now).text}"),
        ("Why", found.reason),
    ]
    if isinstance(found.decided, Who) and found.decided_at is not None:
        verb = "Refused" if found.state is PlanState.REFUSED else "Approved"
        facts.append((verb, f"{found.decided.name}, {moment(found.decided_at, now).text}: {found.decision}"))
    if found.ended_at is not None:
        facts.append(("Ended", f"{moment(found.ended_at, now).text}: {found.outcome}"))
    return tuple(facts)


async def _diff(ports: Ports, found: FlagPlan, told: Foreseen) -> Diff | None:
    """None for what has ended, and for a whole set."""
    if not found.is_open or told.difference is not None:
        return None
    before, after = (None if one is None else readable(one) for one in (told.before, told.after))
    return await diff_of(ports, before, after)


def _files(told: Difference | None) -> tuple[tuple[str, str], ...]:
    if told is None:
        return ()
    kinds = (("New", told.added), ("Changed", told.changed), ("Removed", told.removed))
    named = [(words, keys) for words, keys in kinds if keys]
    return tuple(
        (
            words,
            ", ".join(keys[:MOST_NAMED])
            + (f" and {len(keys) - MOST_NAMED} more" if keys[MOST_NAMED:] else ""),
        )
        for words, keys in named
    )
