"""Whole sets of flags from files in the flagd format, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import islice

from sre_portal.core.access import Permission, Principal
from sre_portal.core.audit import Facts
from sre_portal.core.drill import without_drill
from sre_portal.core.errors import Protected, Superseded, raise_if
from sre_portal.core.flag.bucket import DEFAULT_EPOCH, Epoch
from sre_portal.core.flag.definition import Definitions
from sre_portal.core.flag.dump import dump_flags
from sre_portal.core.flag_after import set_after
from sre_portal.core.flag_change import (
    Difference,
    FlagEdit,
    SetChange,
    difference,
    edits_to,
    fields_in,
    keeping_pins,
    shared_text,
)
from sre_portal.core.flag_facts import unknown_facts
from sre_portal.core.flag_guard import protected_paths
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_moves.compare import Moves, moves_between
from sre_portal.core.flag_name import name_problems, service_of
from sre_portal.core.flag_plan import PlanMove
from sre_portal.core.flag_said import accepted
from sre_portal.operations.access_act import LONGEST_REASON, reason_problems
from sre_portal.operations.audited import Act, audited
from sre_portal.operations.flag_facts import slo_names
from sre_portal.operations.flags import LONGEST_TOLD, come_true, kept_now, kept_set, settled, take_in
from sre_portal.operations.glass import BROKEN_GLASS, has_broken_glass
from sre_portal.operations.ports import Ports
from sre_portal.operations.uncollected import uncollected

MOST_TOLD = 100
"""Keys of each kind that the audit log names; the rest is counted."""


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """Which set is to be what the file says. `version` is that of the set that was seen; None: any.

    `epoch` is for flags that are new, split people and name no hash.
    """

    flag_set: str
    reason: str
    address: str = ""
    version: int | None = None
    epoch: Epoch = DEFAULT_EPOCH
    plan: PlanMove | None = None
    """The planned change as it was seen, and as it stands while it is made."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import changes, and the version of the set after it."""

    difference: Difference
    set_version: int
    moves: Mapping[str, Moves] = field(default_factory=dict)
    """By key, of flags that change and move somebody, or may: the first `MOST_FLAGS_TOLD`."""
    unknown: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By key, the facts that flags of the file read and this portal does not have: the first `MOST_TOLD`."""


@dataclass(frozen=True, slots=True)
class _Planned:
    kept: KeptSet
    wanted: Definitions
    edits: Sequence[FlagEdit]
    moves: Mapping[str, Moves]
    unknown: Mapping[str, Sequence[str]]

    def told(self, set_version: int) -> Imported:
        """As it is told, with the version of the set by then."""
        return Imported(difference(self.kept.rows, self.edits), set_version, self.moves, self.unknown)


async def import_flags(
    ports: Ports, actor: Principal, order: ImportOrder, document: str | Mapping[str, object]
) -> Imported:
    """Makes the set be the file: flags that are not in it are removed. All of it or nothing.

    Raises `InvalidInput` with every problem, `Superseded` where somebody changes the set meanwhile, and
    `Protected` where a second person has to approve: `flag_plans.import_or_plan` then asks for one.
    """
    raise_if(reason_problems(order.reason))
    planned = await _planned(ports, order, document)
    kept, edits = planned.kept, planned.edits
    _check_seen(kept, order)
    alone = _check_protected(ports, actor, kept, order, edits)
    before, after = await asyncio.to_thread(_told, planned)
    act = Act(
        actor,
        Permission.FLAG_FLIP,
        f"flag-set:{order.flag_set}",
        order.address,
        order.reason[:LONGEST_REASON],
        before,
        {**after, **alone},
        service=service_of(order.flag_set),
    )
    async with audited(ports, act):
        if not edits:
            await come_true(ports, order.plan, kept.version)
            return planned.told(kept.version)
        move = settled(ports, order.plan, kept.version + 1)
        change = SetChange(
            order.flag_set, kept.version, edits, ports.clock.now(), actor.name, order.reason, move
        )
        if not await ports.flags.change(change):
            now = await kept_now(ports, order.flag_set)
            raise _superseded(kept.version, now)
        await take_in(ports)
    return planned.told(kept.version + 1)


async def plan_import(ports: Ports, order: ImportOrder, document: str | Mapping[str, object]) -> Imported:
    """What `import_flags` would change. Raises `InvalidInput`."""
    raise_if(name_problems(order.flag_set))
    kept, slos = await kept_now(ports, order.flag_set), slo_names(ports)
    planned = await ports.aside.do(lambda: _compared(kept, _read(order, document), order.epoch, slos))
    return planned.told(kept.version)


def export_flags(ports: Ports, flag_set: str) -> str:
    """The set as a file that parses back equal, without rules of drills. Raises `NotFound`."""
    definitions = kept_set(ports, flag_set).flags.definitions
    flags = {key: without_drill(flag) for key, flag in definitions.flags.items()}
    return dump_flags(replace(definitions, flags=flags))


async def _planned(ports: Ports, order: ImportOrder, document: str | Mapping[str, object]) -> _Planned:
    raise_if(name_problems(order.flag_set))
    parsed = await asyncio.to_thread(_read, order, document)  # thousands of flags take a fifth of a second
    kept = await kept_now(ports, order.flag_set)
    return await asyncio.to_thread(_compared, kept, parsed, order.epoch, slo_names(ports))


def _read(order: ImportOrder, document: str | Mapping[str, object]) -> Definitions:
    """What a file says. Raises `InvalidInput`."""
    with uncollected():
        parsed = accepted(document)
    raise_if(name_problems(order.flag_set, list(parsed.flags)))
    return parsed


def _compared(kept: KeptSet, parsed: Definitions, epoch: Epoch, slos: Sequence[str]) -> _Planned:
    before = kept.flags.definitions
    wanted = set_after(keeping_pins(parsed, before, epoch), before)
    edits = edits_to(kept.rows, wanted)
    told = difference(kept.rows, edits)
    changed = list(wanted.flags) if told.shared else told.changed
    unknown = unknown_facts(wanted.flags.values(), wanted.evaluators, slos)
    first = dict(islice(unknown.items(), MOST_TOLD))
    return _Planned(kept, wanted, edits, moves_between(before, wanted, changed), first)


def _check_protected(
    ports: Ports, actor: Principal, kept: KeptSet, order: ImportOrder, edits: Sequence[FlagEdit]
) -> dict[str, object]:
    """As `operations.flags.check_protected`. Raises `Protected`."""
    approved = order.plan is not None and order.plan.after.is_approved
    paths = [] if approved else protected_paths(kept, edits)
    if not paths:
        return {}
    if has_broken_glass(actor, ports.clock.now()):
        return {"alone": BROKEN_GLASS}
    raise Protected(order.flag_set, paths)


def _check_seen(kept: KeptSet, order: ImportOrder) -> None:
    if order.version is not None and order.version != kept.version:
        raise _superseded(order.version, kept)


def _superseded(seen: int, now: KeptSet) -> Superseded:
    newest = [row for row in now.rows.values() if row.set_version == now.version]
    by = f" by {newest[0].changed_by}: {newest[0].reason}" if newest else ""
    current = {"set_version": now.version, "changed": sorted(row.key for row in newest)[:MOST_TOLD]}
    return Superseded(f"version {seen} of the set", f"version {now.version}{by}", current)


def _told(planned: _Planned) -> tuple[Facts, Facts]:
    """What the audit log holds of the set before and after: the SHA-256 of its file, and what changes."""
    kept, told = planned.kept, difference(planned.kept.rows, planned.edits)
    before = _set_facts(kept.version, kept.flags.definitions, shared=told.shared)
    after = _set_facts(kept.version + bool(planned.edits), planned.wanted, shared=told.shared)
    return before, {**after, **_keys(told)}


def _set_facts(version: int, definitions: Definitions, *, shared: bool) -> Facts:
    facts: dict[str, object] = {"set_version": version, "sha256": _digest(dump_flags(definitions))}
    if shared:
        text = shared_text(definitions)
        facts["besides_flags"] = fields_in(text) if len(text) <= LONGEST_TOLD else {"sha256": _digest(text)}
    return facts


def _keys(told: Difference) -> Facts:
    kinds = {"added": told.added, "changed": told.changed, "removed": told.removed}
    facts: dict[str, object] = {kind: list(keys[:MOST_TOLD]) for kind, keys in kinds.items()}
    more = sum(max(0, len(keys) - MOST_TOLD) for keys in kinds.values())
    return facts | {"shared": told.shared} | ({"more": more} if more else {})


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
