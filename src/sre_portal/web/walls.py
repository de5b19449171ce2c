"""The application with its walls: what stands around every route, in one place and in order.

The headers stand outside Starlette's own handler of errors, so that the answer to a bug carries them too.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from sre_portal.operations.ports import Ports
from sre_portal.web.middleware.bodies import BodyLimit
from sre_portal.web.middleware.headers import SecurityHeaders
from sre_portal.web.middleware.hosts import TrustedHosts
from sre_portal.web.middleware.known import Known
from sre_portal.web.middleware.last import LastResort
from sre_portal.web.middleware.origins import FlagOrigins
from sre_portal.web.ofrep_quick import QuickFlags


@dataclass(frozen=True, slots=True)
class Walls:
    """What the walls are told.

    `hosts`: the names under which the portal answers, without ports; None answers under every name, for tests
    that have no listener. `flag_origins`: whose browser programs may ask for flags, `https://shop.example`.
    `form_origins`: origins of login providers, `https://login.example.com`.
    """

    hosts: Collection[str] | None = None
    flag_origins: tuple[str, ...] = ()
    form_origins: tuple[str, ...] = ()
    behind_tls: bool = False

    def around(self, app: ASGIApp) -> ASGIApp:
        """The same application behind the walls, from the inside out."""
        return self._headers(self._hosts(self._origins(Known(BodyLimit(LastResort(app))))))

    def passed_by(self, app: ASGIApp, ports: Ports) -> QuickFlags:
        """An application behind these walls, with the short way for flags in front of them."""
        return QuickFlags(app, ports, self._hosts(app), self._origins(app), self._headers(app))

    def _headers(self, app: ASGIApp) -> SecurityHeaders:
        return SecurityHeaders(app, form_origins=self.form_origins, behind_tls=self.behind_tls)

    def _hosts(self, app: ASGIApp) -> TrustedHosts:
        return TrustedHosts(app, allowed=self.hosts)

    def _origins(self, app: ASGIApp) -> FlagOrigins:
        return FlagOrigins(app, origins=self.flag_origins)


class WalledApp(FastAPI):
    """A FastAPI application behind walls. `state.ports` are set before the first request."""

    walls: Walls = Walls()

    @cached_property
    def entrance(self) -> ASGIApp:
        return self.walls.passed_by(super().__call__, self.state.ports)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.entrance(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        return self.walls.around(super().build_middleware_stack())
