"""What the acts on accounts have in common: how they are written down, and the reason each needs."""

from __future__ import annotations

from datetime import UTC

from sre_portal.core.access import Grant, Permission, Principal, in_words
from sre_portal.core.account import Account
from sre_portal.core.errors import Problem
from sre_portal.operations.audited import Act

LONGEST_REASON = 500


def act_on(actor: Principal, account: Account, reason: str, address: str) -> Act:
    """A change of what an account may."""
    named = f"account:{account.id} {account.name}"
    return Act(actor, Permission.ACCESS_CHANGE, named, address, reason=reason[:LONGEST_REASON])


def grants_told(account: Account, more: Grant | None = None) -> dict[str, object]:
    """The grants of an account that people gave, in words; with one that is about to be given."""
    return {"grants": [text_of(one) for one in (*account.grants, *([more] if more else []))]}


def text_of(grant: Grant) -> str:
    """A grant in words: `operator on shop until 2026-11-25T12:00:00Z`."""
    until = f" until {grant.ends_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if grant.ends_at else ""
    return f"{in_words(grant)}{until}"


def reason_problems(reason: str) -> list[Problem]:
    if not reason.strip():
        return [Problem("reason", "nothing", "why, in a few words")]
    if len(reason) > LONGEST_REASON:
        return [Problem("reason", f"{len(reason)} characters", f"at most {LONGEST_REASON} characters")]
    return []
