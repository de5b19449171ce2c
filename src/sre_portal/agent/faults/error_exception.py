"""Raise where the application would have been called."""

from __future__ import annotations

from sre_portal.agent.faults.hit import Hit
from sre_portal.contract.fault import ErrorException


class InjectedError(Exception):
    """Raised by SRE Portal in place of the application, under a lease with the fault `error_exception`."""


async def apply(fault: ErrorException, _hit: Hit) -> bool:
    raise InjectedError(fault.message)
