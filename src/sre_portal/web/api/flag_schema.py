"""How flags look on the wire of the API. Definitions are in the flagd format."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from sre_portal.core.drill_standing import DrillWord
from sre_portal.core.flag_change import Difference, FlagRow, fields_of
from sre_portal.core.flag_explain import Explanation
from sre_portal.core.flag_kept import KeptSet
from sre_portal.operations.flag_import import Imported
from sre_portal.web.api.flag_moves_schema import EpochNumber, ShareBody, ShareJson


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ChangeBody(Body):
    """`version` is the one that was seen, 0 for none; the header `If-Match` says the same."""

    reason: str
    version: int | None = Field(default=None, ge=0, le=2**53)


class PutBody(ChangeBody):
    definition: dict[str, Any]


class ToggleBody(ChangeBody):
    enabled: bool


class ShareChangeBody(ShareBody, ChangeBody):
    """Another share of people for a variant, now. Without `version`, of whatever the flag is by then."""


class FileBody(Body):
    """A file in the flagd format, as text or as JSON. `epoch` is for new flags that split people."""

    document: str | dict[str, Any]
    epoch: EpochNumber = 3


class ImportBody(FileBody, ChangeBody):
    pass


class PreviewBody(Body):
    context: dict[str, Any] = Field(default_factory=dict)


class FlagJson(BaseModel):
    flag_set: str
    key: str
    version: int
    definition: dict[str, Any] | None
    changed_at: datetime
    changed_by: str
    reason: str
    unsound: str = ""
    """Why this version cannot be compiled; the one before is in force then."""

    @classmethod
    def of(cls, row: FlagRow, unsound: str = "") -> Self:
        fields = fields_of(row)
        return cls(
            flag_set=row.flag_set,
            key=row.key,
            version=row.version,
            definition=None if fields is None else dict(fields),
            changed_at=row.changed_at,
            changed_by=row.changed_by,
            reason=row.reason,
            unsound=unsound,
        )


class PutJson(FlagJson):
    """A flag after a change, and what the change moves.

    `unknown_facts` are those below `$slo` that its rule reads and this portal does not have.
    """

    moves: ShareJson | None = None
    unknown_facts: list[str] = Field(default_factory=list)


class FlagNowJson(FlagJson):
    """A flag as it stands. `drill` is of a kill switch: whether a drill of it passed lately enough.

    It is null for other flags, and while the database cannot be asked.
    """

    drill: DrillWord | None = None


class FlagSetJson(BaseModel):
    name: str
    version: int
    flags: int

    @classmethod
    def of(cls, kept: KeptSet) -> Self:
        return cls(name=kept.name, version=kept.version, flags=len(kept.live_rows()))


class DifferenceJson(BaseModel):
    """What a file changes in a set. `version` is that of the set: before a diff, after an import."""

    added: list[str]
    changed: list[str]
    removed: list[str]
    shared: bool
    version: int
    moves: dict[str, ShareJson]
    """By key, of flags that change and move somebody, or may: the first `MOST_FLAGS_TOLD`."""
    unknown_facts: dict[str, list[str]]
    """By key, what rules of the file read below `$slo` and this portal does not have: of the first flags."""

    @classmethod
    def of(cls, imported: Imported) -> Self:
        told: Difference = imported.difference
        return cls(
            added=list(told.added),
            changed=list(told.changed),
            removed=list(told.removed),
            shared=told.shared,
            version=imported.set_version,
            moves={key: ShareJson.of(one) for key, one in imported.moves.items()},
            unknown_facts={key: list(paths) for key, paths in imported.unknown.items()},
        )


class LookJson(BaseModel):
    path: str
    rule: str
    value: Any


class PreviewJson(BaseModel):
    """What a context would get, and the path through the rule."""

    value: Any
    variant: str | None
    reason: str
    error_code: str | None
    error_details: str
    branch: str
    looked: list[LookJson]

    @classmethod
    def of(cls, told: Explanation) -> Self:
        found = told.resolution
        return cls(
            value=_plain(found.value),
            variant=found.variant,
            reason=found.reason.value,
            error_code=found.error_code,
            error_details=found.error_details,
            branch=told.branch,
            looked=[LookJson(path=one.path, rule=one.rule, value=_plain(one.value)) for one in told.looked],
        )


def _plain(value: object) -> object:
    """A value of a rule as JSON in UTF-8: it has no infinity, no number that is none, no half characters."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(_plain(name)): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
