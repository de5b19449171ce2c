"""Evaluations are counted in memory, on the path of each of them, and written down every some seconds."""

from __future__ import annotations

from collections.abc import Mapping

from sre_portal.core.flag.resolution import Resolution
from sre_portal.core.flag_use import NO_VARIANT
from sre_portal.operations.ports import Ports

MOST_LISTED = 10_000
"""Different answers with a whole set that are remembered between two passes."""


def count(ports: Ports, flag_set: str, key: str, variant: str | None) -> None:
    """Counts one evaluation. Only for a flag that is there: whoever asks for others must not fill the memory.

    `variant` is None where the caller's own default was the answer.
    """
    uses, name = ports.watch.flag_uses, (flag_set, key, variant or NO_VARIANT)
    uses[name] = uses.get(name, 0) + 1


def count_all(ports: Ports, flag_set: str, tag: str, found: Mapping[str, Resolution]) -> None:
    """Counts an answer with every flag of a set; the same one, by its `tag`, once between two passes.

    Who asks for all flags does not say which of them it needs, so all of them count as used: nobody is told
    to remove what may be needed. Different answers are all counted: a variant that is seldom given is seen.
    """
    listed = ports.watch.flags_listed
    if (flag_set, tag) in listed:
        return
    if len(listed) < MOST_LISTED:
        listed.add((flag_set, tag))
    uses = ports.watch.flag_uses
    for key, one in found.items():
        name = (flag_set, key, one.variant or NO_VARIANT)
        uses[name] = uses.get(name, 0) + 1
