"""What a signed entry costs, how fast a log is checked, and ten thousand tamperings that have to be found."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from statistics import median, quantiles

from benchmarks.figure import Figure
from sre_portal.core.audit_check import Check, Checked, parse_witness
from sre_portal.store.database import SqlStore, open_store
from tests.postgres import running_postgres
from tests.store.samples import TRUST, done, intent
from tests.store.tamper import TAMPERINGS, Log, Rollback, Tampering, write
from tests.store.verifier import findings, load

TAMPERED = 10_000
EVENTS = 100
"""Of the log that is tampered with; twice as many entries."""
ACTS = 1000
LARGE = 10_000
"""Acts of the log that is checked as a whole."""
SEED = 20261125

KINDS: Sequence[Tampering] = (*TAMPERINGS, Rollback(TRUST.signer))


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="sre-portal-bench-") as name:
        folder = Path(name)
        figures = asyncio.run(_tampered(folder))
        figures.append(asyncio.run(_checked(folder)))
        figures += asyncio.run(_cost(f"sqlite:///{folder / 'cost.sqlite3'}", "SQLite"))
        with running_postgres() as postgres:
            figures += asyncio.run(_cost(postgres.replace("+psycopg", ""), "PostgreSQL"))
    return figures


async def _tampered(folder: Path) -> list[Figure]:
    """Each tampering is written into a real database, and read back by the check and by the verifier."""
    verifier, key, random = load(), str(TRUST.signer.keys[0]), Random(SEED)
    vars(verifier)["opened"] = cache(verifier.opened)  # one signature is not computed a thousand times
    asked = by_portal = told = by_verifier = 0
    async with await open_store(f"sqlite:///{folder / 'tampered.sqlite3'}", trust=TRUST) as store:
        for number in range(EVENTS):
            await store.audit.record(intent(number), done(number))
        log = Log(tuple(await store.audit.entries(None, 2 * EVENTS)), await store.audit.checkpoint())
        for number in range(TAMPERED):
            changed = KINDS[number % len(KINDS)](log, random)
            await store.database.write(lambda one, log=changed: write(one, log))  # type: ignore[misc]
            asked += 1
            by_portal += not (await _check(store, changed.witness)).whole
            if changed.told != log.told:  # a column beside the text is in no export
                told += 1
                by_verifier += bool(findings(verifier, changed, key, folder))
        await store.database.write(lambda one: write(one, log))
        clean = (await _check(store, "")).whole and not findings(verifier, log, key, folder)
    kinds = f"{len(KINDS)} kinds, seed {SEED}"
    return [
        Figure(
            "tamperings of the audit log found", by_portal, f"of {asked}", "all", by_portal == asked, kinds
        ),
        Figure(
            "the same found by the stand-alone verifier, where an export shows them",
            by_verifier,
            f"of {told}",
            "all",
            by_verifier == told,
            kinds,
        ),
        Figure("the log that nobody touched is called whole", float(clean), "of 1", "yes", clean, ""),
    ]


async def _check(store: SqlStore, witness: str) -> Checked:
    check = Check([parse_witness(witness)] if witness else ())
    while page := await store.audit.entries(check.last, 1000):
        check.take(page)
    return check.finish(await store.audit.checkpoint(), TRUST.signer.keys)


async def _checked(folder: Path) -> Figure:
    async with await open_store(f"sqlite:///{folder / 'large.sqlite3'}", trust=TRUST) as store:
        await asyncio.gather(*(store.audit.record(intent(number), done(number)) for number in range(LARGE)))
        begun = time.perf_counter()
        found = await _check(store, "")
        rate = found.size / (time.perf_counter() - begun)
    return Figure(
        "a whole audit log checked", round(rate), "entries/s", "told", None, f"{found.size} entries"
    )


async def _cost(url: str, database: str) -> list[Figure]:
    """What an act waits for its intent and its outcome, and what many at once make of it."""
    async with await open_store(url, trust=TRUST) as store:
        waits = []
        for number in range(ACTS):
            begun = time.perf_counter()
            await store.audit.conclude(await store.audit.intend(intent(number)), done(number))
            waits.append((time.perf_counter() - begun) * 1000)
        begun = time.perf_counter()
        await asyncio.gather(*(store.audit.record(intent(number), done(number)) for number in range(ACTS)))
        rate = ACTS / (time.perf_counter() - begun)
    p99 = quantiles(waits, n=100)[98]
    return [
        Figure(
            f"audited act, both entries, p50, {database}",
            round(median(waits), 2),
            "ms",
            "told",
            None,
            f"p99 {p99:.2f} ms, {ACTS} acts one after the other",
        ),
        Figure(
            f"acts written down at once, {database}",
            round(rate),
            "acts/s",
            "told",
            None,
            f"{ACTS} acts that share commits",
        ),
    ]
