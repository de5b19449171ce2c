"""Whether a flag is fit for a drill: asked before the run starts, and again when it is flipped."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from sre_portal.core.drill import DrillName, wrapper_in
from sre_portal.core.errors import Problem
from sre_portal.core.experiment import FlagExpectation
from sre_portal.core.flag.definition import OFF, Definitions, Flag
from sre_portal.core.flag.flag_set import merged
from sre_portal.core.flag.prerequisite import needs_of
from sre_portal.core.flag_guard import is_kill_switch, is_protected
from sre_portal.core.flag_said import DRILL_VARIANT, KILL_SWITCH
from sre_portal.core.phrase import closest_first, listed
from sre_portal.core.run import Run

Fields = Mapping[str, object]


def drill_problems(
    path: str, drill: FlagExpectation, flag_set: str, flags: Mapping[str, Definitions]
) -> Iterator[Problem]:
    """What keeps a drill from being made, or from proving anything. `flags` are all sets by name."""
    definitions = flags.get(flag_set)
    if definitions is None:
        names = listed(closest_first(flag_set, sorted(flags)), none="there is none yet")
        yield Problem(f"{path}.set", f'"{flag_set}"', f"a set of flags of this portal: {names}")
        return
    flag = definitions.flags.get(drill.flag)
    if flag is None:
        names = listed(closest_first(drill.flag, sorted(definitions.flags)), none="it has none")
        yield Problem(f"{path}.flag", f'"{drill.flag}"', f"a flag of {flag_set}: {names}")
        return
    for expected in _unfit(flag, definitions):
        yield Problem(f"{path}.flag", f'"{drill.flag}"', expected)
    if expected := _wrong_variant(drill.variant, flag, definitions):
        yield Problem(f"{path}.variant", f'"{drill.variant}"', expected)


def safe_variants(metadata: Mapping[str, object]) -> Collection[str]:
    """What a protected flag may be drilled to, by what is said of it."""
    said = (metadata.get(name) for name in (OFF, DRILL_VARIANT))
    return sorted({one for one in said if isinstance(one, str)})


def own_drill(name: DrillName, run: Run) -> bool:
    """Whether a run has such a drill. A rule that names no drill of a run is nobody's, whoever wrote it."""
    return run.id == name.run and any(
        (mark.flag_set, mark.flag) == (name.flag_set, name.flag) for mark in run.drills
    )


def name_in(fields: Fields, flag_set: str, key: str) -> DrillName | None:
    """The drill whose rule a flag has; None where it has none, or that of another flag."""
    found = wrapper_in(fields)
    if found is None or (found.name.flag_set, found.name.flag) != (flag_set, key):
        return None
    return found.name


def _unfit(flag: Flag, definitions: Definitions) -> Iterator[str]:
    if not is_kill_switch(merged(flag, definitions.metadata)):
        yield f"a kill switch: a flag with {KILL_SWITCH}: true in its metadata"
    if not flag.enabled:
        yield "an enabled flag: this one is disabled"
    for need in needs_of(flag):
        if _never_gives(definitions.flags.get(need.flag), need.variant):
            yield f"a flag whose prerequisites are met: {need.flag} gives {need.variant} to nobody"


def _never_gives(flag: Flag | None, variant: str) -> bool:
    """Whether that is certain. What a rule gives is not."""
    if flag is None or not flag.enabled:
        return True
    return flag.targeting is None and not needs_of(flag) and flag.default != variant


def _wrong_variant(variant: str, flag: Flag, definitions: Definitions) -> str:
    """What would be right; empty for a right one."""
    if variant not in flag.variants:
        return f"a variant of {flag.key}: {listed(closest_first(variant, sorted(flag.variants)))}"
    if flag.targeting is None and flag.default == variant:
        return "another one: everybody gets this one without a drill, so nobody's answer would change"
    metadata = merged(flag, definitions.metadata)
    safe = safe_variants(metadata)
    if not is_protected(metadata) or variant in safe:
        return ""
    named = listed(safe, none="neither does")
    return f"one that {OFF} or {DRILL_VARIANT} of this protected flag names as safe: {named}"
