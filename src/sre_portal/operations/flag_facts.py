"""What every evaluation of a flag is told of error budgets."""

from __future__ import annotations

from collections.abc import Sequence

from sre_portal.core.flag.definition import Definitions
from sre_portal.core.flag.lookup import Facts
from sre_portal.core.flag_facts import facts_at, unknown_facts
from sre_portal.operations.board import judged_second
from sre_portal.operations.ports import Ports


def facts_of(ports: Ports) -> Facts:
    """The facts of the last judged second, by SLO and name. Worked out once a second, and read from then on.

    While nothing is judged, because the database is away, they stay as they were: time that passes without
    counts is no recovery. As long as no fact changes it is the same object.
    """
    watch = ports.watch
    second = watch.evaluated if watch.term else watch.followed
    if second and second == watch.facts_second:
        return watch.facts
    second = second or judged_second(ports.clock.now())  # loaded, and not yet judged
    if second != watch.facts_second:
        found = facts_at(ports.catalogue.slos(), ports.board, second)
        watch.facts_second = second
        if found != watch.facts:
            watch.facts = found
    return watch.facts


def slo_names(ports: Ports) -> Sequence[str]:
    """The SLOs that facts are told of here."""
    return [slo.name for slo in ports.catalogue.slos()]


def unknown_facts_of(ports: Ports, definitions: Definitions, key: str) -> Sequence[str]:
    """The facts that one flag reads and that no SLO of this portal has."""
    flag = definitions.flags.get(key)
    flags = [] if flag is None else [flag]
    return unknown_facts(flags, definitions.evaluators, slo_names(ports)).get(key, [])
