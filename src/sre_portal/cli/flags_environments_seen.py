"""What the command line reads of answers about environments, and how it prints them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from sre_portal.cli.flags_seen import FlagSeen
from sre_portal.cli.portal import PortalLost
from sre_portal.cli.seen import Seen
from sre_portal.cli.table import columns

T = TypeVar("T")
OWN = "own"


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


def parse_comparison(answer: object) -> ComparisonSeen:
    """Raises `PortalLost` where no portal answers so."""
    return _parsed(TypeAdapter(ComparisonSeen), answer)


def matrix_lines(answer: object) -> Sequence[str]:
    """A row a flag, a column an environment."""
    seen = _parsed(TypeAdapter(MatrixSeen), answer)
    heads = ("FLAG", *(one or OWN for one in seen.environments))
    rows = [
        (one.key + (" *" if one.differs else ""), *(place.words for place in one.places))
        for one in seen.flags
    ]
    return columns(heads, rows) if rows else [f"{seen.service} has no flags."]


def comparison_lines(seen: ComparisonSeen) -> Sequence[str]:
    """What would change there."""
    there = f"{seen.there_set}/{seen.here.key}"
    if seen.there is None:
        return [f"+ {there}: it is not there yet"]
    return [f"~ {there}: {path}" for path in seen.differs] or [f"{there} is the same."]


def _parsed(kind: TypeAdapter[T], answer: object) -> T:
    try:
        return kind.validate_python(answer)
    except ValidationError:
        raise PortalLost(
            "The portal answered with something else than environments. Is it of this version?"
        ) from None
