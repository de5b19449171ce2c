"""Runs: the list, one run, its journal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.journal import JournalEntry, verify
from sre_portal.core.run import Run, Verdict
from sre_portal.operations.ports import Ports
from sre_portal.web import render
from sre_portal.web.context import ports_of, principal_of
from sre_portal.web.pages.figures import Moment, instant, plural
from sre_portal.web.pages.flight import flight_of
from sre_portal.web.pages.pill import VERDICTS
from sre_portal.web.pages.run_page import RunPage
from sre_portal.web.pages.run_row import RunRow
from sre_portal.web.pages.stop import run_id_of

RUNS_LOOKED_AT = 500
RUNS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Choice:
    href: str
    words: str
    current: bool


@dataclass(frozen=True, slots=True)
class RunsPage:
    summary: str
    tabs: tuple[Choice, ...]
    rows: tuple[RunRow, ...]
    experiment: str

    @classmethod
    def of(cls, found: Sequence[Run], now: datetime, query: Mapping[str, str]) -> RunsPage:
        shown, experiment = query.get("show", ""), query.get("experiment", "")
        kept = [run for run in found if _is_shown(run, shown)][:RUNS_SHOWN]
        kept_query = {"experiment": experiment} if experiment else {}
        names = (("", "All"), ("live", "Live"), *((one.value, VERDICTS[one].word) for one in Verdict))
        return cls(
            summary=f"{plural(len(kept), 'run')}{' of ' + experiment if experiment else ''}, newest first",
            tabs=tuple(
                Choice(f"/runs?{urlencode({'show': name, **kept_query})}", words, name == shown)
                for name, words in names
            ),
            rows=tuple(RunRow.of(run, now) for run in kept),
            experiment=experiment,
        )


@dataclass(frozen=True, slots=True)
class EntryRow:
    seq: int
    at: Moment
    kind: str
    text: str
    facts: str
    hash: str


@dataclass(frozen=True, slots=True)
class JournalPage:
    run_id: int
    title: str
    breaks: tuple[str, ...]
    """What is wrong with the chain of hashes; nothing where it is whole."""
    rows: tuple[EntryRow, ...]

    @classmethod
    def of(cls, run: Run, entries: Sequence[JournalEntry]) -> JournalPage:
        rows = tuple(_entry(one) for one in entries)
        return cls(run.id, run.experiment.title, tuple(verify(entries)), rows)


async def runs(request: Request) -> Response:
    ports = ports_of(request)
    experiment = request.query_params.get("experiment") or None
    found = await ports.runs.recent(RUNS_LOOKED_AT, experiment=experiment)
    return render.page(request, "runs.html", RunsPage.of(found, ports.clock.now(), request.query_params))


async def run(request: Request) -> Response:
    ports, run_id = ports_of(request), run_id_of(request)
    found = await run_of(ports, run_id)
    entries = await ports.journal.entries(run_id)
    view = RunPage.of(ports, principal_of(request), await flight_of(ports, found), entries)
    return render.page(request, "run.html", view, live=f"/live/runs/{run_id}" if found.live else "")


async def journal(request: Request) -> Response:
    ports, run_id = ports_of(request), run_id_of(request)
    found = await ports.runs.get(run_id)
    entries = await ports.journal.entries(run_id)
    return render.page(request, "journal.html", JournalPage.of(found, entries))


async def run_of(ports: Ports, run_id: int) -> Run:
    """The run as the driver sees it, else as it is stored. Raises `NotFound`."""
    return ports.watch.live.get(run_id) or await ports.runs.get(run_id)


def _is_shown(one: Run, shown: str) -> bool:
    if shown == "live":
        return one.live
    return not shown or (one.verdict is not None and one.verdict.value == shown)


def _entry(one: JournalEntry) -> EntryRow:
    facts = json.dumps(one.facts, indent=2, sort_keys=True, default=str) if one.facts else ""
    return EntryRow(one.seq, instant(one.at), one.kind, one.text, facts, one.hash[:12])
