"""What the command line reads of answers about planned changes, and how people write their steps."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from difflib import unified_diff

from pydantic import TypeAdapter, ValidationError

from sre_portal.cli.exits import Code, CommandFailed
from sre_portal.cli.flags_written import parse_percent, read_definition
from sre_portal.cli.seen import Seen, parsed
from sre_portal.cli.table import columns

WHAT = "planned changes"
_WITHOUT_INSTANT = {
    "waiting": "when approved",
    "scheduled": "at once",
    "done": "at once",
    "failed": "at once",
}
_DOES = frozenset({"on", "off", "share", "put", "remove"})


class PlanSeen(Seen):
    id: int
    flag_set: str
    key: str
    text: str
    state: str
    reason: str
    proposed_by: str
    approver: str
    not_before: datetime | None = None
    decided_by: str = ""
    decision: str = ""
    outcome: str = ""

    @property
    def named(self) -> str:
        return f"{self.flag_set}/{self.key}" if self.key else self.flag_set

    @property
    def when(self) -> str:
        return "" if self.not_before is None else f"{self.not_before:%Y-%m-%d %H:%M:%S}"

    @property
    def due(self) -> str:
        """When it is made, or was to be. Nothing where it had no instant, and is not made."""
        return self.when or _WITHOUT_INSTANT.get(self.state, "")


class PlanDetailSeen(PlanSeen):
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    shared: bool = False
    problem: str = ""


def parse_plan(answer: object) -> PlanSeen:
    """Raises `PortalLost` where no portal answers so."""
    return parsed(TypeAdapter(PlanSeen), answer, WHAT)


def plan_lines(answer: object) -> Sequence[str]:
    """A table of planned changes."""
    seen = parsed(TypeAdapter(list[PlanSeen]), answer, WHAT)
    rows = [
        (
            str(one.id),
            one.named,
            one.text,
            one.state,
            one.due,
            one.proposed_by,
            one.reason,
            one.outcome,
        )
        for one in seen
    ]
    heads = ("PLAN", "FLAG", "WHAT", "STATE", "AT (UTC)", "BY", "WHY", "OUTCOME")
    return columns(heads, rows) if rows else ["Nothing is planned."]


def detail_lines(answer: object) -> Sequence[str]:
    """One planned change, and what it would do now."""
    seen = parsed(TypeAdapter(PlanDetailSeen), answer, WHAT)
    lines = [
        f"plan {seen.id}: {seen.named}: {seen.text}",
        f"proposed by {seen.proposed_by}: {seen.reason}",
        f"{seen.state}" + (f": {seen.outcome}" if seen.outcome else ""),
    ]
    lines += [f"not before {seen.when} UTC"] if seen.when else []
    lines += [f"decided by {seen.decided_by}: {seen.decision}"] if seen.decided_by else []
    lines += [f"may be approved by {seen.approver}"] if seen.approver else []
    lines += [f"would fail now: {seen.problem}"] if seen.problem else []
    kinds = (("+", seen.added), ("~", seen.changed), ("-", seen.removed))
    lines += [f"{mark} {key}" for mark, keys in kinds for key in keys]
    lines += ["~ what all flags share: metadata or $evaluators"] if seen.shared else []
    return [*lines, *_difference(seen.before, seen.after)]


def held_up_lines(answer: object) -> Sequence[str]:
    """What a change by hand became, where it waits for a second person; nothing where it was made."""
    try:
        seen = PlanSeen.model_validate(answer)
    except ValidationError:
        return []
    return [
        f"{seen.named} is protected, and is as it was.",
        f"Plan {seen.id} waits for {seen.approver}: sre-portal flags approve {seen.id} --reason TEXT",
    ]


def ended_line(answer: object) -> str:
    """How a plan stands after a decision."""
    seen = parse_plan(answer)
    return f"plan {seen.id}: {seen.named}: {seen.text}: {seen.state}" + (
        f", {seen.outcome}" if seen.outcome else f", not before {seen.when} UTC" if seen.when else ""
    )


def parse_step(text: str) -> dict[str, object]:
    """A step as somebody writes it: `+2h share on 10`. The portal reads the instant: its clock counts.

    Raises `CommandFailed`.
    """
    try:
        words = shlex.split(text)
    except ValueError:
        words = []
    start = next((at for at, word in enumerate(words) if word in _DOES), len(words))
    timed: dict[str, object] = {"not_before": " ".join(words[:start])} if start else {}
    words = words[start:]
    with suppress(ValueError):
        match words:
            case ["on" | "off" as state]:
                return timed | {"kind": "toggle", "enabled": state == "on"}
            case ["share", variant, percent]:
                return timed | {"kind": "share", "variant": variant, "percent": parse_percent(percent)}
            case ["remove", version]:
                return timed | {"kind": "remove", "version": int(version)}
            case ["put", file, version]:
                return timed | {"kind": "put", "definition": read_definition(file), "version": int(version)}
            case _:
                pass
    raise CommandFailed(
        Code.BAD_INPUT,
        f"{text!r} is no step. Write [INSTANT] and then on, off, share VARIANT PERCENT, put FILE VERSION or "
        f"remove VERSION. An instant is in UTC: 14:30, 2026-12-01 14:30, or +45m, +2h, +1d from now.",
    )


def _difference(before: Mapping[str, object] | None, after: Mapping[str, object] | None) -> list[str]:
    old, new = _laid_out(before), _laid_out(after)
    return list(unified_diff(old, new, "now", "then", lineterm="", n=2))


def _laid_out(fields: Mapping[str, object] | None) -> list[str]:
    return [] if fields is None else json.dumps(fields, indent=2, ensure_ascii=False).splitlines()
