"""What the command line reads of answers about flags, and how it prints them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import TypeAdapter

from sre_portal.cli.seen import Seen, parsed
from sre_portal.cli.table import columns
from sre_portal.core.flag.resolution import CODE_DEFAULT

WHAT = "flags"
_DRILLS: Mapping[str | None, str] = {"due": ", a drill is due", "never": ", never drilled"}


class FlagSeen(Seen):
    flag_set: str
    key: str
    version: int
    definition: Mapping[str, object] | None = None
    changed_at: datetime
    changed_by: str = ""
    reason: str = ""
    unsound: str = ""
    drill: str | None = None

    @property
    def named(self) -> str:
        return f"{self.flag_set}/{self.key}"

    @property
    def state(self) -> str:
        enabled = self.definition is not None and self.definition.get("state") == "ENABLED"
        return "on" if enabled else "off"


class ShareSeen(Seen):
    """What a change moves, in sentences."""

    statement: tuple[str, ...] = ()


class MovedSeen(Seen):
    key: str
    before: str | None
    after: str | None


class MovesSeen(ShareSeen):
    share_ratio: float | None
    needed_by: tuple[str, ...] = ()
    asked: int | None = None
    moved: tuple[MovedSeen, ...] = ()


class MadeSeen(FlagSeen):
    """A flag after a change."""

    moves: ShareSeen | None = None
    unknown_facts: tuple[str, ...] = ()


class DifferenceSeen(Seen):
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    shared: bool = False
    version: int
    moves: Mapping[str, ShareSeen] = {}
    unknown_facts: Mapping[str, tuple[str, ...]] = {}

    @property
    def is_any(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.shared)


class StaleSeen(Seen):
    words: str


class FlagUseSeen(Seen):
    flag_set: str
    key: str
    count: int
    last_at: datetime | None = None
    stale: StaleSeen | None = None


class FlagTurnSeen(Seen):
    flag_set: str
    key: str
    at: datetime
    words: str = ""
    facts: Mapping[str, float | None] = {}

    @property
    def facts_words(self) -> str:
        told = ((name, "not known" if value is None else f"{value:g}") for name, value in self.facts.items())
        return ", ".join(f"{name} {value}" for name, value in told)


class SeenBySeen(Seen):
    """Who has a version of a set."""

    flag_set: str
    set_version: int
    changed_at: datetime
    subscribers: int
    seen: int
    p50_ms: float | None = None
    p99_ms: float | None = None
    missing: tuple[str, ...] = ()


def parse_flag(answer: object) -> FlagSeen:
    """Raises `PortalLost` where no portal answers so."""
    return parsed(TypeAdapter(FlagSeen), answer, WHAT)


def parse_difference(answer: object) -> DifferenceSeen:
    """Raises `PortalLost` where no portal answers so."""
    return parsed(TypeAdapter(DifferenceSeen), answer, WHAT)


def with_more(answer: object, more: object) -> object:
    """The answer about two parts of the same people. Raises `PortalLost` where no portal answers so."""
    first, second = parsed(TypeAdapter(MovesSeen), answer, WHAT), parsed(TypeAdapter(MovesSeen), more, WHAT)
    moved = [one.model_dump() for one in (*first.moved, *second.moved)]
    whole = answer if isinstance(answer, dict) else {}
    return {**whole, "asked": (first.asked or 0) + (second.asked or 0), "moved": moved}


def moves_lines(answer: object) -> Sequence[str]:
    """What moves in sentences, and whoever of the given people does in a table."""
    seen = parsed(TypeAdapter(MovesSeen), answer, WHAT)
    lines = list(seen.statement)
    if seen.needed_by:
        lines.append(f"Others need this flag, and their people are not counted: {', '.join(seen.needed_by)}.")
    if seen.asked is None:
        return lines
    rows = [(one.key, one.before or CODE_DEFAULT, one.after or CODE_DEFAULT) for one in seen.moved]
    lines.append(f"{len(rows)} of the {seen.asked} given move.")
    return [*lines, *(columns(("KEY", "BEFORE", "AFTER"), rows) if rows else ())]


def parse_uses(answer: object) -> Sequence[FlagUseSeen]:
    """Raises `PortalLost` where no portal answers so."""
    return parsed(TypeAdapter(list[FlagUseSeen]), answer, WHAT)


def stale_lines(uses: Sequence[FlagUseSeen]) -> Sequence[str]:
    """A table of flags that may be removed, and why."""
    rows = [
        (
            f"{one.flag_set}/{one.key}",
            one.stale.words if one.stale else "in use",
            f"{one.last_at:%Y-%m-%d %H:%M}" if one.last_at else "never",
            str(one.count),
        )
        for one in uses
    ]
    heads = ("FLAG", "WHY IT IS STALE", "LAST EVALUATED (UTC)", "IN ALL")
    return columns(heads, rows) if rows else ["No flag is stale."]


def turn_lines(answer: object) -> Sequence[str]:
    """A table of turns."""
    seen = parsed(TypeAdapter(list[FlagTurnSeen]), answer, WHAT)
    rows = [
        (f"{one.at:%Y-%m-%d %H:%M:%S}", f"{one.flag_set}/{one.key}", one.words, one.facts_words)
        for one in seen
    ]
    heads = ("AT (UTC)", "FLAG", "WHAT TURNED", "BY THESE FACTS")
    return columns(heads, rows) if rows else ["No error budget has turned a flag."]


def parse_seen_by(answer: object) -> SeenBySeen:
    """Raises `PortalLost` where no portal answers so."""
    return parsed(TypeAdapter(SeenBySeen), answer, WHAT)


def seen_by_lines(found: SeenBySeen) -> Sequence[str]:
    """How many have it, after how long, and who has not."""
    head = f"{found.flag_set}: version {found.set_version} of {found.changed_at:%Y-%m-%d %H:%M:%S} UTC"
    if not found.subscribers:
        return [f"{head} has no subscribers."]
    lines = [f"{head} is in force at {found.seen} of {found.subscribers} subscribers."]
    if found.p50_ms is not None and found.p99_ms is not None:
        half, most = f"{found.p50_ms:.0f} ms", f"{found.p99_ms:.0f} ms"
        lines.append(f"Of those that were there, half had it after {half} and 99 of 100 after {most}.")
    return [*lines, *(f"{name} does not have it." for name in found.missing)]


def flag_lines(answer: object) -> Sequence[str]:
    """A table of flags."""
    seen = parsed(TypeAdapter(list[FlagSeen]), answer, WHAT)
    rows = [
        (
            one.named,
            one.state + _DRILLS.get(one.drill, "") + (", not in force: unsound" if one.unsound else ""),
            str(one.version),
            f"{one.changed_at:%Y-%m-%d %H:%M}",
            one.changed_by,
            one.reason,
        )
        for one in seen
    ]
    heads = ("FLAG", "STATE", "VERSION", "CHANGED (UTC)", "BY", "WHY")
    return columns(heads, rows) if rows else ["There are no flags."]


def made_lines(answer: object) -> Sequence[str]:
    """A flag after a change, and whom that moved."""
    seen = parsed(TypeAdapter(MadeSeen), answer, WHAT)
    moved = () if seen.moves is None else seen.moves.statement
    told = [unknown_line(seen.key, seen.unknown_facts)] if seen.unknown_facts else []
    return [*moved, *told, f"{seen.named} is {seen.state}, version {seen.version}."]


def unknown_line(key: str, paths: Sequence[str]) -> str:
    """What a rule reads and the portal does not have."""
    are = "is no fact" if len(paths) == 1 else "are no facts"
    return f"advice: flags.{key}: {', '.join(paths)} {are} of this portal: the rule gets its fallback."


def difference_lines(answer: object, flag_set: str) -> Sequence[str]:
    """A difference as Git marks one."""
    seen = parse_difference(answer)
    lines = [f"+ {key}" for key in seen.added]
    lines += [f"~ {key}" for key in seen.changed]
    lines += [f"- {key}" for key in seen.removed]
    lines += ["~ what all flags share: metadata or $evaluators"] if seen.shared else []
    lines += [f"  {key}: {said}" for key, one in seen.moves.items() for said in one.statement]
    told = [unknown_line(key, paths) for key, paths in seen.unknown_facts.items()]
    return [*lines, f"{flag_set}: version {seen.version}" + ("" if lines else ", no difference"), *told]
