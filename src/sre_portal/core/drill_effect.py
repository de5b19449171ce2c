"""Whether a drill changes anybody's answer: what made-up people would get, with its rule and without."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sre_portal.core.drill import Wrapper, wrap
from sre_portal.core.flag.flag_set import FlagSet
from sre_portal.core.flag.lookup import Facts
from sre_portal.core.run import DrillEffect

PEOPLE = 1000
"""So many are made up. They have a targeting key and nothing else."""
LATELY = timedelta(minutes=1)
"""A variant that was given so long before a drill may be given during it without it."""


def foreseen(flags: FlagSet, wrapper: Wrapper, facts: Facts, now: datetime) -> DrillEffect:
    """What a drill of a set as it is now would do to made-up people. Takes as long as their answers."""
    key, at = wrapper.name.flag, int(now.timestamp())
    flag = flags.definitions.flags[key]
    targeting = wrap({"targeting": flag.targeting}, wrapper)["targeting"]
    wrapped = flags.with_flag(replace(flag, targeting=targeting))
    gave = changed = 0
    for number in range(PEOPLE):
        person = {"targetingKey": f"person {number}"}
        before, after = (one.evaluate(key, person, facts=facts, at=at).variant for one in (flags, wrapped))
        gave += before == wrapper.variant
        changed += before != after == wrapper.variant
    return DrillEffect(gave_before=gave > 0, people=PEOPLE, changed=changed)
