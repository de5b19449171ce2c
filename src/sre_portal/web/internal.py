"""The second listener: metrics and probes without a login, for a scraper behind a network policy."""

from __future__ import annotations

from collections.abc import Collection

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from sre_portal.operations.ports import Ports
from sre_portal.web import probes
from sre_portal.web.middleware.hosts import LOOPBACK
from sre_portal.web.walls import Walls


def build_internal_app(ports: Ports, hosts: Collection[str] = ()) -> ASGIApp:
    """The application of the second listener. It knows no session, no token and no other route."""
    app = Starlette(
        routes=[
            Route("/metrics", probes.metrics),
            Route("/healthz", probes.healthz),
            Route("/readyz", probes.readyz),
        ]
    )
    app.router.redirect_slashes = False
    app.state.ports = ports
    return Walls(hosts=LOOPBACK | frozenset(hosts)).around(app)
