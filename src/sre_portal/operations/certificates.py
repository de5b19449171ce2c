"""Issuing certificates of drills, and what they say about each kill switch."""

from __future__ import annotations

from collections.abc import Mapping

from sre_portal.core.certificate import certificates_of
from sre_portal.core.drill_standing import DrillStanding, DrillWord, standings
from sre_portal.core.errors import StoreUnavailable
from sre_portal.operations.flags import kept_set
from sre_portal.operations.ports import Ports

LOOKED_AT = 100
"""So many of the last runs are looked at by a replica that begins to drive: one may have no certificate."""


async def issue_certificates(ports: Ports) -> None:
    """Issues what is not issued yet, of this term and of those before. Raises `StoreUnavailable`."""
    if ports.watch.uncertified is None:
        recent = await ports.runs.recent(LOOKED_AT)
        ports.watch.uncertified = {run.id for run in recent if run.drills and not run.live}
    failures = [
        failure for run_id in sorted(ports.watch.uncertified) if (failure := await _issued(ports, run_id))
    ]
    if failures:
        raise failures[0]


async def _issued(ports: Ports, run_id: int) -> Exception | None:
    """One that cannot be certified keeps no other out. It stays, and is tried again."""
    try:
        await _issue(ports, run_id)
    except Exception as failure:  # noqa: BLE001  # raised again once all have been tried
        return failure
    if ports.watch.uncertified is not None:
        ports.watch.uncertified.discard(run_id)
    return None


async def _issue(ports: Ports, run_id: int) -> None:
    if await ports.certificates.of_run(run_id):
        return
    run, entries = await ports.runs.get(run_id), await ports.journal.entries(run_id)
    head = entries[-1].hash if entries else ""
    signer = ports.keys.signer(ports.environment)
    await ports.certificates.add(certificates_of(run, head, signer, ports.clock.now()))


async def drill_standing(ports: Ports, flag_set: str) -> Mapping[str, DrillStanding]:
    """How each kill switch of a set stands, by key. Raises `NotFound`."""
    kept = kept_set(ports, flag_set)
    if not standings(kept, {}, ports.clock.now()):
        return {}
    passed = await ports.certificates.last_passed(flag_set)
    return standings(kept, passed, ports.clock.now())


async def drill_words(ports: Ports, flag_set: str) -> Mapping[str, DrillWord]:
    """The same in a word. Nothing while the database cannot be asked: flags are told all the same.

    Raises `NotFound`.
    """
    try:
        return {key: one.word for key, one in (await drill_standing(ports, flag_set)).items()}
    except StoreUnavailable:
        return {}


async def look_at_drills_due(ports: Ports) -> None:
    """Counts for each set the kill switches that were not drilled lately enough. For the metrics."""
    due = {}
    for kept in ports.flag_book.all():
        if found := await drill_standing(ports, kept.name):
            due[kept.name] = sum(one.is_due for one in found.values())
    ports.watch.drills_due = due
