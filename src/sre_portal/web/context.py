"""What a request carries: who asks, and the ports."""

from __future__ import annotations

from typing import cast

from starlette.requests import Request

from sre_portal.core.access import Principal
from sre_portal.core.errors import NotAuthenticated
from sre_portal.operations.ports import Ports


def ports_of(request: Request) -> Ports:
    return cast(Ports, request.app.state.ports)


def principal_of(request: Request) -> Principal:
    """Who asks. Raises `NotAuthenticated` on a public route where nobody is logged in."""
    principal = request.scope.get("principal")
    if not isinstance(principal, Principal):
        raise NotAuthenticated("log in first")
    return principal


def csrf_of(request: Request) -> str:
    """The token every form of this session must carry, empty for API tokens."""
    return str(request.scope.get("csrf", ""))


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""
