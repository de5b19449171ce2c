"""Feature flags in a service: an OpenFeature provider that evaluates here, with definitions of the portal.

Needs the extra `flags`. It is the only part of the agent that needs anything.
"""

from sre_portal.agent.flags.provider import PortalProvider

__all__ = ["PortalProvider"]
