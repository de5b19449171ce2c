"""The last page before a flag changes: what differs, who would get something else, and why it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.access import Permission
from sre_portal.core.errors import Conflict, InvalidInput, Problem, Superseded, raise_if
from sre_portal.core.flag.move_words import sentences
from sre_portal.core.flag.moved import Moved
from sre_portal.core.flag_change import FlagRow, fields_of, service_of
from sre_portal.core.flag_guard import is_held_up
from sre_portal.core.flag_step import Put, Share
from sre_portal.operations.flag_draft import Draft, draft_of, readable_definition
from sre_portal.operations.flag_moves import People, moves_of
from sre_portal.operations.flags import definition_after, kept_now, live_row
from sre_portal.operations.ports import Ports
from sre_portal.web import render
from sre_portal.web.context import ports_of, principal_of
from sre_portal.web.pages.figures import Moment, count, exact, moment
from sre_portal.web.pages.flag import flag_response
from sre_portal.web.pages.flag_diff import Diff
from sre_portal.web.pages.flag_edit import rejected
from sre_portal.web.pages.flag_form import long_fields
from sre_portal.web.pages.flag_place import flag_in
from sre_portal.web.pages.flag_schedule import percent_in
from sre_portal.web.pages.flag_words import Serving, flag_href, serving_of
from sre_portal.web.pages.form import Form
from sre_portal.web.pages.frame import May, permission
from sre_portal.web.rate import pace_flip

FIELDS = {"reason": "", "at": "", "keys": "", "attribute": "targetingKey"}


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
    hidden: Mapping[str, str]
    """What is posted besides: the definition, its version, the context of the preview."""
    may: May


@dataclass(frozen=True, slots=True)
class MovedPeople:
    """Of the keys that were given, exactly who moves."""

    words: str
    rows: tuple[Moved, ...]
    more: int

    @classmethod
    def of(cls, asked: int, moved: Sequence[Moved]) -> MovedPeople:
        words = f"{count(len(moved))} of {count(asked)} move"
        return cls(words, tuple(moved[:MOST_NAMED]), max(0, len(moved) - MOST_NAMED))


@dataclass(frozen=True, slots=True)
class ConflictPage:
    """Somebody saved meanwhile: what they made of it beside what was typed here."""

    flag_set: str
    key: str
    href: str
    by: str
    at: Moment | None
    why: str
    theirs_href: str
    theirs: Diff
    """From the version that the editor began with to theirs."""
    yours: Diff
    """From the same version to yours."""
    over: Diff
    """From theirs to yours: what saving yours now would change."""
    hidden: Mapping[str, str]
    """Yours, as of their version."""


@pace_flip
async def review(request: Request) -> Response:
    """`POST /flags/{flag_set}/{key}/review`. Nothing is saved."""
    (_, key), fields = flag_in(request), await long_fields(request)
    try:
        return await review_page(request, fields)
    except InvalidInput as invalid:
        return await rejected(request, key, fields, invalid)


@pace_flip
async def review_share(request: Request) -> Response:
    """`POST /flags/{flag_set}/{key}/share`: the same page, for another share of a variant."""
    (flag_set, key), fields, wrong = flag_in(request), await long_fields(request), list[Problem]()
    kept = await kept_now(ports_of(request), flag_set)
    row = live_row(kept, key)
    step = Share(fields.get("variant", ""), percent_in(fields, "percent", wrong))
    try:
        raise_if(wrong)
        text = definition_after(kept, key, step) or ""
    except InvalidInput as invalid:
        return await flag_response(request, fields, invalid.problems)
    made = {"definition": readable_definition(text), "version": str(row.version)}
    return await review_page(request, made)


async def review_page(request: Request, fields: Mapping[str, str], wrong: Sequence[Problem] = ()) -> Response:
    """The page; again with problems of its own fields. Raises `InvalidInput` for the definition."""
    flag_set, key = flag_in(request)
    ports = ports_of(request)
    draft = draft_of(await kept_now(ports, flag_set), key, fields.get("definition", ""))
    row = draft.kept.rows.get(key)
    there = row is not None and row.definition is not None
    seen = fields.get("version", "")
    if row is not None and seen != str(row.version if there else 0):
        return await conflict_page(request, fields, draft)
    before = draft.kept.flags.definitions
    keys = list(dict.fromkeys(fields.get("keys", "").split()))
    attribute = fields.get("attribute") or FIELDS["attribute"]
    told = await moves_of(ports, flag_set, key, draft.fields, People(keys, attribute) if keys else None)
    view = ReviewPage(
        flag_set=flag_set,
        key=key,
        href=flag_href(flag_set, key),
        is_new=not there,
        diff=Diff.of(row.definition if row is not None else None, draft.text),
        before=serving_of(before.flags.get(key), before),
        after=serving_of(draft.flag, before),
        changes=draft.changes,
        waits=is_held_up(Put(draft.fields), fields_of(row) if row is not None else None, draft.kept.shared),
        moves=tuple(sentences(told.told)),
        needed_by=tuple(told.needed_by[:MOST_NAMED]),
        people=None if told.asked is None else MovedPeople.of(told.asked, told.moved),
        now=exact(ports.clock.now()),
        form=Form.of(FIELDS, fields, wrong),
        hidden={name: fields.get(name, "") for name in ("definition", "version", "context")},
        may=permission(principal_of(request), Permission.FLAG_FLIP, service_of(flag_set)),
    )
    return render.page(request, "flag_review.html", view, 422 if wrong else 200)


async def conflict_page(request: Request, fields: Mapping[str, str], draft: Draft) -> Response:
    """409: nothing was saved, and nothing that was typed is lost."""
    ports, kept, key = ports_of(request), draft.kept, draft.flag.key
    theirs = kept.rows.get(key)
    base = await _seen(ports, kept.name, key, fields.get("version", ""))
    made = None if theirs is None else theirs.definition
    now_at = "0" if theirs is None or theirs.definition is None else str(theirs.version)
    view = ConflictPage(
        flag_set=kept.name,
        key=key,
        href=flag_href(kept.name, key),
        by="" if theirs is None else theirs.changed_by,
        at=None if theirs is None else moment(theirs.changed_at, ports.clock.now()),
        why="" if theirs is None else theirs.reason,
        theirs_href="" if theirs is None else flag_href(kept.name, key, "versions", str(theirs.version)),
        theirs=Diff.of(base, made),
        yours=Diff.of(base, draft.text),
        over=Diff.of(made, draft.text),
        hidden={
            "definition": fields.get("definition", ""),
            "context": fields.get("context", ""),
            "reason": fields.get("reason", ""),
            "version": now_at,
        },
    )
    return render.page(request, "flag_conflict.html", view, 409)


async def refused_save(
    request: Request, fields: Mapping[str, str], refusal: InvalidInput | Conflict
) -> Response:
    """What is shown where saving was refused: each problem in its place, or the conflict."""
    flag_set, key = flag_in(request)
    if isinstance(refusal, InvalidInput):
        own = [one for one in refusal.problems if one.path in FIELDS]
        if own:
            return await review_page(request, fields, own)
        return await rejected(request, key, fields, refusal)
    if not isinstance(refusal, Superseded):
        raise refusal
    draft = draft_of(await kept_now(ports_of(request), flag_set), key, fields.get("definition", ""))
    return await conflict_page(request, fields, draft)


async def _seen(ports: Ports, flag_set: str, key: str, version: str) -> str | None:
    """The definition that an editor began with; None where it began with no flag."""
    if not (version.isascii() and version.isdecimal() and 0 < len(version) < 16 and int(version)):
        return None
    found: Sequence[FlagRow] = await ports.flags.history(flag_set, key, 1, int(version) + 1)
    return found[0].definition if found and found[0].version == int(version) else None
