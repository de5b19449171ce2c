"""Short ways to say what agents report, and a clock that stands still."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sre_portal.contract.histogram import dump_buckets
from sre_portal.contract.report import AgentReport, InjectionCount, LeaseStatus, Second, SliCount
from sre_portal.core.audit import Conclusion, Intent
from sre_portal.core.errors import Conflict
from sre_portal.core.experiment import Experiment
from sre_portal.core.journal import JournalEntry
from sre_portal.core.note import Note
from sre_portal.core.run import Run
from sre_portal.operations.keys import Keys
from sre_portal.store.audit_tree import Trust
from sre_portal.store.database import SqlStore

START = 1_800_000_000
"""A whole hour, in seconds since the Unix epoch."""
NOW = datetime.fromtimestamp(START, UTC)

KEYS = Keys((b"a secret of thirty-two bytes or more",))
TRUST = Trust(KEYS.signer("test"))
"""What signs the audit log of a store under test."""

CHECKOUT = "checkout-availability"


def at(seconds: float) -> datetime:
    """So many seconds after the start."""
    return NOW + timedelta(seconds=seconds)


def second(
    offset: int, bad: int = 0, planned: int = 0, total: int = 10, latency: Mapping[int, int] | None = None
) -> Second:
    """A second of an instance, in which every request falls under one SLO."""
    return Second(
        START + offset,
        total,
        bad,
        dump_buckets(latency or {700: total}),
        [SliCount(CHECKOUT, total - bad, bad, planned)],
    )


def report(
    *seconds: Second,
    instance: str = "payments-1",
    service: str = "payments",
    seq: int = 1,
    started_at: float = START - 60.0,
    leases: Sequence[LeaseStatus] = (),
) -> AgentReport:
    return AgentReport(
        service=service,
        instance=instance,
        version="1.0",
        seq=seq,
        started_at=started_at,
        sent_at=float(START),
        routes=["/charge"],
        seconds=list(seconds),
        leases=list(leases),
    )


def injected(offset: int, hits: int, lease_id: str = "lease-1", matched: int = 10) -> Second:
    """A second in which a lease hit some of the requests it matched."""
    told = second(offset, bad=hits, planned=hits)
    told.injections = [
        InjectionCount(
            lease_id,
            matched,
            hits,
            0,
            delay=[800, hits],
            overshoot=[3, hits],
            treated=[810, hits],
            untreated=[700, matched - hits],
        )
    ]
    return told


def experiment(name: str = "slow-payments") -> Experiment:
    return Experiment.model_validate(
        {
            "apiVersion": "sre-portal.dev/v1",
            "kind": "Experiment",
            "metadata": {"name": name},
            "spec": {
                "target": {"service": "payments", "share": {"percent": "12.5"}},
                "faults": [{"type": "latency", "delay": "800ms"}],
                "duration": "2m",
                "expectations": [
                    {"type": "alert", "slo": CHECKOUT, "alert": "error-rate", "between": ["10s", "40s"]}
                ],
            },
        }
    )


def offsets(ats: Iterable[int]) -> list[int]:
    return [one - START for one in ats]


class StandingClock:
    """`core.ports.Clock`: moves when it is told to."""

    def __init__(self) -> None:
        self.instant = NOW

    def now(self) -> datetime:
        return self.instant

    def pass_seconds(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


async def saved(store: SqlStore, run: Run, *notes: Note) -> Run:
    return await store.runs.save(run, notes, NOW)


async def noted(
    store: SqlStore, run_id: int, when: datetime, text: str, facts: dict[str, object] | None = None
) -> JournalEntry:
    """Saves a run with an entry for its journal, as often as somebody else saves first."""
    while True:
        try:
            await store.runs.save(await store.runs.get(run_id), [Note("note", text, facts or {})], when)
        except Conflict:
            continue
        return next(one for one in await store.journal.entries(run_id) if one.text == text)


def intent(
    number: int = 0, actor: str = "omar", action: str = "run:start", what: str = "slow-payments"
) -> Intent:
    """What somebody wants to do, so many seconds after the start."""
    return Intent(
        at(number),
        actor,
        f"account:{actor}",
        "s-1",
        "10.0.0.1",
        action,
        what,
        "a game day",
        None,
        {"n": number},
    )


def done(number: int = 0) -> Conclusion:
    """It worked, half a second later."""
    return Conclusion(at(number + 0.5), "done")
