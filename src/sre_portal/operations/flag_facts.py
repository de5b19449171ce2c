"""What every evaluation of a flag is told of error budgets."""

from __future__ import annotations

from sre_portal.core.flag.lookup import SLO, Facts
from sre_portal.core.flag_facts import FACT_NAMES, facts_at
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_reads import RuleReader
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


def unknown_facts(ports: Ports, kept: KeptSet, key: str) -> list[str]:
    """The facts that a flag in force reads and that no SLO of this portal has: a rule gets its fallback."""
    definitions = kept.flags.definitions
    flag = definitions.flags.get(key)
    if flag is None:
        return []
    read = RuleReader(definitions.evaluators).of(flag.targeting).facts
    known = {f"{slo.name}.{name}" for slo in ports.catalogue.slos() for name in FACT_NAMES}
    return sorted(f"{SLO}.{path}" for path in read - known)
