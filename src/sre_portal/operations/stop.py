"""Ending harm: in memory first. The database and the audit log hear of it after, and may be down.

Every replica may be asked. One that does not drive passes the word on and waits until the driver has obeyed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from secrets import token_hex

from sre_portal.contract.lease import LEASE_SECONDS
from sre_portal.core.access import Permission, Principal, require
from sre_portal.core.audit import Intent
from sre_portal.core.errors import Conflict, StoreUnavailable, Unconfirmed
from sre_portal.core.replica import StopWord
from sre_portal.core.run import Run
from sre_portal.operations.audited import Act, write_late
from sre_portal.operations.behind import behind
from sre_portal.operations.drill_acts import start_restore
from sre_portal.operations.drill_left import take_off_left
from sre_portal.operations.drive import drive
from sre_portal.operations.late import LateAct
from sre_portal.operations.ports import Ports
from sre_portal.operations.watch import StopRequest
from sre_portal.operations.words import say

MOMENT_SECONDS = 0.5
"""So long whoever stops harm waits for it to be written down. What takes longer goes on behind the answer."""
CONFIRM_SECONDS = 2.0
"""So long a replica that stands by waits until the one that drives has obeyed."""
ASK_AGAIN_SECONDS = 0.5
LOOK_SECONDS = 0.02


async def abort_run(ports: Ports, actor: Principal, run_id: int, reason: str, address: str = "") -> Run:
    """Withdraws a run's leases at once and ends it as aborted. A run that is over is returned as it is.

    Raises `Unconfirmed` where another replica drives and does not answer.
    """
    require(actor, Permission.RUN_ABORT)
    drives = ports.drives()
    if run_id not in ports.watch.live and (drives or not (await ports.runs.get(run_id)).live):
        return await ports.runs.get(run_id)
    reason = "".join(one for one in reason if one.isprintable())[:500]  # every database can hold that
    intent = Act(actor, Permission.RUN_ABORT, f"run {run_id}", address, reason).intent(ports)
    await _stop(ports, [run_id], intent, reason)
    if not drives:
        await _pass_on(ports, {run_id}, _word([run_id], intent, reason))
        return await ports.runs.get(run_id)
    return ports.watch.live.get(run_id) or await ports.runs.get(run_id)


async def stop_all(ports: Ports, actor: Principal, address: str = "") -> Collection[int]:
    """Withdraws every lease at once and ends every live run as aborted. Returns the runs it ended.

    Raises `Unconfirmed` where another replica drives and does not answer, or what is live is not known.
    """
    require(actor, Permission.HARM_STOP)
    drives = ports.drives()
    ports.watch.stop_alls += 1
    here = {*ports.desk.withdraw_all(), *ports.watch.live}
    elsewhere = set[int]() if drives else await _live_elsewhere(ports)
    ended = sorted(here | (elsewhere or set()))
    told = ", ".join(map(str, ended)) or ("not known" if elsewhere is None else "none")
    intent = Act(actor, Permission.HARM_STOP, f"runs {told}", address).intent(ports)
    await _stop(ports, ended, intent, "STOP ALL")
    if drives:
        _ = behind(ports, _tidy(ports))
    else:
        awaited = None if elsewhere is None else set(ended)
        await _pass_on(ports, awaited, _word(None, intent, "STOP ALL"))
    return ended


def obey(ports: Ports, word: StopWord) -> None:
    """Another replica was asked to stop harm, and has written that down. Harm here is over on return.

    A replica that stands by takes note: it may be the next one that drives. One that drives obeys each word
    once, however old it seems: clocks may differ, and a word that somebody overheard must not work again.
    """
    if word.ask in ports.watch.heard:
        return
    if ports.term():
        ports.watch.heard.append(word.ask)
    if word.run_ids is None:
        ports.watch.stop_alls += 1
        run_ids: Collection[int] = {*ports.desk.withdraw_all(), *ports.watch.live}
    else:
        run_ids = word.run_ids
    _withdraw(ports, run_ids, StopRequest(ports.clock.now(), word.by, word.reason))
    if ports.term():
        _ = behind(ports, _end(ports, run_ids))
        if word.run_ids is None:
            _ = behind(ports, _tidy(ports))


async def _stop(ports: Ports, run_ids: Collection[int], intent: Intent, reason: str) -> None:
    """Harm that this replica does is over when this first waits for something."""
    _withdraw(ports, run_ids, StopRequest(intent.at, intent.actor, reason))
    ports.watch.late.append(LateAct(intent))
    task = behind(ports, _write_down(ports, run_ids))
    if ports.drives():
        done, _ = await asyncio.wait({task}, timeout=MOMENT_SECONDS)
        for one in done:
            one.result()


def _withdraw(ports: Ports, run_ids: Collection[int], stop: StopRequest) -> None:
    for run_id in run_ids:
        ports.desk.withdraw(run_id)
        ports.watch.stops.setdefault(run_id, stop)
        if (run := ports.watch.live.get(run_id)) is not None:
            start_restore(ports, run)
    ports.pulse.beat()


async def _write_down(ports: Ports, run_ids: Collection[int]) -> None:
    """What cannot be written now, the next pass writes."""
    with suppress(StoreUnavailable):
        await write_late(ports)
    await _end(ports, run_ids)


async def _end(ports: Ports, run_ids: Collection[int]) -> None:
    for run_id in run_ids:
        with suppress(StoreUnavailable, Conflict):
            await drive(ports, run_id)
    ports.pulse.beat()


async def _tidy(ports: Ports) -> None:
    """What is left of drills whose runs are over ends as well. Where it cannot now, the loop does it soon."""
    with suppress(StoreUnavailable):
        await take_off_left(ports)


async def _live_elsewhere(ports: Ports) -> set[int] | None:
    """The runs that are live by what is stored; None where that is not known in time."""
    try:
        async with asyncio.timeout(MOMENT_SECONDS):
            return {run.id for run in await ports.runs.live()}
    except (TimeoutError, StoreUnavailable):
        return None


def _word(run_ids: Collection[int] | None, intent: Intent, reason: str) -> StopWord:
    chosen = None if run_ids is None else tuple(run_ids)
    return StopWord(run_ids=chosen, at=intent.at, ask=token_hex(16), by=intent.actor[:200], reason=reason)


async def _pass_on(ports: Ports, run_ids: Collection[int] | None, word: StopWord) -> None:
    """Tells the driver, and again, until the runs are over; where they are not known, as long as it may take.

    Raises `Unconfirmed`.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONFIRM_SECONDS):
            while True:
                await say(ports, word)
                again_at = loop.time() + ASK_AGAIN_SECONDS
                while loop.time() < again_at:
                    if run_ids is not None and await _over(ports, run_ids):
                        return
                    await asyncio.sleep(LOOK_SECONDS)
    except (TimeoutError, StoreUnavailable):
        raise Unconfirmed(
            "This replica does not drive, and none that does has confirmed the stop within "
            f"{CONFIRM_SECONDS:.0f} s. A lease that nobody renews ends by itself in {LEASE_SECONDS:.0f} s. "
            "The replica that drives next ends every run that had leases out."
        ) from None


async def _over(ports: Ports, run_ids: Collection[int]) -> bool:
    """Whether no lease of these is renewed any more, by what is stored."""
    return all(run.cut_short for run in await ports.runs.live() if run.id in run_ids)
