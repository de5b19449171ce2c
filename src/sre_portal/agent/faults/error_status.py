"""Answer in place of the application."""

from __future__ import annotations

from sre_portal.agent.faults.hit import Hit
from sre_portal.contract.fault import ErrorStatus


async def apply(fault: ErrorStatus, hit: Hit) -> bool:
    body = fault.body.encode()
    headers = [
        hit.injected_header(),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    await hit.send({"type": "http.response.start", "status": fault.status, "headers": headers})
    await hit.send({"type": "http.response.body", "body": b"" if hit.scope["method"] == "HEAD" else body})
    return False
