"""The audit log as a whole: the entry of every start, the check of all of it, and what is forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from sre_portal import __version__
from sre_portal.core.access import PORTAL
from sre_portal.core.audit import BEFORE, HORIZON, RETAIN, Conclusion, instant
from sre_portal.core.audit_check import Check, Checked
from sre_portal.core.checkpoint import (
    CARRIED,
    Checkpoint,
    NotGenuine,
    VerifierKey,
    open_checkpoint,
    parse_checkpoint,
)
from sre_portal.core.errors import StoreUnavailable
from sre_portal.operations.audited import intent_of
from sre_portal.operations.ports import Ports

PAGE = 1000
"""Entries that are read at once."""

SLACK = timedelta(days=1)
"""Texts live up to so much longer, so that the log is not full of entries about forgetting."""


async def note_start(ports: Ports, accepted: str = "") -> None:
    """The first act of every start. Raises `StoreUnavailable` where the log is not to be trusted.

    `accepted` is the `SIZE:ROOT` that the operator said to go on with. The entry tells it, and how many
    entries of an older portal nobody had signed until then.
    """
    after: dict[str, object] = {"version": __version__, "environment": ports.environment}
    if accepted:
        after["accepted"] = accepted
    if carried := await _carried(ports):
        after["carried_unsigned"] = carried
    intent = intent_of(ports, PORTAL, "", "portal:start", "the portal", after=after)
    await ports.audit.record(intent, Conclusion(intent.at, "done"))


async def look_at_audit(ports: Ports) -> None:
    """Holds the log against what this process has seen of it. Raises `StoreUnavailable` where it differs.

    People are told once.
    """
    async with _alarmed(ports):
        await ports.audit.look()
    ports.watch.audit_alarm = False


def audit_keys(ports: Ports) -> Sequence[VerifierKey]:
    """The public keys, the one that signs first, under the name of this environment's log."""
    return ports.keys.signer(ports.environment).keys


async def verify_log(ports: Ports, witnesses: Sequence[Checkpoint] = ()) -> Checked:
    """Reads the whole log and says everything that is wrong with it.

    What this process remembers of the log is one of the witnesses.
    """
    standing = ports.audit.standing()
    own = Checkpoint("", standing.size, bytes.fromhex(standing.root)) if standing.root else None
    check = Check((*witnesses, *([own] if own else ())))
    signed = await ports.audit.checkpoint()
    while True:
        while page := await ports.audit.entries(check.last, PAGE):
            check.take(page)
        head = await ports.audit.checkpoint()
        if head == signed:
            checked = check.finish(signed, audit_keys(ports))
            if not witnesses:  # a witness that somebody typed proves nothing against the log
                await _note_check(ports, checked)
            return checked
        signed = head  # somebody added entries meanwhile


async def forget_old(ports: Ports) -> None:
    """Drops the texts of entries that are too old, after the log has stated below which number.

    Raises `Untrusted` where the database claims an age that the signed texts do not have; people are told.
    """
    if ports.audit_keep is None:
        return
    now = ports.clock.now()
    oldest = await ports.audit.oldest()
    if oldest is None or now - oldest.at < ports.audit_keep + SLACK:
        return
    limit = now - ports.audit_keep
    async with _alarmed(ports):
        horizon = await ports.audit.horizon(limit)
    if not horizon:
        return
    intent = intent_of(
        ports,
        PORTAL,
        "",
        RETAIN,
        f"entries below {horizon}",
        reason=f"older than {ports.audit_keep.days} days",
        after={HORIZON: horizon, BEFORE: instant(limit)},
    )
    await ports.audit.record(intent, Conclusion(now, "done"))
    await ports.audit.forget(horizon)


async def look_sentence(ports: Ports) -> str:
    """Looks at the log, and says what is wrong with it; empty where nothing is."""
    try:
        await look_at_audit(ports)
    except StoreUnavailable as broken:
        return str(broken)
    return ""


def signed_by_us(ports: Ports, checkpoint: str) -> tuple[str, str]:
    """The public key to check a checkpoint with, and why it cannot be believed; empty where it can."""
    key, forged = audit_keys(ports)[0], ""
    for one in audit_keys(ports):
        try:
            open_checkpoint(checkpoint, [one])
        except NotGenuine as why:
            forged = str(why)
        else:
            return str(one), ""
    return str(key), forged


async def _note_check(ports: Ports, checked: Checked) -> None:
    """What a check of the whole log found stands until a later one finds nothing; people are told once."""
    first = checked.findings[0] if checked.findings else ""
    more = f" (and {len(checked.findings) - 1} more findings)" if len(checked.findings) > 1 else ""
    ports.audit.doubt("the whole log", first and f"The check of the whole audit log found: {first}{more}")
    if first and not ports.watch.audit_alarm:
        ports.watch.audit_alarm = True
        await ports.notices.send(f"The audit log is not whole: {first}{more}")


@asynccontextmanager
async def _alarmed(ports: Ports) -> AsyncIterator[None]:
    """People are told, once, where the log is not what was signed."""
    try:
        yield
    except StoreUnavailable as broken:
        if ports.audit.standing().broken and not ports.watch.audit_alarm:
            ports.watch.audit_alarm = True
            await ports.notices.send(str(broken))
        raise


async def _carried(ports: Ports) -> int:
    """How many entries a migration carried over that nobody has signed yet."""
    try:
        head = parse_checkpoint(await ports.audit.checkpoint())
    except NotGenuine:  # told by whoever appends
        return 0
    return head.size if head.origin == CARRIED else 0
