"""Somebody saved meanwhile: their change beside what was typed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.flag_change import FlagRow
from sre_portal.core.whole import whole_in
from sre_portal.operations.flag_draft import Draft
from sre_portal.operations.ports import Ports
from sre_portal.web import render
from sre_portal.web.context import ports_of
from sre_portal.web.pages.figures import Moment, moment
from sre_portal.web.pages.flag_diff import Diff, diff_of
from sre_portal.web.pages.flag_words import flag_href


@dataclass(frozen=True, slots=True)
class ConflictPage:
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


async def conflict_page(request: Request, fields: Mapping[str, str], draft: Draft) -> Response:
    """409: nothing was saved, and nothing that was typed is lost."""
    ports, kept, key = ports_of(request), draft.kept, draft.flag.key
    theirs = kept.rows.get(key)
    base = await _seen(ports, kept.name, key, fields.get("version", ""))
    made = kept.text(key)
    view = ConflictPage(
        flag_set=kept.name,
        key=key,
        href=flag_href(kept.name, key),
        by="" if theirs is None else theirs.changed_by,
        at=None if theirs is None else moment(theirs.changed_at, ports.clock.now()),
        why="" if theirs is None else theirs.reason,
        theirs_href="" if theirs is None else flag_href(kept.name, key, "versions", str(theirs.version)),
        theirs=await diff_of(ports, base, made),
        yours=await diff_of(ports, base, draft.text),
        over=await diff_of(ports, made, draft.text),
        hidden={
            "definition": fields.get("definition", ""),
            "context": fields.get("context", ""),
            "reason": fields.get("reason", ""),
            "version": str(kept.version_of(key)),
        },
    )
    return render.page(request, "flag_conflict.html", view, 409)


async def _seen(ports: Ports, flag_set: str, key: str, version: str) -> str | None:
    """The definition that an editor began with; None where it began with no flag."""
    number = whole_in(version)
    if not number:
        return None
    found: Sequence[FlagRow] = await ports.flags.history(flag_set, key, 1, number + 1)
    return found[0].definition if found and found[0].version == number else None
