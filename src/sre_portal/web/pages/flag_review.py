"""The last page before a flag changes: what differs, who would get something else, and why it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.access import Permission
from sre_portal.core.errors import Conflict, InvalidInput, Problem, Superseded
from sre_portal.core.flag.resolution import CODE_DEFAULT
from sre_portal.core.flag_kept import KeptSet, check_seen, live_row
from sre_portal.core.flag_moves.people import Moved
from sre_portal.core.flag_moves.words import sentences
from sre_portal.core.flag_name import service_of
from sre_portal.core.whole import VERSION_SEEN, whole_number
from sre_portal.operations.flag_draft import Draft, draft_of, readable_definition
from sre_portal.operations.flag_facts import unknown_facts_of
from sre_portal.operations.flag_moves import FlagMoves, People, moves_of
from sre_portal.operations.flags import kept_now, waits_for_second
from sre_portal.operations.ports import Ports
from sre_portal.web import render
from sre_portal.web.context import ports_of, principal_of
from sre_portal.web.pages.figures import count, exact
from sre_portal.web.pages.flag import flag_response
from sre_portal.web.pages.flag_conflict import conflict_page
from sre_portal.web.pages.flag_diff import Diff, diff_of
from sre_portal.web.pages.flag_edit import CONTEXT, edit_page
from sre_portal.web.pages.flag_form import long_fields
from sre_portal.web.pages.flag_place import flag_in
from sre_portal.web.pages.flag_wanted import SHARE, wanted_in
from sre_portal.web.pages.flag_words import Serving, flag_href, serving_of
from sre_portal.web.pages.form import Form
from sre_portal.web.pages.frame import May, permission
from sre_portal.web.rate import pace_flip

FIELDS = {"reason": "", "at": "", "keys": "", "attribute": "targetingKey"}

HIDDEN = ("definition", "version", "context", *SHARE)
MOST_NAMED = 200
"""Keys that move and are named on the page; the API names all."""


@dataclass(frozen=True, slots=True)
class ReviewPage:
    flag_set: str
    key: str
    href: str
    is_new: bool
    diff: Diff
    before: Serving
    after: Serving
    changes: bool
    waits: bool
    """A second person has to approve."""
    moves: tuple[str, ...]
    """Who gets something else, in sentences."""
    needed_by: tuple[str, ...]
    people: MovedPeople | None
    """None where nobody was asked for."""
    now: str
    form: Form
    unknown: Sequence[str]
    """Facts that its rule reads and that no SLO here has."""
    hidden: Mapping[str, str]
    """What is posted besides: the definition, its version, the context of the preview; or the share."""
    may: May


@dataclass(frozen=True, slots=True)
class MovedPeople:
    """Of the keys that were given, exactly who moves."""

    words: str
    rows: tuple[Moved, ...]
    more: int
    otherwise: str = CODE_DEFAULT
    """What a row without a variant says."""

    @classmethod
    def of(cls, asked: int, moved: Sequence[Moved]) -> MovedPeople:
        words = f"{count(len(moved))} of {count(asked)} move"
        return cls(words, tuple(moved[:MOST_NAMED]), max(0, len(moved) - MOST_NAMED))


@pace_flip
async def review(request: Request) -> Response:
    """`POST /flags/{flag_set}/{key}/review`. Nothing is saved."""
    return await review_or_edit(request, *flag_in(request), await long_fields(request))


@pace_flip
async def review_share(request: Request) -> Response:
    """`POST /flags/{flag_set}/{key}/share`: the same page, for another share of a variant."""
    (flag_set, key), fields = flag_in(request), await long_fields(request)
    kept = await kept_now(ports_of(request), flag_set)
    row, share = live_row(kept, key), {name: fields.get(name, "") for name in SHARE}
    try:
        text = (await ports_of(request).aside.do(partial(wanted_in, kept, key, share))).draft.text
    except InvalidInput as invalid:
        return await flag_response(request, fields, invalid.problems)
    return await review_or_edit(request, flag_set, key, fields_for(text, row.version) | share)


def fields_for(definition: str, version: int) -> dict[str, str]:
    """The fields of a review that begins with a kept definition. `version`: the one it takes the place of."""
    return {"definition": readable_definition(definition), "version": str(version), "context": CONTEXT}


async def review_or_edit(request: Request, flag_set: str, key: str, fields: Mapping[str, str]) -> Response:
    """The review, or the editor where the definition has problems."""
    try:
        return await review_page(request, flag_set, key, fields)
    except InvalidInput:
        kept = await kept_now(ports_of(request), flag_set)
        return await edit_page(request, kept, key, fields, 422)


async def review_page(
    request: Request, flag_set: str, key: str, fields: Mapping[str, str], wrong: Sequence[Problem] = ()
) -> Response:
    """The page; again with problems of its own fields. Raises `InvalidInput` for the definition."""
    ports = ports_of(request)
    kept = await kept_now(ports, flag_set)
    try:
        check_seen(kept, key, whole_number(fields.get("version", ""), "version", VERSION_SEEN))
    except Superseded:
        return await conflict_page(request, fields, await _draft(ports, kept, key, fields))
    wanted = await ports.aside.do(partial(wanted_in, kept, key, fields))
    draft = wanted.draft
    told, problems = await _moves(ports, draft, fields)
    wrong = [*wrong, *problems]
    before = kept.flags.definitions
    view = ReviewPage(
        flag_set=flag_set,
        key=key,
        href=flag_href(flag_set, key),
        is_new=kept.live(key) is None,
        diff=await diff_of(ports, kept.text(key), draft.text),
        before=serving_of(before.flags.get(key), before),
        after=serving_of(draft.flag, before),
        changes=draft.changes,
        waits=waits_for_second(ports, principal_of(request), kept, key, wanted.step),
        moves=tuple(sentences(told.told)),
        needed_by=tuple(told.needed_by[:MOST_NAMED]),
        people=None if told.asked is None else MovedPeople.of(told.asked, told.moved),
        now=exact(ports.clock.now()),
        form=Form.of(FIELDS, fields, wrong),
        unknown=unknown_facts_of(ports, draft.flags.definitions, key),
        hidden={name: fields[name] for name in HIDDEN if name in fields},
        may=permission(principal_of(request), Permission.FLAG_FLIP, service_of(flag_set)),
    )
    return render.page(request, "flag_review.html", view, 422 if wrong else 200)


async def refused_save(
    request: Request, fields: Mapping[str, str], refusal: InvalidInput | Conflict
) -> Response:
    """What is shown where saving was refused: each problem in its place, or the conflict."""
    flag_set, key = flag_in(request)
    kept = await kept_now(ports_of(request), flag_set)
    if isinstance(refusal, InvalidInput):
        try:
            return await review_page(
                request, flag_set, key, fields, [_placed(one) for one in refusal.problems]
            )
        except InvalidInput:  # the definition itself: the editor tells every problem
            return await edit_page(request, kept, key, fields, 422)
    if not isinstance(refusal, Superseded):
        raise refusal
    return await conflict_page(request, fields, await _draft(ports_of(request), kept, key, fields))


async def _draft(ports: Ports, kept: KeptSet, key: str, fields: Mapping[str, str]) -> Draft:
    """What was typed. Raises `InvalidInput`."""
    return await ports.aside.do(partial(draft_of, kept, key, fields.get("definition", "")))


async def _moves(
    ports: Ports, draft: Draft, fields: Mapping[str, str]
) -> tuple[FlagMoves, Sequence[Problem]]:
    """Who moves; without the keys that were given where they cannot be counted, with the problems."""
    name, key = draft.kept.name, draft.flag.key
    keys = list(dict.fromkeys(fields.get("keys", "").split()))
    attribute = fields.get("attribute") or FIELDS["attribute"]
    try:
        return await moves_of(ports, name, key, draft.fields, People(keys, attribute) if keys else None), ()
    except InvalidInput as invalid:
        return await moves_of(ports, name, key, draft.fields), invalid.problems


def _placed(problem: Problem) -> Problem:
    """The same; what is wrong with the instant of a plan stands at its field."""
    path = "at" if problem.path.endswith("not_before") else problem.path
    return Problem(path, problem.seen, problem.expected)
