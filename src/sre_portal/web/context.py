"""What a request carries: who asks, and the ports."""

from __future__ import annotations

from typing import cast

from starlette.requests import Request

from sre_portal.core.access import Principal
from sre_portal.core.errors import NotAuthenticated
from sre_portal.core.whole import whole_number
from sre_portal.operations.ports import Ports


def ports_of(request: Request) -> Ports:
    return cast(Ports, request.app.state.ports)


def principal_of(request: Request) -> Principal:
    """Who asks. Raises `NotAuthenticated` on a public route where nobody is logged in."""
    principal = request.scope.get("principal")
    if not isinstance(principal, Principal):
        raise NotAuthenticated("log in first")
    return principal


def number_in(request: Request, part: str, expected: str) -> int:
    """The whole number in a part of the path. Raises `InvalidInput`."""
    return whole_number(str(request.path_params[part]), part, expected)


def csrf_of(request: Request) -> str:
    """The token every form of this session must carry, empty for API tokens."""
    return str(request.scope.get("csrf", ""))


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""
