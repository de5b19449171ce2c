"""What a step makes of a flag, as it is in its set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from sre_portal.core.drill import by_hand, changed_within, without_drill, wrapper_around
from sre_portal.core.errors import raise_if
from sre_portal.core.flag.definition import Definitions, Flag
from sre_portal.core.flag.prerequisite import broken_without
from sre_portal.core.flag_change import edited, flag_text
from sre_portal.core.flag_kept import KeptSet, live_fields, live_row
from sre_portal.core.flag_moves.share import with_share
from sre_portal.core.flag_step import FlagStep, Put, Remove, Share, Toggle


def definition_after(kept: KeptSet, key: str, step: FlagStep, *, drill: bool = False) -> str | None:
    """What a step makes of a flag as it is in a set; None removes it. Raises `InvalidInput`, `NotFound`.

    Only a `drill` puts its rule around a flag: what is written by hand, a copy and an old version bring none.
    """
    match step:
        case Put():
            flag = _sound(kept, key, step.definition)
            return flag_text(flag if drill else by_hand(flag, (kept.fields(key) or {}).get("targeting")))
        case Toggle():
            state = "ENABLED" if step.enabled else "DISABLED"
            return flag_text(_sound(kept, key, {**live_fields(kept, key), "state": state}))
        case Share():
            share = partial(with_share, variant=step.variant, percent=step.percent)
            return flag_text(_sound(kept, key, changed_within(live_fields(kept, key), share)))
        case Remove():
            live_row(kept, key)
            raise_if(broken_without(key, kept.flags.definitions.flags))
            return None


def set_after(wanted: Definitions, before: Definitions) -> Definitions:
    """What a file makes of a set. It brings no rule of a drill either, and ends no drill unasked.

    A flag that the file leaves as it was before its drill stays in it.
    """
    flags = {}
    for key, flag in wanted.flags.items():
        now = before.flags.get(key)
        flags[key] = by_hand(flag, None if now is None else now.targeting)
        if now is not None and wrapper_around(now.targeting) is not None:
            is_same = flag_text(without_drill(now)) == flag_text(flags[key])
            flags[key] = now if is_same else flags[key]
    return replace(wanted, flags=flags)


def _sound(kept: KeptSet, key: str, definition: Mapping[str, object]) -> Flag:
    """A definition beside what its set shares. Raises `InvalidInput`."""
    return edited(kept.shared, kept.flags.definitions, key, definition)
