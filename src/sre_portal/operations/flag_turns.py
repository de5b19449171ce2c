"""What error budgets turned is written down: for people in the audit log, for the charts in rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import structlog

from sre_portal.core.access import PORTAL
from sre_portal.core.audit import Conclusion, Intent
from sre_portal.core.flag_turn_watch import WaitingTurn
from sre_portal.operations.audited import intent_of
from sre_portal.operations.flag_facts import facts_of
from sre_portal.operations.ports import Ports

log = structlog.get_logger("sre_portal.flags")

ACTION = "flag:turn"
KEPT = timedelta(days=35)
MOST_TOLD = 20
"""Conditions that the audit log tells of one turn. The row has all of them."""


async def look_at_turns(ports: Ports) -> None:
    """One pass, on the replica that drives: finds what turned, and writes it down in its order.

    The flags have turned already, for everybody who asks: nothing waits for this. Raises `StoreUnavailable`
    where it cannot be written; the next pass tries again.
    """
    turns = ports.watch.turns
    if turns.term != (term := ports.term()):
        turns.begin(term, await ports.flag_turns.last())
    turns.look(ports.flag_book.all(), facts_of(ports), ports.clock.now())
    while turns.waiting:
        await _write(ports, turns.waiting[0])
        turns.waiting.popleft()
        ports.pulse.beat()


async def forget_turns(ports: Ports) -> None:
    """Drops the rows of turns that are too old for any chart. The audit log has them on."""
    await ports.flag_turns.forget(ports.clock.now() - KEPT)


async def _write(ports: Ports, one: WaitingTurn) -> None:
    """The act first: a portal that dies in between tells of it again, and not never."""
    turn = one.turn
    if not one.is_told:
        await ports.audit.record(_intent(ports, one), Conclusion(turn.at, "done"))
        log.info("flag turned", set=turn.flag_set, key=turn.key, why=turn.words)
        one.is_told = True
    await ports.flag_turns.add(turn)


def _intent(ports: Ports, one: WaitingTurn) -> Intent:
    turn = one.turn
    told = turn.turned[:MOST_TOLD]
    before = {"conditions": {each.words: each.before for each in told}, "facts": dict(one.facts_before)}
    after = {"conditions": {each.words: each.after for each in told}, "facts": dict(turn.facts)}
    named = f"flag:{turn.flag_set}/{turn.key}"
    intent = intent_of(ports, PORTAL, "", ACTION, named, reason=turn.words, before=before, after=after)
    return replace(intent, at=turn.at)
