"""The audit log: who did what, to what, and how it ended.

An act makes two entries: the intent, written before it takes effect, and the outcome, added after. An entry
is a leaf of the tree in `core.merkle`: one line of canonical JSON (`core.journal.canonical`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from sre_portal.core.journal import canonical

AuditOutcome = Literal["intended", "done", "denied", "refused", "failed"]
INTENDED: AuditOutcome = "intended"

Facts = Mapping[str, object]
"""JSON. Never a secret: the log is kept for long and told to others."""

RETAIN = "audit:retain"
"""The action of an entry that states below which number texts may be missing."""

HORIZON = "horizon"
"""Where such an entry states it: in its `after`."""

BEFORE = "before"
"""Where such an entry states how old they are: made before this instant."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LONGEST = 2000
"""Characters of a reason or a detail."""


@dataclass(frozen=True, slots=True)
class Intent:
    """Who wants to do what to what. `action` is spelled `noun:verb`; before and after are of the object."""

    at: datetime
    actor: str
    actor_id: str
    session: str
    address: str
    action: str
    object: str
    reason: str = ""
    before: Facts | None = None
    after: Facts | None = None


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How an act ended."""

    at: datetime
    outcome: AuditOutcome
    detail: str = ""
    after: Facts | None = None


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """An intent and its outcome, put together. `id` is the number of the intent's entry."""

    id: int
    at: datetime
    actor: str
    action: str
    object: str
    outcome: AuditOutcome
    address: str = ""
    reason: str = ""
    detail: str = ""
    actor_id: str = ""
    session: str = ""
    before: Facts | None = None
    after: Facts | None = None
    concluded_at: datetime | None = None
    concluded_by: int | None = None
    """The number of the outcome's entry."""
    genuine: bool = True
    """False where the text of an entry does not have its hash."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events are asked for. Empty means any; `before` is the number of an event, for the next page."""

    actor: str = ""
    action: str = ""
    """An action, or the beginning of one: `run` or `run:`."""
    object: str = ""
    outcome: AuditOutcome | Literal[""] = ""
    before: int | None = None


ANY = AuditFilter()


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the log. Everything but `leaf` and the hashes repeats what the leaf says, to be searched.

    `hash` is the leaf hash; `nodes` are the subtrees that this leaf ends, from the smallest on; both in
    hexadecimal. Once retention has dropped the leaf, it is None, what repeated it is blank, `at` the epoch.
    """

    seq: int
    event: int
    kind: str
    at: datetime
    actor: str
    actor_id: str
    action: str
    object: str
    outcome: str
    leaf: str | None
    hash: str
    nodes: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """The log as one process sees it: size, root in hexadecimal, signed text, and what is wrong with it.

    `root` and `checkpoint` are empty before the first look, `broken` where nothing is wrong. With `refuses`
    nothing is added to it; without, only some entry is not what was signed.
    """

    size: int
    root: str
    checkpoint: str
    broken: str
    refuses: bool = False


def leaf_of_intent(seq: int, intent: Intent) -> dict[str, object]:
    """The JSON of an intent. It names itself as its event."""
    return {
        "seq": seq,
        "event": seq,
        "kind": "intent",
        "at": instant(intent.at),
        "actor": {"name": intent.actor, "id": intent.actor_id, "session": intent.session},
        "address": intent.address,
        "action": intent.action,
        "object": intent.object,
        "before": intent.before,
        "after": intent.after,
        "reason": intent.reason[:LONGEST],
    }


def leaf_of_outcome(seq: int, intent: Facts, conclusion: Conclusion) -> dict[str, object]:
    """The JSON of an outcome. It repeats who and what, so that it can be read alone."""
    after = intent.get("after") if conclusion.after is None else conclusion.after
    told = {"outcome": conclusion.outcome, "detail": conclusion.detail[:LONGEST], "after": after}
    return {**intent, "seq": seq, "kind": "outcome", "at": instant(conclusion.at), **told}


def entry_of(leaf: Facts, hash_: str, nodes: str) -> Entry:
    """The row of a leaf. Raises `KeyError`, `TypeError` or `ValueError` for JSON that is no leaf of ours."""
    actor = leaf["actor"]
    if not isinstance(actor, Mapping):
        raise TypeError("the actor is no JSON object")
    return Entry(
        seq=_whole(leaf["seq"]),
        event=_whole(leaf["event"]),
        kind=str(leaf["kind"]),
        at=datetime.fromisoformat(str(leaf["at"])),
        actor=str(actor["name"]),
        actor_id=str(actor["id"]),
        action=str(leaf["action"]),
        object=str(leaf["object"]),
        outcome=str(leaf.get("outcome", "")),
        leaf=canonical(leaf),
        hash=hash_,
        nodes=nodes,
    )


def forgotten(entry: Entry) -> Entry:
    """What is left of an entry once retention has dropped its text: its number and its hashes."""
    return Entry(entry.seq, entry.seq, "", EPOCH, "", "", "", "", "", None, entry.hash, entry.nodes)


def event_of(intent: Facts, outcome: Facts | None, *, genuine: bool = True) -> AuditEvent:
    """The event of two leaves; without the second it is still intended. Raises as `entry_of`."""
    actor = _facts(intent["actor"]) or {}
    event = AuditEvent(
        id=_whole(intent["seq"]),
        at=datetime.fromisoformat(str(intent["at"])),
        actor=str(actor["name"]),
        action=str(intent["action"]),
        object=str(intent["object"]),
        outcome=INTENDED,
        address=str(intent["address"]),
        reason=str(intent["reason"]),
        actor_id=str(actor["id"]),
        session=str(actor["session"]),
        before=_facts(intent["before"]),
        after=_facts(intent["after"]),
        genuine=genuine,
    )
    if outcome is None:
        return event
    return replace(
        event,
        outcome=_outcome(outcome["outcome"]),
        detail=str(outcome["detail"]),
        after=_facts(outcome["after"]),
        concluded_at=datetime.fromisoformat(str(outcome["at"])),
        concluded_by=_whole(outcome["seq"]),
    )


def instant(at: datetime) -> str:
    """An instant as a leaf spells it: UTC, to the microsecond."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"not a whole number: {value!r}")
    return value


def _facts(value: object) -> Facts | None:
    return value if isinstance(value, Mapping) else None


_OUTCOMES: Mapping[str, AuditOutcome] = {
    "done": "done",
    "denied": "denied",
    "refused": "refused",
    "failed": "failed",
}


def _outcome(value: object) -> AuditOutcome:
    return _OUTCOMES[str(value)]
