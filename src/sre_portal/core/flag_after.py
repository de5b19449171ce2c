"""What a step makes of a flag, as it is in its set."""

from __future__ import annotations

from collections.abc import Mapping

from sre_portal.core.errors import raise_if
from sre_portal.core.flag.prerequisite import broken_without
from sre_portal.core.flag_change import edited, flag_text
from sre_portal.core.flag_kept import KeptSet, live_fields, live_row
from sre_portal.core.flag_moves.share import with_share
from sre_portal.core.flag_step import FlagStep, Put, Remove, Share, Toggle


def definition_after(kept: KeptSet, key: str, step: FlagStep) -> str | None:
    """What a step makes of a flag as it is in a set; None removes it. Raises `InvalidInput`, `NotFound`."""
    match step:
        case Put():
            return _sound(kept, key, step.definition)
        case Toggle():
            state = "ENABLED" if step.enabled else "DISABLED"
            return _sound(kept, key, {**live_fields(kept, key), "state": state})
        case Share():
            return _sound(kept, key, with_share(live_fields(kept, key), step.variant, step.percent))
        case Remove():
            live_row(kept, key)
            raise_if(broken_without(key, kept.flags.definitions.flags))
            return None


def _sound(kept: KeptSet, key: str, definition: Mapping[str, object]) -> str:
    """The canonical text of a definition, beside what its set shares. Raises `InvalidInput`."""
    return flag_text(edited(kept.shared, kept.flags.definitions, key, definition))
