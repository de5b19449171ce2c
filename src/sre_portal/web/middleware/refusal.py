"""The answer of whatever stands before the routes: problem+json, whole and at once."""

from __future__ import annotations

import json
from http import HTTPStatus

from starlette.types import Send

PROBLEM = b"application/problem+json"


def problem_body(status: int, detail: str) -> bytes:
    """A problem (RFC 9457) as JSON."""
    title = HTTPStatus(status).phrase
    return json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}).encode()


async def refuse(send: Send, status: int, detail: str) -> None:
    """Answers a request that goes no further."""
    body = problem_body(status, detail)
    headers = [(b"content-type", PROBLEM), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
