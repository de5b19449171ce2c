"""What was agreed on, as the audit log holds it: a planned change is made only while it is still that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256

from sre_portal.core.audit import INTENDED, AuditEvent, instant
from sre_portal.core.flag_plan import FlagPlan
from sre_portal.core.flag_step import dump_step

PLAN, APPROVE, MAKE = "flag:plan", "flag:approve", "flag:make"
"""How the audit log calls that a change is proposed, and that a second person lets it happen.

`flag:make` says that it came to nothing when it was to be made: the flag was so already, or it could not be.
"""


def fingerprint(plan: FlagPlan) -> str:
    """The SHA-256, in hexadecimal, of all of a planned change that never changes, but for its number.

    It is over a JSON list: set, key, the step as it is kept with the version it was made from, the instant or
    null, the reason, and the id and account of whoever proposed it.
    """
    at = None if plan.not_before is None else instant(plan.not_before)
    who = plan.proposed
    parts = [plan.flag_set, plan.key, dump_step(plan.step, plan.seen), at, plan.reason, who.id, who.account]
    return sha256(json.dumps(parts).encode()).hexdigest()


def plan_facts(plan: FlagPlan) -> dict[str, object]:
    """A planned change as the audit log tells it. Its number is 0 before it is kept."""
    return {
        "plan": plan.id,
        "step": plan.words,
        "version": plan.seen,
        "sha256": fingerprint(plan),
        "not_before": None if plan.not_before is None else plan.not_before.isoformat(),
        "state": plan.state.value,
    }


def departure(plan: FlagPlan, event: AuditEvent | None) -> str:
    """Why a planned change is not the one that an event of the audit log agrees on; empty where it is.

    `event` is the one that the plan names: that of its approval, or of its proposal before there is one.
    """
    if event is None:
        return "the audit log does not tell any more what was agreed on"
    if not _is_word_on(plan, event):
        return f"event {event.id} of the audit log does not agree on it"
    if fingerprint(plan) not in _fingerprints(event):
        return f"it was changed in the database: event {event.id} of the audit log agrees on something else"
    return ""


def _is_word_on(plan: FlagPlan, event: AuditEvent) -> bool:
    """Whether an event is the word on this flag of whoever had the last one."""
    by = plan.decided if plan.decided is not None else plan.proposed
    wanted = (plan.event, PLAN if plan.decided is None else APPROVE, f"flag:{plan.named}", by.id)
    found = (event.id, event.action, event.object, event.actor_id)
    return event.genuine and found == wanted and event.outcome in {INTENDED, "done"}


def _fingerprints(event: AuditEvent) -> set[object]:
    """What an event agrees on: one plan that was there before, or those that it made."""
    made = None if event.after is None else event.after.get("steps")
    told = [event.before, *(made if isinstance(made, list) else ())]
    return {one.get("sha256") for one in told if isinstance(one, Mapping)}
