"""Refusals at the door, written down: each one, as long as there are not too many."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request

from sre_portal.core.access import Permission, Principal, require
from sre_portal.core.audit import AuditOutcome
from sre_portal.core.errors import NotPermitted
from sre_portal.operations.audited import deny, intent_of
from sre_portal.web.context import address_of, ports_of
from sre_portal.web.rate import is_within

STRANGER = Principal("nobody", id="nobody")
LONGEST = 200


async def require_or_tell(
    request: Request, who: Principal, permission: Permission, service: str | None = None, action: str = ""
) -> None:
    """Raises `NotPermitted` unless they have the permission, on the service where one is named.

    The refusal is written down: as `action`, or by the name of the permission.
    """
    try:
        require(who, permission, service)
    except NotPermitted as denied:
        await tell_denial(request, who, action or permission.value, str(denied))
        raise


async def tell_denial(
    request: Request,
    who: Principal,
    action: str,
    reason: str,
    *,
    object: str = "",  # noqa: A002  # the word of the audit log
    outcome: AuditOutcome = "denied",
) -> None:
    """Writes a refusal down as far as the pace allows: of the address, and of whoever asks.

    All strangers are one: together they write no more than one person.
    """
    if not await is_within(request, "denied", who.id):
        return
    asked = object or f"{request.method} {quote(request.url.path)}"[:LONGEST]
    await deny(
        ports_of(request),
        intent_of(ports_of(request), who, address_of(request), action, asked),
        reason,
        outcome,
    )
