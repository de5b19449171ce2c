"""The stream of flag definitions for agents: lines of JSON until either side leaves. Every replica has it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sre_portal.contract.flags import DEFAULT_SET, MAX_SETS
from sre_portal.core.access import Principal
from sre_portal.core.errors import InvalidInput, NotAuthenticated, Problem, RateLimited
from sre_portal.core.flag_name import name_problems, service_of
from sre_portal.operations.flag_feed import FlagFeeds, Subscriber
from sre_portal.operations.sessions import digest_of
from sre_portal.web.context import ports_of
from sre_portal.web.doorkeeper import Doorkeeper
from sre_portal.web.guard import agent_token, bearer_of
from sre_portal.web.holder import Holder
from sre_portal.web.limits import FlagLimits
from sre_portal.web.rate import RETRY_STREAM_SECONDS


async def flags(request: Request) -> Response:
    """`GET /agents/v1/flags?set=S&instance=I`: the sets of the token's service, and the default one."""
    token = await agent_token(request)
    sets = list(dict.fromkeys(request.query_params.getlist("set")))
    instance = request.query_params.get("instance", "")
    problems = [problem for name in sets for problem in name_problems(name)]
    if not 0 < len(sets) <= MAX_SETS:
        problems.append(Problem("set", f"{len(sets)} of them", f"1 to {MAX_SETS}"))
    if not 0 < len(instance) <= 128 or not instance.isprintable():
        problems.append(Problem("instance", f"{len(instance)} characters", "1 to 128 printable characters"))
    if problems:
        raise InvalidInput(problems)
    if others := [name for name in sets if service_of(name) not in {token.service, DEFAULT_SET}]:
        ports_of(request).watch.refused_agents += 1
        raise NotAuthenticated(f"this token is for {token.service}, not for the flags of {others[0]}")
    service = token.service or ""
    feeds: FlagFeeds = request.app.state.flag_feeds
    limits: FlagLimits = request.app.state.flag_limits
    if not feeds.has_room(service, instance, limits.streams_of_a_service):
        raise RateLimited(RETRY_STREAM_SECONDS)
    return FlagStream(request, service, instance, sets)


class FlagStream(Response):
    """An answer of many lines. One task waits for all of them, so that a thousand streams are cheap."""

    def __init__(self, request: Request, service: str, instance: str, sets: Sequence[str]) -> None:
        self.status_code = 200
        self.media_type = "application/x-ndjson"
        self.background = None
        self.init_headers({"x-accel-buffering": "no"})
        self._who = service, instance
        self._sets = sets
        self._feeds: FlagFeeds = request.app.state.flag_feeds
        self._doorkeeper: Doorkeeper = request.app.state.doorkeeper
        self._holder = Holder("token", digest_of(bearer_of(request)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        subscriber = self._feeds.join(*self._who, self._sets)
        leaving = asyncio.create_task(self._until_left(receive, subscriber))

        def hear(who: Principal | None) -> None:
            if who is None:
                self._feeds.end(subscriber)

        try:
            with self._doorkeeper.watching(self._holder, hear):
                await send(
                    {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
                )
                while told := await subscriber.news():
                    await send({"type": "http.response.body", "body": told, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        finally:
            leaving.cancel()
            self._feeds.leave(*self._who, subscriber)

    async def _until_left(self, receive: Receive, subscriber: Subscriber) -> None:
        """The next beat of a client that left ends its stream."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._feeds.end(subscriber)
