"""Which changes of a flag one person makes alone, by what the flag and its set say in their metadata."""

from __future__ import annotations

from collections.abc import Mapping

from sre_portal.core.flag_step import FlagStep, Toggle

PROTECTED = "protected"
"""Metadata of a flag, or of its set for all: a change by hand waits for a second person."""
KILL_SWITCH = "killSwitch"
"""Metadata of a flag: it is drilled, and switching it on or off is never held up."""

Fields = Mapping[str, object]


def is_protected(fields: Fields | None, shared: Fields) -> bool:
    """Whether a flag is protected, or for None whether a new one in the set would be.

    `fields` is its definition, `shared` what a document of its set holds besides flags. Only `false` and
    silence leave it unprotected: `"yes"` is somebody's wish to protect it.
    """
    return _said(fields, shared, PROTECTED) not in (None, False)


def is_kill_switch(fields: Fields | None, shared: Fields) -> bool:
    """Whether it says so with `true`: what it says in other words holds nobody's protection up."""
    return _said(fields, shared, KILL_SWITCH) is True


def is_held_up(step: FlagStep, before: Fields | None, shared: Fields) -> bool:
    """Whether a step by hand waits for a second person. `before` is the flag as it is, None for a new one.

    What the flag is to be does not matter: whoever takes `protected` away waits as well.
    """
    is_switch = isinstance(step, Toggle) and is_kill_switch(before, shared)
    return is_protected(before, shared) and not is_switch


def _said(fields: Fields | None, shared: Fields, name: str) -> object:
    """A scalar. What the flag says goes before what its set says."""
    found = {**_metadata(shared), **_metadata(fields)}.get(name)
    return found if isinstance(found, bool | int | float | str) else None


def _metadata(fields: Fields | None) -> Fields:
    found = None if fields is None else fields.get("metadata")
    return found if isinstance(found, Mapping) else {}
