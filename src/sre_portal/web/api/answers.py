"""What every route of the API may answer besides what it is there for, as the OpenAPI description says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROBLEM_REF = "#/components/schemas/Problem"
PROBLEM: Mapping[str, object] = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457). `problems` with 422, `objections` with 409.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "seen", "expected", "source", "line"],
                "properties": {
                    "path": {"type": "string"},
                    "seen": {"type": "string"},
                    "expected": {"type": "string"},
                    "source": {"type": "string"},
                    "line": {"type": "integer"},
                },
            },
        },
        "objections": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["guard", "reason"],
                "properties": {"guard": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
    },
}

_MEANING: Mapping[int, str] = {
    400: "The request is broken.",
    401: "Nobody is logged in, or the token is not in force.",
    403: "The permission is missing.",
    404: "There is no such thing.",
    405: "The path has no such method.",
    408: "The request took too long to come.",
    409: "Somebody else was first, or a guard objects.",
    413: "The body is too large.",
    414: "The address is too long.",
    421: "The portal does not answer under this name.",
    422: "The input has problems: all of them are told.",
    429: "Too many requests. `Retry-After` says when to come back, in seconds.",
    431: "The head of the request is too large.",
    502: "Another system does not answer.",
    503: "The database does not answer, or no replica that drives has confirmed in time.",
}

ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": meaning,
        "content": {"application/problem+json": {"schema": {"$ref": PROBLEM_REF}}},
    }
    for status, meaning in _MEANING.items()
}
"""For `responses=` of every API route."""


def described(description: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI description with what its routes share: the problem, and how to log in."""
    components = description.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    description["security"] = [{"token": []}]
    return description
