"""A flag and a set of flags as they are defined, in the flagd format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sre_portal.core.flag.bucket import DEFAULT_EPOCH, KEY, Epoch
from sre_portal.core.flag.resolution import NO_METADATA, FlagType, Metadata

NOTHING: Mapping[str, object] = MappingProxyType({})
NEEDS = "prerequisites"
"""Where the metadata of a flag says which others it needs; `prerequisite.py` reads it."""
OFF = "offVariant"
"""Where the metadata of a flag says what it gives while those are not met; else it is the default variant."""
UNMET = "unmetPrerequisite"
"""Where the metadata of an answer says which one was not met."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag. `default` is None where the default in the code is used; `targeting` where there is none.

    `extra` holds keys the format does not know: kept as they are, and without effect.
    """

    key: str
    enabled: bool
    type: FlagType
    variants: Mapping[str, object]
    default: str | None = None
    targeting: object = None
    metadata: Metadata = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)

    def pinned(self, metadata: Metadata = NO_METADATA) -> Epoch | None:
        """The bucketing epoch that the flag, or else the metadata of its set, says."""
        said = self.metadata.get(KEY, metadata.get(KEY))
        return Epoch(said) if isinstance(said, int) else None

    @property
    def off(self) -> str | None:
        """The variant that is given while prerequisites are not met."""
        said = self.metadata.get(OFF)
        return said if isinstance(said, str) else self.default

    def epoch(self, metadata: Metadata = NO_METADATA) -> Epoch:
        return self.pinned(metadata) or DEFAULT_EPOCH


@dataclass(frozen=True, slots=True)
class Definitions:
    """A whole document: flags by key, shared rules by name, and what is said of the set."""

    flags: Mapping[str, Flag] = field(default_factory=dict)
    evaluators: Mapping[str, object] = field(default_factory=dict)
    metadata: Metadata = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)
