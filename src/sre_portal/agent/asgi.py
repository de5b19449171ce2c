"""The agent's place in an ASGI application: one middleware, and the path every request takes through it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Sequence

from sre_portal.agent.clock import Clock, PortalClock
from sre_portal.agent.count import Mark
from sre_portal.agent.decide import Draw, Request, decide
from sre_portal.agent.faults import APPLY
from sre_portal.agent.faults.error_exception import InjectedError
from sre_portal.agent.faults.hit import App, Hit, Message, Receive, Scope, Send
from sre_portal.agent.identity import Identity, routes_of
from sre_portal.agent.lease import LeaseBook
from sre_portal.agent.server import is_gone
from sre_portal.agent.sync import Sync
from sre_portal.agent.tally import FOLD_AT, NO_RESPONSE, NOWHERE, Event, Route, Tally

STOP_SECONDS = 0.5
EXEMPT = ("/healthz", "/readyz", "/livez", "/metrics")

FILE_BODIES = ("http.response.pathsend", "http.response.zerocopysend")

NO_ROUTES: dict[str, dict[str, Route]] = {}
NO_REQUEST = Mark()
"""The mark of a scope that is not http."""

# Places in an event. The hot path writes the numbers: a global costs more than a constant.
ROUTE, START, STATUS, END, MARK = range(5)


class FaultMiddleware:
    """Injects the faults the portal leases to this service, and counts its SLIs.

    Put it outermost, so that it sees what clients see:

        app = FaultMiddleware(app, service="shop", portal_url="https://portal.internal", token=token)

    Args:
        app: the application.
        service: the name of the service in the portal.
        portal_url: where the portal is; a path is kept as a prefix.
        token: the agent's token for this service.
        instance: the name of this process, unique among all; by default host name, process id and a random
            part.
        routes: the route patterns the service serves; by default read from `app.routes` where there are any.
        exempt: route patterns that are never hit and never counted.
        clock: where time comes from. Tests hand in their own.
        draw: where chance comes from, a number in [0, 1). Tests hand in their own.
    """

    def __init__(  # noqa: PLR0913  # the surface of the agent: all by keyword, two thirds with a default
        self,
        app: App,
        *,
        service: str,
        portal_url: str,
        token: str,
        instance: str | None = None,
        routes: Sequence[str] | None = None,
        exempt: Sequence[str] = EXEMPT,
        clock: Clock | None = None,
        draw: Draw | None = None,
    ) -> None:
        self.app = app
        clock = clock or Clock()
        portal_clock = PortalClock(clock)
        self._now = clock.monotonic_ns
        self._draw = draw or random.Random().random  # not the global one: the host may have seeded it
        self._tally = Tally(exempt, clock.monotonic_ns(), portal_clock.offset_ns)
        self._log = self._tally.log
        self._routes = NO_ROUTES
        self._started = False
        self._book = LeaseBook(clock, portal_clock)
        identity = Identity(service, instance, portal_url, token, lambda: routes_of(app, routes))
        self.sync = Sync(identity, clock, portal_clock, self._tally, self._book)
        self._book.wake = self.sync.wake
        self._book.changed = self._choose_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: C901  # as below
        """Serve one request. What the application raises goes through, what fails in the agent does not."""
        # The hot path: every request of the host pays for each line. So it is one function, and its event is
        # a list. All that is unusual comes as a KeyError: no http request, a path not seen before, a live
        # lease. `watched` is plain and hands on the awaitable of `send` (a coroutine around that would cost
        # as much as all the counting), and what it needs are defaults, which cost less than a closure.
        # benchmarks/agent_overhead.py holds the figure.
        try:
            event: Event = [self._routes[scope["method"]][scope["path"]], self._now(), 0, 0, None]
        except KeyError:
            event = self._new_event(scope)

        def watched(
            message: Message, event: Event = event, send: Send = send, self: FaultMiddleware = self
        ) -> Awaitable[None]:
            try:
                kind = message["type"]
                if kind == "http.response.start":
                    status = event[2] = message["status"]
                    if status > 499:
                        self._started_badly(event, send)
                elif kind != "http.response.body" and kind not in FILE_BODIES:
                    pass
                elif not event[3] and not message.get("more_body"):
                    event[3] = self._now()
                    self._log.append(event)
            except Exception:  # noqa: BLE001  # a message that the server has to judge, not we
                self._tally.misfire()
            return send(message)

        try:
            if event[4] is None or await self._serve_unusual(event, scope, receive, watched, send):
                await self.app(scope, receive, watched)
        except BaseException as error:
            if not event[3]:
                self._unanswered(event, send, error)
            raise
        if not event[3]:
            self._unanswered(event, send, None)
        if len(self._log) > FOLD_AT:
            self._tally.fold()

    def _choose_path(self) -> None:
        """While a lease is live no route is found, so that no request takes the hot path."""
        self._routes = NO_ROUTES if self._book.live or not self._started else self._tally.routes

    def _new_event(self, scope: Scope) -> Event:
        """The event of a request that is not on the hot path."""
        started_ns = self._now()
        if scope["type"] != "http":
            return [NOWHERE, started_ns, 0, started_ns, NO_REQUEST]
        try:
            if not self._started:
                self._start()
            request = Request(scope["method"], scope["path"], scope["headers"])
            route = self._tally.routes.get(request.method, {}).get(request.path)
            if route is None:
                route = self._tally.route(request, scope.get("root_path", ""))
            return [route, started_ns, 0, 0, Mark() if self._book.live else None]
        except Exception:  # noqa: BLE001  # fail open
            self._tally.misfire()
            return [NOWHERE, started_ns, 0, 0, None]

    def _start(self) -> None:
        self._started = True
        self._choose_path()
        try:
            self.sync.start()
        except Exception:  # noqa: BLE001  # no thread or no file to be had: the host goes on without an agent
            self._tally.misfire()

    def _started_badly(self, event: Event, send: Send) -> None:
        # Frameworks turn the client's leaving into a 500 that nobody gets.
        if is_gone(send):
            event[MARK] = event[MARK] or Mark()
            event[MARK].gone = True

    def _unanswered(self, event: Event, send: Send, error: BaseException | None) -> None:
        """The application is done and its response is not complete. Whose fault is it?

        A client that left before the response started is not the service's error, nor is a cancelled request:
        it is in no count but that of a latency SLI whose threshold had passed. A client that left later got
        what it wanted: its request counts by its status.
        """
        try:
            event[END] = self._now()
            mark = event[MARK] = event[MARK] or Mark()
            cancelled = error is not None and not isinstance(error, Exception)
            if mark.aborted or not (cancelled or type(error).__name__ == "ClientDisconnect" or is_gone(send)):
                event[STATUS] = NO_RESPONSE
            elif not event[STATUS]:
                mark.gone = True
            self._log.append(event)
            if len(self._log) > FOLD_AT:
                self._tally.fold()
        except Exception:  # noqa: BLE001  # fail open
            self._tally.misfire()

    async def _serve_unusual(
        self, event: Event, scope: Scope, receive: Receive, counted: Send, send: Send
    ) -> bool:
        """Do to a request what the leases say. Whether the application is still to be called."""
        if event[MARK] is NO_REQUEST:
            await self._pass_on(scope, receive, send)
            return False
        hit = self._judge(event, scope, receive, counted, send)
        if hit is None:
            return True
        fault = hit.held.lease.fault
        try:
            return await APPLY[fault.kind](fault, hit)
        except InjectedError:
            raise
        except Exception:  # noqa: BLE001  # fail open, and never after something was sent
            self._tally.misfire()
            return not (event[STATUS] or hit.mark.aborted)

    def _judge(self, event: Event, scope: Scope, receive: Receive, counted: Send, send: Send) -> Hit | None:
        try:
            event[MARK] = None
            if event[ROUTE].kind is None:
                return None
            now_ns = event[START]
            self._book.check(now_ns)
            request = Request(scope["method"], scope["path"], scope["headers"])
            injection = decide(self._book.live, request, now_ns, self._draw)
            if injection is None:
                return None
            held = injection.held
            hit = injection.hit and self._book.strike(held, now_ns)
            self._tally.decided(held.lease.id, now_ns, hit=hit)
            mark = event[MARK] = Mark(held.lease.id, hit)
            return (
                Hit(held, mark, now_ns, scope, receive, counted, send, self._now, self._draw) if hit else None
            )
        except Exception:  # noqa: BLE001  # fail open
            self._tally.misfire()
            return None

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Websockets go by untouched. The lifespan too, but the agent starts and stops with it."""
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return

        async def heard() -> Message:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._start()
            return message

        async def told(message: Message) -> None:
            if message["type"] in {"lifespan.shutdown.complete", "lifespan.shutdown.failed"}:
                await self._stop()
            await send(message)

        await self.app(scope, heard, told)

    async def _stop(self) -> None:
        """Tell the portal what is left, for at most half a second."""
        try:
            loop, stopped = asyncio.get_running_loop(), asyncio.Event()
            self.sync.stop(lambda: loop.call_soon_threadsafe(stopped.set))
            await asyncio.wait_for(stopped.wait(), STOP_SECONDS)
        except TimeoutError:
            pass
        except Exception:  # noqa: BLE001  # a server that stops must not fail for us
            self._tally.misfire()
