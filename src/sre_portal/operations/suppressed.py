"""Refusals for being too many: counted all, written into the audit log once a minute, whoever sends them."""

from __future__ import annotations

from datetime import timedelta

from sre_portal.core.access import Principal
from sre_portal.core.audit import Conclusion
from sre_portal.core.errors import StoreUnavailable
from sre_portal.operations.audited import intent_of
from sre_portal.operations.ports import Ports
from sre_portal.operations.watch import Suppressed

TOLD_EVERY = timedelta(minutes=1)
STRANGER = Principal("a stranger")
ACTION = "request:limit"
MOST_ADDRESSES = 20


async def note_suppressed(ports: Ports, kind: str, address: str) -> None:
    """Counts a refusal, and writes the sum of the untold ones where the last was written a minute ago.

    Never raises for a database that does not answer: the refusal does not depend on it.
    """
    one = ports.watch.suppressed.setdefault(kind, Suppressed())
    one.total += 1
    one.untold += 1
    if len(one.addresses) < MOST_ADDRESSES:
        one.addresses.add(address)
    await _tell(ports, kind, one)


async def tell_suppressed(ports: Ports) -> None:
    """One pass: writes down what was refused since, also where no refusal came after it."""
    for kind, one in [*ports.watch.suppressed.items()]:
        await _tell(ports, kind, one)


async def _tell(ports: Ports, kind: str, one: Suppressed) -> None:
    now, count, addresses = ports.clock.now(), one.untold, sorted(one.addresses)
    if not count or (one.told_at is not None and now - one.told_at < TOLD_EVERY):
        return
    one.untold, one.told_at = 0, now
    one.addresses.clear()
    intent = intent_of(ports, STRANGER, addresses[0], ACTION, kind)
    sentence = f"suppressed {count} from {', '.join(addresses)}"
    try:
        await ports.audit.record(intent, Conclusion(now, "denied", sentence))
    except StoreUnavailable:  # told with the next ones
        one.untold += count
        one.addresses.update(addresses)
