"""What the command line reads of answers about environments, and how it prints them."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import TypeAdapter

from sre_portal.cli.flags_seen import FlagSeen
from sre_portal.cli.seen import Seen, parsed
from sre_portal.cli.table import columns
from sre_portal.core.flag_name import OWN

WHAT = "environments"


class PlaceSeen(Seen):
    version: int
    enabled: bool

    @property
    def words(self) -> str:
        return f"{'on' if self.enabled else 'off'} (version {self.version})" if self.version else "-"


class FlagPlacesSeen(Seen):
    key: str
    differs: bool
    places: tuple[PlaceSeen, ...]


class MatrixSeen(Seen):
    service: str
    environments: tuple[str, ...]
    flags: tuple[FlagPlacesSeen, ...]


class ComparisonSeen(Seen):
    here: FlagSeen
    there: FlagSeen | None
    there_set: str
    there_version: int
    differs: tuple[str, ...]
    missing_rules: tuple[str, ...] = ()


def environment_in(named: str) -> str:
    """The environment that somebody names, as the API takes it: empty for the portal's own."""
    return "" if named == OWN else named


def parse_comparison(answer: object) -> ComparisonSeen:
    """Raises `PortalLost` where no portal answers so."""
    return parsed(TypeAdapter(ComparisonSeen), answer, WHAT)


def matrix_lines(answer: object) -> Sequence[str]:
    """A row a flag, a column an environment."""
    seen = parsed(TypeAdapter(MatrixSeen), answer, WHAT)
    heads = ("FLAG", *(one or OWN for one in seen.environments))
    rows = [
        (one.key + (" *" if one.differs else ""), *(place.words for place in one.places))
        for one in seen.flags
    ]
    return columns(heads, rows) if rows else [f"{seen.service} has no flags."]


def comparison_lines(seen: ComparisonSeen) -> Sequence[str]:
    """What would change there."""
    there = f"{seen.there_set}/{seen.here.key}"
    rules = [
        f"+ {seen.there_set}/$evaluators/{name}: it needs this shared rule" for name in seen.missing_rules
    ]
    if seen.there is None:
        return [*rules, f"+ {there}: it is not there yet"]
    return [*rules, *(f"~ {there}: {path}" for path in seen.differs)] or [f"{there} is the same."]
