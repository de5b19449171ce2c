"""One run, ready to print: phases, the numbers that decide, recorder, expectations, evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from sre_portal.core.access import Permission, Principal
from sre_portal.core.journal import JournalEntry
from sre_portal.core.run import Run
from sre_portal.operations.ports import Ports
from sre_portal.web.pages.check_row import CheckRow, ReceiptRow, check_rows, receipt_rows
from sre_portal.web.pages.expectation_row import ExpectationRow, expectation_rows, tally_words
from sre_portal.web.pages.figures import Moment, day, instant
from sre_portal.web.pages.flag_words import flag_href
from sre_portal.web.pages.flight import Flight
from sre_portal.web.pages.frame import May, permission
from sre_portal.web.pages.guard_cell import GuardCell, guard_cells
from sre_portal.web.pages.phase_strip import PhaseCell, phase_cells
from sre_portal.web.pages.pill import Pill, run_pill
from sre_portal.web.pages.readout import Readout, readouts
from sre_portal.web.pages.recorder import Recorder
from sre_portal.web.pages.stop import abort_facts
from sre_portal.web.pages.verdict import VerdictBanner, verdict_of
from sre_portal.web.pages.wording import experiment_words

ENTRIES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Entry:
    at: Moment
    text: str


@dataclass(frozen=True, slots=True)
class CertificateRow:
    name: str
    href: str


@dataclass(frozen=True, slots=True)
class RunPage:
    id: int
    title: str
    experiment: str
    in_library: bool
    actor: str
    words: str
    dated: str
    live: bool
    pill: Pill
    can_abort: bool
    abort: May
    abort_facts: tuple[tuple[str, str], ...]
    verdict: VerdictBanner | None
    phases: tuple[PhaseCell, ...]
    readouts: tuple[Readout, ...]
    guards: tuple[GuardCell, ...]
    recorder: Recorder
    flags: tuple[tuple[str, str], ...]
    """The flags that it drills: what they are called, and their pages."""
    injects: bool
    """Whether it has faults; without one it drills its kill switches alone."""
    certificates: tuple[CertificateRow, ...]
    expectations: tuple[ExpectationRow, ...]
    expectations_words: str
    checks: tuple[CheckRow, ...]
    receipts: tuple[ReceiptRow, ...]
    entries: tuple[Entry, ...]
    entry_count: int

    @classmethod
    def of(cls, ports: Ports, who: Principal, flight: Flight, entries: Sequence[JournalEntry]) -> RunPage:
        run = flight.run
        library = {one.name for one in ports.catalogue.experiments()}
        return cls(
            id=run.id,
            title=run.experiment.title,
            experiment=run.name,
            in_library=run.name in library,
            actor=run.actor,
            words=experiment_words(run.experiment),
            dated=dated(run),
            live=run.live,
            pill=run_pill(run),
            can_abort=run.live and run.abortion is None,
            abort=permission(who, Permission.RUN_ABORT),
            abort_facts=abort_facts(run),
            verdict=verdict_of(run, in_library=run.name in library),
            phases=phase_cells(run, flight.now),
            readouts=readouts(flight),
            guards=guard_cells(run),
            recorder=Recorder.of(flight),
            flags=tuple(
                (
                    f"{one.flag} in {run.experiment.set_of(one)}",
                    flag_href(run.experiment.set_of(one), one.flag),
                )
                for one in run.experiment.drills
            ),
            injects=run.injects,
            certificates=certificate_rows(run),
            expectations=expectation_rows(run),
            expectations_words=tally_words(run),
            checks=check_rows(run),
            receipts=receipt_rows(run),
            entries=tuple(
                Entry(instant(one.at), one.text) for one in list(entries)[: -ENTRIES_SHOWN - 1 : -1]
            ),
            entry_count=len(entries),
        )


def certificate_rows(run: Run) -> tuple[CertificateRow, ...]:
    """Where the certificates of a finished run are; a moment after its end they are there."""
    if run.live:
        return ()
    base = f"/api/v1/runs/{run.id}/certificates"
    return tuple(
        CertificateRow(mark.name, f"{base}/{quote(mark.flag_set, safe='')}/{quote(mark.flag, safe='')}")
        for mark in run.drills
        if mark.flipped_at is not None
    )


def dated(run: Run) -> str:
    """When a finished run was: the day, from, to."""
    start, end = run.created_at, run.ended_at
    if end is None:
        return ""
    return f"{day(start)} {start.year}, {start:%H:%M:%S} to {end:%H:%M:%S} UTC"
