"""Every flag: what is on, for whom, since when. The address holds the filter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.access import Permission, Principal
from sre_portal.core.flag_change import FlagRow
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_name import environment_of, service_of
from sre_portal.core.whole import whole_in
from sre_portal.operations.ports import Ports
from sre_portal.web import render
from sre_portal.web.context import ports_of, principal_of
from sre_portal.web.pages.figures import count, plural
from sre_portal.web.pages.flag_beside import beside_flags
from sre_portal.web.pages.flag_row import Beside, FlagLine, GroupLine
from sre_portal.web.pages.flag_words import state_of
from sre_portal.web.pages.frame import May, permission

SHOWN = 100
PAGE_DIGITS = 5
"""Flags on a page."""
LONGEST_FILTER = 200
FIELDS = ("set", "environment", "state", "only", "q")
STATES = ("enabled", "disabled", "unsound", "removed")
ONLY: Mapping[str, str] = {
    "kill": "kill switches",
    "due": "drill due",
    "planned": "change planned",
    "stale": "stale",
}
Found = tuple[KeptSet, FlagRow]


@dataclass(frozen=True, slots=True)
class FlagFilter:
    """What the address asks for. Empty fields ask for nothing."""

    flag_set: str = ""
    """A set, `shop@staging`, or a service, whose sets are all shown: `shop`."""
    environment: str = ""
    state: str = ""
    only: str = ""
    words: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> FlagFilter:
        """What cannot be read asks for nothing: the form below shows what was understood."""
        told = {name: query.get(name, "").strip()[:LONGEST_FILTER] for name in FIELDS}
        return cls(
            told["set"],
            told["environment"],
            told["state"] if told["state"] in STATES else "",
            told["only"] if told["only"] in ONLY else "",
            told["q"],
            whole_in(query.get("page", ""), PAGE_DIGITS) or 1,
        )

    def query(self, **other: str | int) -> str:
        """The same as an address; without what it does not ask for."""
        told = {
            "set": self.flag_set,
            "environment": self.environment,
            "state": self.state,
            "only": self.only,
            "q": self.words,
            **other,
        }
        return urlencode({name: value for name, value in told.items() if value})

    @property
    def asks(self) -> bool:
        return bool(self.query())

    def wants(self, kept: KeptSet, row: FlagRow, beside: Beside) -> bool:
        state, place = state_of(kept, row.key), (row.flag_set, row.key)
        if (self.state or state) != state or (state == "removed" and self.state != "removed"):
            return False
        if self.words.lower() not in row.key.lower():
            return False
        match self.only:
            case "kill":
                return place in beside.drills
            case "due":
                return place in beside.drills and beside.drills[place].kind == "risk"
            case "planned":
                return place in beside.plans
            case "stale":
                return place in beside.stale
            case _:
                return True

    def wants_set(self, name: str, own: str) -> bool:
        if self.flag_set and self.flag_set not in {name, service_of(name)}:
            return False
        return not self.environment or self.environment == (environment_of(name) or own)


@dataclass(frozen=True, slots=True)
class FlagsPage:
    summary: str
    filter: FlagFilter
    sets: tuple[tuple[str, str], ...]
    environments: tuple[tuple[str, str], ...]
    states: tuple[tuple[str, str], ...]
    only: tuple[tuple[str, str], ...]
    lines: tuple[FlagLine | GroupLine, ...]
    any: bool
    """Whether there is any flag at all."""
    older: str
    newer: str
    pages: str
    new_href: str
    plans: int
    """Open planned changes, of all flags."""
    flip: May

    @classmethod
    def of(cls, ports: Ports, who: Principal, asked: FlagFilter, beside: Beside) -> FlagsPage:
        book, own = ports.flag_book.all(), ports.environment
        found = list(_found(book, asked, own, beside))
        first = (asked.page - 1) * SHOWN
        shown = found[first : first + SHOWN]
        last = max(1, -(-len(found) // SHOWN))
        return cls(
            summary=_summary(book, found, asked),
            filter=asked,
            sets=(("", "every set"), *((one.name, one.name) for one in book)),
            environments=(
                ("", "every environment"),
                *((one, one) for one in sorted({environment_of(each.name) or own for each in book})),
            ),
            states=(("", "any state"), *((one, one) for one in STATES)),
            only=(("", "all flags"), *ONLY.items()),
            lines=tuple(_lines(ports, shown, beside)),
            any=any(len(one.flags) or one.live_rows() for one in book),
            older=f"/flags?{asked.query(page=asked.page + 1)}" if first + SHOWN < len(found) else "",
            newer=f"/flags?{asked.query(page=asked.page - 1)}" if asked.page > 1 else "",
            pages=f"page {count(asked.page)} of {count(last)}" if last > 1 or asked.page > 1 else "",
            new_href=f"/flags/new?{urlencode({'set': asked.flag_set})}" if asked.flag_set else "/flags/new",
            plans=sum(beside.plans.values()),
            flip=permission(who, Permission.FLAG_FLIP, service_of(asked.flag_set) or None),
        )

    @property
    def rows(self) -> dict[str, str]:
        """Each line as it is printed, by its id."""
        return {one.id: str(render.flag_line(one)) for one in self.lines}


async def flags(request: Request) -> Response:
    """`GET /flags?set=&environment=&state=&only=&q=&page=`."""
    ports, asked = ports_of(request), FlagFilter.of(request.query_params)
    view = FlagsPage.of(ports, principal_of(request), asked, await beside_flags(ports))
    live = f"/live/flags?{asked.query(page=asked.page if asked.page > 1 else '')}"
    return render.page(request, "flags.html", view, live=live.removesuffix("?"))


def _found(book: Sequence[KeptSet], asked: FlagFilter, own: str, beside: Beside) -> Iterator[Found]:
    for kept in sorted(book, key=lambda one: (service_of(one.name), environment_of(one.name))):
        if asked.wants_set(kept.name, own):
            for key in sorted(kept.rows):
                if key and asked.wants(kept, kept.rows[key], beside):
                    yield kept, kept.rows[key]


def _lines(ports: Ports, shown: Sequence[Found], beside: Beside) -> Iterator[FlagLine | GroupLine]:
    now, own, last = ports.clock.now(), ports.environment, ""
    for kept, row in shown:
        if kept.name != last:
            last = kept.name
            yield _group(kept, own, beside)
        yield FlagLine.of(kept, row, own, beside, now)


def _group(kept: KeptSet, own: str, beside: Beside) -> GroupLine:
    seen = f", seen by {beside.seen[kept.name]}" if kept.name in beside.seen else ""
    return GroupLine(
        id=f"set-{kept.name}",
        service=service_of(kept.name),
        environment=environment_of(kept.name) or own,
        href=f"/flags?{urlencode({'set': kept.name})}",
        words=f"{plural(len(kept.flags), 'flag')}, version {kept.version}{seen}",
    )


def _summary(book: Sequence[KeptSet], found: Sequence[Found], asked: FlagFilter) -> str:
    total = sum(len(one.flags) for one in book)
    if asked.asks:
        return f"{count(len(found))} of {plural(total, 'flag')}"
    disabled = sum(1 for kept, row in found if state_of(kept, row.key) == "disabled")
    return f"{plural(total, 'flag')} in {plural(len(book), 'set')}, {count(disabled)} disabled"
