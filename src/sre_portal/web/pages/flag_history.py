"""Every version a flag ever had: who made it, when, why, and what it changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.access import Permission
from sre_portal.core.errors import NotFound, RateLimited
from sre_portal.core.flag_change import FlagRow
from sre_portal.core.flag_name import service_of
from sre_portal.core.whole import whole_in
from sre_portal.operations.flag_draft import readable_definition
from sre_portal.operations.flags import kept_now
from sre_portal.operations.ports import Ports
from sre_portal.web import render
from sre_portal.web.context import number_in, ports_of, principal_of
from sre_portal.web.pages.figures import Moment, moment
from sre_portal.web.pages.flag_diff import Diff, diff_of
from sre_portal.web.pages.flag_place import flag_in
from sre_portal.web.pages.flag_words import flag_href
from sre_portal.web.pages.frame import May, permission

SHOWN = 20
"""Versions on the page of a flag."""


@dataclass(frozen=True, slots=True)
class VersionLine:
    version: int
    href: str
    at: Moment
    by: str
    reason: str
    words: str

    @classmethod
    def of(cls, row: FlagRow, now: datetime, words: str) -> VersionLine:
        return cls(
            version=row.version,
            href=flag_href(row.flag_set, row.key, "versions", str(row.version)),
            at=moment(row.changed_at, now),
            by=row.changed_by,
            reason=row.reason,
            words=words,
        )


@dataclass(frozen=True, slots=True)
class History:
    lines: tuple[VersionLine, ...]
    older: str

    @classmethod
    def of(cls, rows: Sequence[FlagRow], now: datetime, *, told: bool = True) -> History:
        """Of the newest versions, `SHOWN` and one more where there are as many. `told`: with what changed."""
        before = {row.version + 1: row for row in rows}
        shown = rows[:SHOWN]
        words = [_words(row, before.get(row.version)) if told else "" for row in shown]
        lines = tuple(VersionLine.of(row, now, one) for row, one in zip(shown, words, strict=True))
        more = len(rows) > SHOWN
        return cls(lines, f"?before={shown[-1].version}#history" if more else "")


@dataclass(frozen=True, slots=True)
class VersionPage:
    flag_set: str
    key: str
    href: str
    line: VersionLine
    diff: Diff
    definition: str
    is_newest: bool
    older: str
    newer: str
    restore: str
    """The definition, for the review that would put it in force again; empty where there is none to put."""
    now_at: int
    may: May


async def version(request: Request) -> Response:
    """`GET /flags/{flag_set}/{key}/versions/{version}`: a permanent address."""
    flag_set, key = flag_in(request)
    ports, number = ports_of(request), number_in(request, "version", "the number of a version")
    found = await ports.flags.history(flag_set, key, 2, number + 1)
    if not found or found[0].version != number:
        raise NotFound("version", f"{key[:80]} {number}")
    row, before = found[0], found[1] if len(found) > 1 else None
    diff = await diff_of(ports, None if before is None else before.definition, row.definition)
    kept = await kept_now(ports, flag_set)
    newest = kept.rows[key]
    view = VersionPage(
        flag_set=flag_set,
        key=key,
        href=flag_href(flag_set, key),
        line=VersionLine.of(row, ports.clock.now(), _words(row, before, diff)),
        diff=diff,
        definition="" if row.definition is None else readable_definition(row.definition),
        is_newest=row.version == newest.version,
        older=flag_href(flag_set, key, "versions", str(number - 1)) if before else "",
        newer="" if row.version == newest.version else flag_href(flag_set, key, "versions", str(number + 1)),
        restore=""
        if row.definition in {None, newest.definition}
        else readable_definition(row.definition or ""),
        now_at=kept.version_of(key),
        may=permission(principal_of(request), Permission.FLAG_FLIP, service_of(flag_set)),
    )
    return render.page(request, "flag_version.html", view)


async def history_of(ports: Ports, rows: Sequence[FlagRow]) -> History:
    """The history on the page of a flag; without what changed where others take all of that work.

    Whoever has to flip a switch opens this page.
    """
    now = ports.clock.now()
    try:
        return await ports.aside.do(partial(History.of, rows, now))
    except RateLimited:
        return History.of(rows, now, told=False)


def _words(row: FlagRow, before: FlagRow | None, diff: Diff | None = None) -> str:
    if row.definition is None:
        return "removed"
    if before is None or before.definition is None:
        return "made"
    return (diff or Diff.of(before.definition, row.definition)).words


def before_in(request: Request) -> int | None:
    """Below which version the history begins; None for the newest."""
    return whole_in(request.query_params.get("before", ""))
