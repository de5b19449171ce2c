"""Flags: their definitions, changes with a reason, history, files, and a preview that explains itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import Query, Request, Response

from sre_portal.core.drill_standing import DrillWord
from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.core.flag.bucket import Epoch
from sre_portal.core.flag_change import FlagRow
from sre_portal.core.flag_explain import explain
from sre_portal.core.flag_kept import KeptSet, live_row
from sre_portal.core.flag_plan import FlagPlan
from sre_portal.core.flag_step import Put, Remove, Share, Toggle
from sre_portal.core.whole import VERSION_SEEN, whole_number
from sre_portal.operations.certificates import drill_words
from sre_portal.operations.flag_facts import facts_of, unknown_facts_of
from sre_portal.operations.flag_import import ImportOrder, export_flags, plan_import
from sre_portal.operations.flag_moves import moves_made
from sre_portal.operations.flag_plans import import_or_plan, make_or_plan
from sre_portal.operations.flag_use import stale_in
from sre_portal.operations.flags import FlagOrder, kept_now, kept_set
from sre_portal.web.api.flag_moves_schema import ShareJson
from sre_portal.web.api.flag_path import Key, SetAsked, SetName
from sre_portal.web.api.flag_plan_schema import FlagPlanJson
from sre_portal.web.api.flag_plans import answered, planned, tagged
from sre_portal.web.api.flag_schema import (
    ChangeBody,
    DifferenceJson,
    FileBody,
    FlagJson,
    FlagNowJson,
    FlagSetJson,
    ImportBody,
    PreviewBody,
    PreviewJson,
    PutBody,
    PutJson,
    ShareChangeBody,
    ToggleBody,
)
from sre_portal.web.context import address_of, ports_of, principal_of

MOST_VERSIONS = 500


async def sets(request: Request) -> list[FlagSetJson]:
    """Every set of flags, by name."""
    return [FlagSetJson.of(one) for one in ports_of(request).flag_book.all()]


async def flags(
    request: Request,
    flag_set: SetAsked = "",
    stale: Annotated[bool, Query()] = False,  # noqa: FBT002  # how a query is declared
) -> list[FlagNowJson]:
    """The newest version of every flag, of one set or of all; with `stale` of those nobody seems to need."""
    ports = ports_of(request)
    chosen = [kept_set(ports, flag_set)] if flag_set else ports.flag_book.all()
    told: list[FlagNowJson] = []
    for one in chosen:
        old = await stale_in(ports, one) if stale else {}
        drills = await drill_words(ports, one.name)
        rows = (row for row in one.live_rows() if not stale or row.key in old)
        told += [_now(one, row, drills) for row in rows]
    return told


async def show(request: Request, response: Response, flag_set: SetName, key: Key) -> FlagNowJson:
    """One flag. The `ETag` is its version, for `If-Match`."""
    ports = ports_of(request)
    kept = kept_set(ports, flag_set)
    row = live_row(kept, key)
    tagged(response, row)
    return _now(kept, row, await drill_words(ports, flag_set))


async def history(
    request: Request,
    flag_set: SetName,
    key: Key,
    limit: Annotated[int, Query(ge=1, le=MOST_VERSIONS)] = 50,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> list[FlagJson]:
    """Every version of a flag, newest first, also of one that was removed. `before` is for the next page."""
    return [FlagJson.of(one) for one in await ports_of(request).flags.history(flag_set, key, limit, before)]


async def put(
    request: Request, response: Response, flag_set: SetName, key: Key, body: PutBody
) -> PutJson | FlagPlanJson:
    """Makes a flag or changes it. 409 with `current` where it is not at the version that was seen.

    202 with a planned change where the flag is protected: it waits for a second person.
    """
    order = _order(request, flag_set, key, body, otherwise=0)
    return await _with_moves(request, response, order, Put(body.definition))


async def share(
    request: Request, response: Response, flag_set: SetName, key: Key, body: ShareChangeBody
) -> PutJson | FlagPlanJson:
    """Gives a variant to another share of people, at once. Exactly those move who have to.

    202 with a planned change where the flag is protected.
    """
    order = _order(request, flag_set, key, body)
    return await _with_moves(request, response, order, Share(body.variant, body.percent))


async def toggle(
    request: Request, response: Response, flag_set: SetName, key: Key, body: ToggleBody
) -> FlagJson | FlagPlanJson:
    """Enables or disables a flag. Needs no version: a kill switch waits for nobody's edit.

    202 with a planned change where the flag is protected, and no kill switch.
    """
    order, step = _order(request, flag_set, key, body), Toggle(body.enabled)
    return answered(response, await make_or_plan(ports_of(request), principal_of(request), order, step))


async def remove(
    request: Request, response: Response, flag_set: SetName, key: Key, body: ChangeBody
) -> FlagJson | FlagPlanJson:
    """Removes a flag at the version that was seen. Its history stays.

    202 with a planned change where the flag is protected.
    """
    order = _order(request, flag_set, key, body)
    if order.version is None:
        raise InvalidInput([Problem("version", "nothing", "the version that was seen, or If-Match")])
    return answered(response, await make_or_plan(ports_of(request), principal_of(request), order, Remove()))


async def preview(request: Request, flag_set: SetName, key: Key, body: PreviewBody) -> PreviewJson:
    """What a context would get, and why: the parts of the rule that were looked at, and what decided."""
    ports = ports_of(request)
    kept = kept_set(ports, flag_set)
    live_row(kept, key)
    facts, at = facts_of(ports), int(ports.clock.now().timestamp())
    told = await ports.aside.do(partial(explain, kept.flags, key, body.context, facts=facts, at=at))
    return PreviewJson.of(told)


async def export(request: Request, flag_set: SetName) -> dict[str, Any]:
    """A set as a document in the flagd format, keys sorted."""
    document: dict[str, Any] = json.loads(export_flags(ports_of(request), flag_set))
    return document


async def diff(request: Request, flag_set: SetName, body: FileBody) -> DifferenceJson:
    """What an import of a file would change. 422 with every problem."""
    order = ImportOrder(flag_set, "", epoch=Epoch(body.epoch))
    return DifferenceJson.of(await plan_import(ports_of(request), order, body.document))


async def import_file(
    request: Request, response: Response, flag_set: SetName, body: ImportBody
) -> DifferenceJson | FlagPlanJson:
    """Makes a set be a file: what is not in it is removed. All of it, or nothing and every problem.

    202 with a planned change where it changes a protected flag, or what such flags share.
    """
    version = _version(request, body.version)
    order = ImportOrder(flag_set, body.reason, address_of(request), version, Epoch(body.epoch))
    made = await import_or_plan(ports_of(request), principal_of(request), order, body.document)
    return planned(response, made) if isinstance(made, FlagPlan) else DifferenceJson.of(made)


def _now(kept: KeptSet, row: FlagRow, drills: Mapping[str, DrillWord]) -> FlagNowJson:
    told = FlagNowJson.of(row, kept.unsound.get(row.key, ""))
    told.drill = drills.get(row.key)
    return told


async def _with_moves(
    request: Request, response: Response, order: FlagOrder, step: Put | Share
) -> PutJson | FlagPlanJson:
    """Makes it, and tells whom it moves."""
    ports = ports_of(request)
    before = await kept_now(ports, order.flag_set)
    made = await make_or_plan(ports, principal_of(request), order, step)
    if isinstance(made, FlagPlan):
        return planned(response, made)
    moves = ShareJson.of(await asyncio.to_thread(moves_made, before, made))
    definitions = kept_set(ports, order.flag_set).flags.definitions
    unknown = list(unknown_facts_of(ports, definitions, order.key))
    return PutJson(**tagged(response, made).model_dump(), moves=moves, unknown_facts=unknown)


def _order(
    request: Request, flag_set: str, key: str, body: ChangeBody, otherwise: int | None = None
) -> FlagOrder:
    version = _version(request, body.version)
    seen = otherwise if version is None else version
    return FlagOrder(flag_set, key, body.reason, address_of(request), seen)


def _version(request: Request, told: int | None) -> int | None:
    """What `If-Match` or the body says. Raises `InvalidInput`, also where they differ."""
    header = request.headers.get("if-match", "").strip().removeprefix("W/").strip('"')
    if not header:
        return told
    seen = whole_number(header, "If-Match", VERSION_SEEN)
    if told is not None and told != seen:
        raise InvalidInput([Problem("version", str(told), f"{seen}, as If-Match says")])
    return seen
