"""Which changes of a flag one person makes alone, by what the flag and its set say in their metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sre_portal.core.flag_change import SHARED, FlagEdit
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_said import KILL_SWITCH, PROTECTED
from sre_portal.core.flag_step import FlagStep, Toggle

Said = Mapping[str, object]
"""What is said of a flag, by itself or else by its set: `KeptSet.metadata_of`."""


def is_protected(metadata: Said) -> bool:
    """Only `false` and silence leave a flag unprotected: `"yes"` is somebody's wish to protect it."""
    return metadata.get(PROTECTED) not in (None, False)


def is_kill_switch(metadata: Said) -> bool:
    """Whether it says so with `true`: what it says in other words holds nobody's protection up."""
    return metadata.get(KILL_SWITCH) is True


def is_held_up(step: FlagStep, metadata: Said) -> bool:
    """Whether a step by hand waits for a second person. `metadata` is that of the flag as it is before.

    What the flag is to be does not matter: whoever takes `protected` away waits as well.
    """
    is_switch = isinstance(step, Toggle) and is_kill_switch(metadata)
    return is_protected(metadata) and not is_switch


def protected_paths(kept: KeptSet, edits: Sequence[FlagEdit]) -> list[str]:
    """What of some edits takes two people. What flags share belongs to each of them."""
    paths = []
    for edit in edits:
        if edit.key == SHARED:
            keys = [SHARED, *(row.key for row in kept.live_rows())]
            if any(is_protected(kept.metadata_of(key)) for key in keys):
                paths += ["metadata", "$evaluators"]
        elif is_protected(kept.metadata_of(edit.key)):
            paths.append(f"flags.{edit.key}")
    return paths
