"""Which changes of a flag one person makes alone, by what it, its set and who needs it say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sre_portal.core.flag.definition import NEEDS
from sre_portal.core.flag.prerequisite import needs_of
from sre_portal.core.flag_change import SHARED, FlagEdit
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_said import KILL_SWITCH, PROTECTED
from sre_portal.core.flag_step import FlagStep, Toggle

Said = Mapping[str, object]
"""What is said of a flag, by itself or else by its set: `KeptSet.metadata_of`."""


def is_protected(metadata: Said) -> bool:
    """Only `false` and silence leave a flag unprotected: `"yes"` and 0 are somebody's wish."""
    said = metadata.get(PROTECTED)
    return said is not None and said is not False


def is_kill_switch(metadata: Said) -> bool:
    """Whether it says so with `true`: what it says in other words holds nobody's protection up."""
    return metadata.get(KILL_SWITCH) is True


def is_held_up(step: FlagStep, kept: KeptSet, key: str) -> bool:
    """Whether a step by hand waits for a second person. `kept` is the set as it is before.

    What the flag is to be does not matter: whoever takes `protected` away waits as well.
    """
    is_switch = isinstance(step, Toggle) and is_kill_switch(kept.metadata_of(key))
    return not is_switch and protector_of(kept, key) is not None


def protector_of(kept: KeptSet, key: str) -> str | None:
    """The protected flag that a change of a flag may turn: itself, or one that needs it; None for none."""
    return key if is_protected(kept.metadata_of(key)) else needed_for(kept).get(key)


def needed_for(kept: KeptSet) -> Mapping[str, str]:
    """By key of each flag that protected flags need, themselves or through others, one of those.

    Whoever turns a prerequisite turns what waits for it.
    """
    flags = kept.flags.definitions.flags
    waiting = [
        (key, key)
        for key, flag in flags.items()
        if NEEDS in flag.metadata and is_protected(kept.metadata_of(key))
    ]
    found: dict[str, str] = {}
    for key, protector in waiting:  # grows as it goes
        for one in needs_of(flags[key]) if key in flags else ():
            if one.flag not in found:
                found[one.flag] = protector
                waiting.append((one.flag, protector))
    return found


def protected_paths(kept: KeptSet, edits: Sequence[FlagEdit]) -> list[str]:
    """What of some edits takes two people. What flags share belongs to each of them."""
    needed, paths = needed_for(kept), []
    for edit in edits:
        if edit.key == SHARED:
            keys = [SHARED, *(row.key for row in kept.live_rows())]
            if any(is_protected(kept.metadata_of(key)) for key in keys):
                paths += ["metadata", "$evaluators"]
        elif edit.key in needed or is_protected(kept.metadata_of(edit.key)):
            paths.append(f"flags.{edit.key}")
    return paths
