"""The application with its walls: what stands around every route, in one place and in order.

The headers stand outside Starlette's own handler of errors, so that the answer to a bug carries them too.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.types import ASGIApp

from sre_portal.web.middleware.bodies import BodyLimit
from sre_portal.web.middleware.headers import SecurityHeaders
from sre_portal.web.middleware.hosts import TrustedHosts
from sre_portal.web.middleware.known import Known
from sre_portal.web.middleware.last import LastResort


@dataclass(frozen=True, slots=True)
class Walls:
    """What the walls are told.

    `hosts`: the names under which the portal answers, without ports; None answers under every name, for tests
    that have no listener. `form_origins`: origins of login providers, `https://login.example.com`.
    """

    hosts: Collection[str] | None = None
    form_origins: tuple[str, ...] = ()
    behind_tls: bool = False

    def around(self, app: ASGIApp) -> ASGIApp:
        """The same application behind the walls, from the inside out."""
        inner = TrustedHosts(Known(BodyLimit(LastResort(app))), allowed=self.hosts)
        return SecurityHeaders(inner, form_origins=self.form_origins, behind_tls=self.behind_tls)


class WalledApp(FastAPI):
    """A FastAPI application behind walls."""

    walls: Walls = Walls()

    def build_middleware_stack(self) -> ASGIApp:
        return self.walls.around(super().build_middleware_stack())
