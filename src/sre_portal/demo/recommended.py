"""How many products the shop recommends beside one: its kill switch, a flag of the portal."""

from __future__ import annotations

from collections.abc import Callable

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from starlette.requests import Request

from sre_portal.agent import FaultMiddleware
from sre_portal.agent.flags import PortalProvider

FLAG = "recommendations"
MOST = 12

Recommended = Callable[[Request], int]


def nothing(_: Request) -> int:
    """Without flags the shop recommends nothing."""
    return 0


def by_flag(request: Request) -> int:
    """As the flag says for this user. Without the portal, and where the flag is off: nothing."""
    context = EvaluationContext(request.headers.get("x-user-id"))
    return max(0, min(api.get_client().get_integer_value(FLAG, 0, context), MOST))


def follow_flags(agent: FaultMiddleware) -> None:
    """From now on flags come from the portal of an agent. Waits for nothing."""
    api.set_provider(PortalProvider(agent))
