"""The audit log: who did what, and what proves it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.audit import AuditEvent, AuditFilter, AuditOutcome, Facts, Standing
from sre_portal.core.audit_check import Checked
from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.core.whole import whole_in
from sre_portal.operations.audit_log import look_sentence, verify_log
from sre_portal.web import render
from sre_portal.web.context import ports_of
from sre_portal.web.pages.figures import Moment, count, instant, plural
from sre_portal.web.pages.pill import Pill, pill

SHOWN = 100
LONGEST_FILTER = 200

OUTCOMES: Mapping[AuditOutcome, Pill] = {
    "done": pill("ok", "done"),
    "denied": pill("risk", "denied", "lock"),
    "refused": pill("risk", "refused", "slash"),
    "failed": pill("failed", "failed"),
    "intended": pill("stale", "not concluded", "question"),
}


@dataclass(frozen=True, slots=True)
class EventRow:
    id: int
    at: Moment
    actor: str
    session: str
    action: str
    object: str
    pill: Pill
    address: str
    reason: str
    detail: str
    before: str
    after: str
    genuine: bool
    concluded_by: int | None

    @classmethod
    def of(cls, event: AuditEvent) -> EventRow:
        return cls(
            id=event.id,
            at=instant(event.at),
            actor=event.actor,
            session=event.session,
            action=event.action,
            object=event.object,
            pill=OUTCOMES[event.outcome],
            address=event.address or "the portal itself",
            reason=event.reason,
            detail=event.detail,
            before=facts_text(event.before),
            after=facts_text(event.after),
            genuine=event.genuine,
            concluded_by=event.concluded_by,
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of the whole log found."""

    pill: Pill
    sentence: str
    findings: tuple[str, ...]

    @classmethod
    def of(cls, found: Checked) -> Verdict:
        if not found.whole:
            problems = plural(len(found.findings), "finding")
            return cls(
                pill("risk", "not whole"), f"The check of the whole log has {problems}.", found.findings
            )
        gone = f" Retention has dropped the text of {count(found.missing)}." if found.missing else ""
        sentence = f"All {count(found.size)} entries lead to the signed root, and every column fits its text."
        return cls(pill("ok", "whole"), sentence + gone, ())


@dataclass(frozen=True, slots=True)
class AuditPage:
    size: str
    root: str
    witness: str
    standing: Pill
    broken: str
    refuses: bool
    last: Moment | None
    rows: tuple[EventRow, ...]
    query: Mapping[str, str]
    outcomes: tuple[tuple[str, str], ...]
    older: str
    is_filtered: bool
    check: str
    verdict: Verdict | None

    @classmethod
    def of(
        cls,
        standing: Standing,
        events: Sequence[AuditEvent],
        query: Mapping[str, str],
        checked: Checked | None,
    ) -> AuditPage:
        kept = {name: query[name] for name in ("actor", "action", "object", "outcome") if query.get(name)}
        more = len(events) > SHOWN
        shown = events[:SHOWN]
        return cls(
            size=count(standing.size),
            root=standing.root,
            witness=f"{standing.size}:{standing.root}",
            standing=pill("risk", "not intact") if standing.broken else pill("ok", "intact"),
            broken=standing.broken,
            refuses=standing.refuses,
            last=_newest(events) if not query.get("before") and not kept else None,
            rows=tuple(map(EventRow.of, shown)),
            query={name: query.get(name, "") for name in ("actor", "action", "object", "outcome")},
            outcomes=tuple((name, one.word) for name, one in OUTCOMES.items()),
            older=f"/audit?{urlencode({**kept, 'before': shown[-1].id})}" if more else "",
            is_filtered=bool(kept or query.get("before")),
            check=f"/audit?{urlencode({**kept, 'check': 'all'})}",
            verdict=None if checked is None else Verdict.of(checked),
        )


async def audit(request: Request) -> Response:
    ports, query = ports_of(request), request.query_params
    only = filter_of(query)
    await look_sentence(ports)
    checked = await verify_log(ports) if query.get("check") else None
    events = await ports.audit.recent(SHOWN + 1, only)
    return render.page(request, "audit.html", AuditPage.of(ports.audit.standing(), events, query, checked))


def filter_of(query: Mapping[str, str]) -> AuditFilter:
    """What the address asks for. Raises `InvalidInput` with every problem."""
    problems = [
        Problem(name, f"{len(text)} characters", f"at most {LONGEST_FILTER}")
        for name, text in query.items()
        if len(text) > LONGEST_FILTER
    ]
    outcome = next((name for name in OUTCOMES if name == query.get("outcome")), None)
    if query.get("outcome") and outcome is None:
        problems.append(Problem("outcome", "something else", f"one of {', '.join(OUTCOMES)}"))
    before = whole_in(query.get("before", ""))
    if query.get("before") and before is None:
        problems.append(Problem("before", "something else", "the number of an event"))
    if problems:
        raise InvalidInput(problems)
    actor, action, what = (query.get(name, "").strip() for name in ("actor", "action", "object"))
    return AuditFilter(actor, action, what, outcome or "", before)


def facts_text(facts: Facts | None) -> str:
    return "" if facts is None else json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False)


def _newest(events: Sequence[AuditEvent]) -> Moment | None:
    stamps: list[datetime] = [one.concluded_at or one.at for one in events]
    return instant(max(stamps)) if stamps else None
