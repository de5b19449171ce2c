"""A flag behind its prerequisites: compiled by itself, and the answers it has while they are not met.

It knows other flags by their keys only. So it stays as it is when they change, and goes from one set into the
next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from sre_portal.core.flag.definition import UNMET, Flag
from sre_portal.core.flag.effort import Effort
from sre_portal.core.flag.lookup import Facts
from sre_portal.core.flag.prerequisite import Prerequisite, needs_of
from sre_portal.core.flag.resolution import ErrorCode, Metadata, Reason, Resolution, failed

Evaluate = Callable[[Mapping[str, object], Facts, float, Effort], Resolution]
"""Takes the evaluation context, the facts, the seconds since 1970, and what it may take."""

CYCLE = failed(ErrorCode.GENERAL, "its prerequisites need the flag itself")


class Gate(NamedTuple):
    """`unmet` has the answer for each of the prerequisites, where it is the first that is not met."""

    run: Evaluate
    needs: Sequence[Prerequisite]
    unmet: Sequence[Resolution]


def gate_of(flag: Flag, run: Evaluate, metadata: Metadata) -> Gate:
    """`metadata` is that of the flag with what its set says."""
    needs = needs_of(flag)
    return Gate(run, needs, [_unmet(flag, one, metadata) for one in needs])


def _unmet(flag: Flag, one: Prerequisite, metadata: Metadata) -> Resolution:
    told = MappingProxyType({**metadata, UNMET: str(one)})
    value = None if flag.off is None else flag.variants[flag.off]
    return Resolution(value, flag.off, Reason.DEFAULT, told)
