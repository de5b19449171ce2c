"""What the command line reads of answers about flags, and how it prints them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from sre_portal.cli.portal import PortalLost
from sre_portal.cli.seen import Seen
from sre_portal.cli.table import columns

T = TypeVar("T")


class FlagSeen(Seen):
    flag_set: str
    key: str
    version: int
    definition: Mapping[str, object] | None = None
    changed_at: datetime
    changed_by: str = ""
    reason: str = ""
    unsound: str = ""

    @property
    def named(self) -> str:
        return f"{self.flag_set}/{self.key}"

    @property
    def state(self) -> str:
        enabled = self.definition is not None and self.definition.get("state") == "ENABLED"
        return "on" if enabled else "off"


class DifferenceSeen(Seen):
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    shared: bool = False
    version: int

    @property
    def is_any(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.shared)


def parse_flag(answer: object) -> FlagSeen:
    """Raises `PortalLost` where no portal answers so."""
    return _parsed(TypeAdapter(FlagSeen), answer)


def parse_difference(answer: object) -> DifferenceSeen:
    """Raises `PortalLost` where no portal answers so."""
    return _parsed(TypeAdapter(DifferenceSeen), answer)


def flag_lines(answer: object) -> Sequence[str]:
    """A table of flags."""
    seen = _parsed(TypeAdapter(list[FlagSeen]), answer)
    rows = [
        (
            one.named,
            one.state + (", not in force: unsound" if one.unsound else ""),
            str(one.version),
            f"{one.changed_at:%Y-%m-%d %H:%M}",
            one.changed_by,
            one.reason,
        )
        for one in seen
    ]
    heads = ("FLAG", "STATE", "VERSION", "CHANGED (UTC)", "BY", "WHY")
    return columns(heads, rows) if rows else ["There are no flags."]


def difference_lines(answer: object, flag_set: str) -> Sequence[str]:
    """A difference as Git marks one."""
    seen = parse_difference(answer)
    lines = [f"+ {key}" for key in seen.added]
    lines += [f"~ {key}" for key in seen.changed]
    lines += [f"- {key}" for key in seen.removed]
    lines += ["~ what all flags share: metadata or $evaluators"] if seen.shared else []
    return [*lines, f"{flag_set}: version {seen.version}" + ("" if lines else ", no difference")]


def _parsed(kind: TypeAdapter[T], answer: object) -> T:
    try:
        return kind.validate_python(answer)
    except ValidationError:
        raise PortalLost(
            "The portal answered with something else than flags. Is it of this version?"
        ) from None
