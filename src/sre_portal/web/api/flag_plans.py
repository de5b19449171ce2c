"""Planned changes of flags, and flags in several environments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Path, Query, Request, Response

from sre_portal.core.access import Principal
from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.core.flag_change import FlagRow
from sre_portal.core.flag_name import LONGEST_KEY, LONGEST_SET
from sre_portal.core.flag_plan import FlagPlan, PlanState
from sre_portal.operations import flag_plans
from sre_portal.operations.flag_environments import compare, copy_flag, missing_rules, places_of
from sre_portal.operations.flag_foresight import foreseen
from sre_portal.operations.flags import FlagOrder
from sre_portal.operations.ports import Ports
from sre_portal.web.api.flag_path import Key, SetName
from sre_portal.web.api.flag_plan_schema import (
    ComparisonJson,
    CopyBody,
    DecisionBody,
    FlagPlanJson,
    PlanDetailJson,
    PlansBody,
    ServicePlacesJson,
)
from sre_portal.web.api.flag_schema import FlagJson
from sre_portal.web.context import address_of, ports_of, principal_of

PlanId = Annotated[int, Path(ge=1, le=2**53)]
ACCEPTED = 202
Decide = Callable[[Ports, Principal, int, str, str], Awaitable[FlagPlan]]


async def plans(
    request: Request,
    flag_set: Annotated[str | None, Query(alias="set", max_length=LONGEST_SET)] = None,
    key: Annotated[str | None, Query(max_length=LONGEST_KEY)] = None,
    state: Annotated[list[PlanState] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> list[FlagPlanJson]:
    """Planned changes, newest first. `state` may be given several times; `before` is for the next page."""
    found = await ports_of(request).flag_plans.some(
        flag_set=flag_set, key=key, states=state or (), limit=limit, before=before
    )
    return [FlagPlanJson.of(one) for one in found]


async def show(request: Request, plan_id: PlanId) -> PlanDetailJson:
    """One planned change, and what it would do as things are now."""
    ports = ports_of(request)
    plan = await ports.flag_plans.get(plan_id)
    return PlanDetailJson.told(plan, await foreseen(ports, plan))


async def propose(request: Request, flag_set: SetName, key: Key, body: PlansBody) -> list[FlagPlanJson]:
    """Plans steps of a flag. Each waits for a second person where the flag is protected by then."""
    ports, order = ports_of(request), FlagOrder(flag_set, key, body.reason, address_of(request))
    steps = body.timed(ports.clock.now())
    made = await flag_plans.propose(ports, principal_of(request), order, steps)
    return [FlagPlanJson.of(one) for one in made]


async def approve(request: Request, plan_id: PlanId, body: DecisionBody) -> FlagPlanJson:
    """A second person lets it happen. The answer is `done`, `scheduled`, or `failed` with why."""
    return await _decide(request, flag_plans.approve, plan_id, body)


async def refuse(request: Request, plan_id: PlanId, body: DecisionBody) -> FlagPlanJson:
    """A second person says no."""
    return await _decide(request, flag_plans.refuse, plan_id, body)


async def cancel(request: Request, plan_id: PlanId, body: DecisionBody) -> FlagPlanJson:
    """Takes a planned change back, also one's own."""
    return await _decide(request, flag_plans.cancel, plan_id, body)


async def environments(request: Request, name: Annotated[str, Path(max_length=63)]) -> ServicePlacesJson:
    """Every flag of a service in each of its environments."""
    return ServicePlacesJson.of(places_of(ports_of(request), name))


async def compared(
    request: Request, flag_set: SetName, key: Key, to: Annotated[str, Query(max_length=80)] = ""
) -> ComparisonJson:
    """A flag here and in the environment `to`; without one, in the portal's own."""
    return _comparison(ports_of(request), flag_set, key, to)


async def copy(
    request: Request, response: Response, flag_set: SetName, key: Key, body: CopyBody
) -> FlagJson | FlagPlanJson | ComparisonJson:
    """Makes a flag in another environment be as it is here; `dry_run` only tells the difference.

    202 with a planned change where it is protected there.
    """
    ports, to = ports_of(request), body.to_environment
    if body.dry_run:
        return _comparison(ports, flag_set, key, to)
    if body.version is None:
        expected = "the version that was seen in the other environment, 0 for none"
        raise InvalidInput([Problem("version", "nothing", expected)])
    order = FlagOrder(flag_set, key, body.reason, address_of(request), body.version)
    made = await copy_flag(ports, principal_of(request), order, to, with_rules=body.with_rules)
    return answered(response, made)


def answered(response: Response, made: FlagRow | FlagPlan) -> FlagJson | FlagPlanJson:
    """A change that was made, or the plan that it became."""
    return planned(response, made) if isinstance(made, FlagPlan) else tagged(response, made)


def planned(response: Response, plan: FlagPlan) -> FlagPlanJson:
    """202: it waits for a second person."""
    response.status_code = ACCEPTED
    return FlagPlanJson.of(plan)


def tagged(response: Response, row: FlagRow, unsound: str = "") -> FlagJson:
    """With its version as `ETag`."""
    response.headers["etag"] = f'"{row.version}"'
    return FlagJson.of(row, unsound)


def _comparison(ports: Ports, flag_set: str, key: str, to: str) -> ComparisonJson:
    told = compare(ports, flag_set, key, to)
    return ComparisonJson.of(told, missing_rules(ports, flag_set, key, to))


async def _decide(request: Request, decide: Decide, plan_id: int, body: DecisionBody) -> FlagPlanJson:
    made = await decide(ports_of(request), principal_of(request), plan_id, body.reason, address_of(request))
    return FlagPlanJson.of(made)
