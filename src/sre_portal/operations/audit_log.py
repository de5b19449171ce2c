"""The audit log as a whole: the entry of every start, the check of all of it, and what is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sre_portal import __version__
from sre_portal.core.access import PORTAL
from sre_portal.core.audit import HORIZON, RETAIN, Conclusion
from sre_portal.core.audit_check import Check, Checked
from sre_portal.core.checkpoint import Checkpoint, NotGenuine, VerifierKey, open_checkpoint
from sre_portal.core.errors import StoreUnavailable
from sre_portal.operations.audited import intent_of
from sre_portal.operations.ports import Ports

PAGE = 1000
"""Entries that are read at once."""

SLACK = timedelta(days=1)
"""Texts live up to so much longer, so that the log is not full of entries about forgetting."""


async def note_start(ports: Ports, accepted: str = "") -> None:
    """The first act of every start. Raises `StoreUnavailable` where the log is not to be trusted.

    `accepted` is the `SIZE:ROOT` that the operator said to go on with.
    """
    after = {"version": __version__, "environment": ports.environment}
    if accepted:
        after["accepted"] = accepted
    intent = intent_of(ports, PORTAL, "", "portal:start", "the portal", after=after)
    await ports.audit.record(intent, Conclusion(intent.at, "done"))


async def look_at_audit(ports: Ports) -> None:
    """Holds the log against what this process has seen of it. Raises `StoreUnavailable` where it differs.

    People are told once.
    """
    try:
        await ports.audit.look()
    except StoreUnavailable as broken:
        if ports.audit.standing().broken and not ports.watch.audit_alarm:
            ports.watch.audit_alarm = True
            await ports.notices.send(str(broken))
        raise
    ports.watch.audit_alarm = False


def audit_keys(ports: Ports, checkpoint: str = "") -> Sequence[VerifierKey]:
    """The public keys, the one that signs first; under the name that a checkpoint has, where one is given."""
    signer = ports.keys.signer(ports.environment)
    return signer.keys_for(checkpoint.partition("\n")[0]) if checkpoint else signer.keys


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
            return check.finish(signed, audit_keys(ports, signed))
        signed = head  # somebody added entries meanwhile


async def forget_old(ports: Ports) -> None:
    """Drops the texts of entries that are too old, after the log has stated below which number."""
    if ports.audit_keep is None:
        return
    now = ports.clock.now()
    oldest = await ports.audit.oldest()
    if oldest is None or now - oldest.at < ports.audit_keep + SLACK:
        return
    horizon = await ports.audit.horizon(now - ports.audit_keep)
    intent = intent_of(
        ports,
        PORTAL,
        "",
        RETAIN,
        f"entries below {horizon}",
        reason=f"older than {ports.audit_keep.days} days",
        after={HORIZON: horizon},
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
    for one in audit_keys(ports, checkpoint):
        try:
            open_checkpoint(checkpoint, [one])
        except NotGenuine as why:
            forged = str(why)
        else:
            return str(one), ""
    return str(key), forged
