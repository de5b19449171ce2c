"""The services that a role or a token can be bounded to."""

from __future__ import annotations

from collections.abc import Collection

from sre_portal.core.complaint import shown
from sre_portal.core.errors import Problem
from sre_portal.core.phrase import closest_first, listed
from sre_portal.operations.ports import Ports


def services_of(ports: Ports) -> list[str]:
    """Those that have an SLO, by name."""
    return sorted({slo.spec.service for slo in ports.catalogue.slos()})


def service_problems(ports: Ports, services: Collection[str]) -> list[Problem]:
    """One for each service that has no SLO: a grant on it would wait for whoever makes it up."""
    known = services_of(ports)
    return [
        Problem("services", shown(name), f"one of {listed(closest_first(name, known), 'no service')}")
        for name in sorted(set(services) - set(known))
    ]
