"""Ten thousand flags in the portal: read from its database into force, and whom a change moves."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure
from benchmarks.flag_evaluation import FLAGS, definition
from sre_portal.core.access import Principal, Role, everywhere
from sre_portal.core.flag_kept import KeptSet
from sre_portal.operations.flag_book import FlagBook
from sre_portal.operations.flag_import import ImportOrder, import_flags, plan_import
from sre_portal.operations.flag_moves import People, moves_of
from sre_portal.operations.ports import Ports
from tests.operations.world import World

ROUNDS = 7
PEOPLE = 100_000
ADA = Principal("ada", everywhere(Role.ADMIN))
ORDER = ImportOrder("shop", "for the benchmark")


def run() -> list[Figure]:
    return asyncio.run(_measured())


async def _measured() -> list[Figure]:
    kinds = list(definition()["flags"].values())  # type: ignore[attr-defined]
    text = json.dumps({"flags": {f"flag-{number}": kinds[number % len(kinds)] for number in range(FLAGS)}})
    with tempfile.TemporaryDirectory(prefix="sre-portal-bench-") as name:
        world = await World(Path(name), agents=[]).open()
        try:
            return await _figures(world.ports, text)
        finally:
            await world.close()


async def _figures(ports: Ports, text: str) -> list[Figure]:
    begun = time.perf_counter()
    await import_flags(ports, ADA, ORDER, text)
    whole = time.perf_counter() - begun
    loads, plans, kept = [], [], KeptSet("shop")
    for _ in range(ROUNDS):
        book = FlagBook()
        begun = time.perf_counter()
        await book.refresh(ports.flags)
        loads.append(time.perf_counter() - begun)
        kept = book.get("shop") or kept
        if len(kept.flags) != FLAGS:
            raise RuntimeError("a flag was not loaded")
        begun = time.perf_counter()
        await plan_import(ports, ORDER, text)
        plans.append(time.perf_counter() - begun)
    people = People([f"user-{number}" for number in range(PEOPLE)])
    begun = time.perf_counter()
    split = {**kept.flags.definitions.flags["flag-2"].variants}
    proposed = {"state": "ENABLED", "variants": split, "defaultVariant": "off",
                "targeting": {"fractional": [["on", 20], ["off", 80]]}}  # fmt: skip
    found = await moves_of(ports, "shop", "flag-2", proposed, people)
    counted = time.perf_counter() - begun
    return [
        _figure(f"{FLAGS:,} flags read from the database into force", loads),
        _figure(f"{FLAGS:,} flags of a file parsed and compared", plans),
        Figure(
            f"{FLAGS:,} flags imported, with every version written down",
            round(whole, 2),
            "s",
            "told",
            None,
            "once",
        ),
        Figure(
            f"{PEOPLE:,} keys asked both ways",
            round(counted, 2),
            "s",
            "told",
            None,
            f"{len(found.moved)} of them move",
        ),
    ]


def _figure(name: str, seconds: list[float]) -> Figure:
    value = median(seconds)
    return Figure(
        name, round(value, 3), "s", "under 1", value < 1, f"{min(seconds):.3f} to {max(seconds):.3f}"
    )
