"""Evaluations are counted in memory, on the path of each of them, and written down every some seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sre_portal.contract.flags import DEFAULT_SET
from sre_portal.contract.report import FlagUse
from sre_portal.core.flag.resolution import Resolution
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_name import service_of
from sre_portal.core.flag_use import (
    NO_VARIANT,
    Key,
    Stale,
    Use,
    judge_stale,
    uses_of,
)
from sre_portal.operations.ports import Ports

MOST_LISTED = 10_000
"""Different answers with a whole set that are remembered between two passes."""
MOST_WRITTEN = 1000
"""Rows of one pass: ten thousand at once would be in the way of reports."""
MOST_AT_ONCE = 10_000_000
"""Evaluations of one variant of a flag that one report of an agent may tell."""
NOTED_EVERY = timedelta(minutes=1)
"""How often it is noted that counting goes on where nothing is evaluated."""


def count(ports: Ports, flag_set: str, key: str, variant: str | None) -> None:
    """Counts one evaluation. Only for a flag that is there: whoever asks for others must not fill the memory.

    `variant` is None where the default in the code was the answer.
    """
    uses, name = ports.watch.flag_uses, (flag_set, key, variant or NO_VARIANT)
    uses[name] = uses.get(name, 0) + 1


def count_all(ports: Ports, flag_set: str, digest: str, found: Mapping[str, Resolution]) -> None:
    """Counts an answer with every flag of a set; the same one, by its `digest`, once between two passes.

    Who asks for all flags does not say which of them it needs, so all of them count as used: nobody is told
    to remove what may be needed. Different answers are all counted: a variant that is seldom given is seen.
    """
    listed = ports.watch.flags_listed
    if (flag_set, digest) in listed:
        return
    if len(listed) < MOST_LISTED:
        listed.add((flag_set, digest))
    uses = ports.watch.flag_uses
    for key, one in found.items():
        name = (flag_set, key, one.variant or NO_VARIANT)
        uses[name] = uses.get(name, 0) + 1


def count_told(ports: Ports, service: str, told: Iterable[FlagUse]) -> None:
    """Counts what an agent tells of its own evaluations.

    What is not of its service, and flags and variants that are not there, are left out: an agent cannot make
    up rows, nor keep the flags of others alive. The default set belongs to all services, and so does what any
    of them tells of it.
    """
    sums: dict[Key, int] = {}
    for one in told:
        name = (one.flag_set, one.key, one.variant)
        if service_of(one.flag_set) in {service, DEFAULT_SET} and one.count > 0 and _is_there(ports, name):
            sums[name] = sums.get(name, 0) + one.count
    uses = ports.watch.flag_uses
    for name, number in sums.items():  # an agent tells each once; a report that repeats one gains nothing
        uses[name] = uses.get(name, 0) + min(number, MOST_AT_ONCE)


async def write_uses(ports: Ports) -> None:
    """One pass: writes down what was counted. Raises `StoreUnavailable`; then it is counted still."""
    async with ports.watch.writing_uses:
        await _write_uses(ports)


async def _write_uses(ports: Ports) -> None:
    watch, now = ports.watch, ports.clock.now()
    watch.flags_listed.clear()
    taken = {name: watch.flag_uses[name] for name in [*watch.flag_uses][:MOST_WRITTEN]}
    counts = {name: uses for name, uses in taken.items() if _is_there(ports, name)}
    noted = watch.uses_noted_at
    if counts or noted is None or not timedelta() <= now - noted < NOTED_EVERY:
        await ports.flag_uses.add(counts, now)
        watch.uses_noted_at = now
    for name, uses in taken.items():
        flag_set, left = name[0], watch.flag_uses.pop(name) - uses
        watch.flags_evaluated[flag_set] = watch.flags_evaluated.get(flag_set, 0) + uses
        if left:  # evaluated meanwhile
            watch.flag_uses[name] = left


async def given_so_far(ports: Ports, key: Key) -> tuple[int, datetime | None]:
    """How often a flag gave one variant, and when it last did; what is not written down here was just now.

    What other replicas count is told with their next pass.
    """
    async with ports.watch.writing_uses:  # else what is being written would count twice, or not at all
        used, here = await ports.flag_uses.one(key), ports.watch.flag_uses.get(key, 0)
    written, last_at = (0, None) if used is None else (used.count, used.last_at)
    return written + here, ports.clock.now() if here else last_at


async def use_of(ports: Ports, flag_set: str) -> Mapping[str, Use]:
    """How often each flag of a set was evaluated, by key. Flags that never were are not among them."""
    return uses_of(await ports.flag_uses.of(flag_set))


async def stale_in(ports: Ports, kept: KeptSet) -> Mapping[str, Stale]:
    """The flags of a set that nobody seems to need, by key."""
    since = await ports.flag_uses.counted_since()
    return judge_stale(kept, await use_of(ports, kept.name), ports.clock.now(), since)


async def look_for_stale(ports: Ports) -> None:
    """One pass: how many flags of each set are stale, for the metrics."""
    found = {kept.name: len(await stale_in(ports, kept)) for kept in ports.flag_book.all()}
    ports.watch.flags_stale = found


def _is_there(ports: Ports, name: Key) -> bool:
    flag_set, key, variant = name
    kept = ports.flag_book.get(flag_set)
    flag = None if kept is None else kept.flags.definitions.flags.get(key)
    return flag is not None and (variant == NO_VARIANT or variant in flag.variants)
