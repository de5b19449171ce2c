"""One instance of a service, as its agent last told it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sre_portal.core.instance import Instance
from sre_portal.operations.ports import Ports
from sre_portal.web.pages.figures import Figure, Moment, count, mebibytes, milliseconds, moment, span
from sre_portal.web.pages.pill import Pill, pill
from sre_portal.web.pages.standing import STALE_AFTER, Standing


@dataclass(frozen=True, slots=True)
class InstanceRow:
    name: str
    pill: Pill
    lease: str
    heard: Moment
    clock: Figure
    memory: Figure
    uptime: str
    lost: str
    """Seconds of counts that were dropped, and misfires: both are 0 where all is well."""
    version: str

    @classmethod
    def of(cls, ports: Ports, instance: Instance, one: Standing, now: datetime) -> InstanceRow:
        leases = [lease for lease in one.leases if instance.instance in ports.desk.holders(lease.run_id)]
        silent = now - instance.seen_at > STALE_AFTER
        state = pill("off", "Idle")
        if silent:
            state = pill("stale", f"Silent {span(now - instance.seen_at)}")
        elif leases:
            state = pill("harm", "Holds a lease")
        return cls(
            name=instance.instance,
            pill=state,
            lease=", ".join(f"run {lease.run_id}" for lease in leases) or "none",
            heard=moment(instance.seen_at, now),
            clock=milliseconds(instance.clock_error_ms)
            if instance.clock_error_ms is not None
            else Figure("unknown"),
            memory=mebibytes(instance.memory_bytes),
            uptime=span(now - instance.started_at),
            lost=f"{count(instance.dropped_seconds)} s, {count(instance.misfires)}",
            version=instance.version,
        )
