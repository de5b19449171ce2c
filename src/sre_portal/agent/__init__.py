"""The agent: a guest in a service's own process. It injects faults under leases and counts SLIs.

Standard library only, one background thread, outbound connections only. On any doubt it steps aside.
"""

from sre_portal.agent.asgi import FaultMiddleware
from sre_portal.agent.faults.error_exception import InjectedError

__all__ = ["FaultMiddleware", "InjectedError"]
