"""The stream of flag definitions for agents: lines of JSON until either side leaves. Every replica has it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sre_portal.contract.flags import MAX_SETS
from sre_portal.core.errors import InvalidInput, NotAuthenticated, Problem, RateLimited, StoreUnavailable
from sre_portal.core.flag_change import DEFAULT_SET, name_problems, service_of
from sre_portal.operations.flag_facts import facts_of
from sre_portal.operations.flag_feed import FlagFeeds, Subscriber
from sre_portal.operations.tokens import token_of
from sre_portal.web.context import ports_of
from sre_portal.web.guard import agent_token, bearer_of
from sre_portal.web.rate import RETRY_STREAM_SECONDS

MOST_STREAMS = 2000
"""So many instances of one service may read at one replica."""
ASK_SECONDS = 5.0
"""So often a token is asked about that nobody is known to have changed: it may run out by itself."""


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
    if not feeds_of(request).has_room(service, instance, MOST_STREAMS):
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
        self._feeds = feeds_of(request)
        self._admission = _Admission(request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        subscriber = self._feeds.join(*self._who, self._sets)
        leaving = asyncio.create_task(_until_left(receive, subscriber))
        try:
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            while (told := await subscriber.news()) and await self._admission.holds():
                await send({"type": "http.response.body", "body": told, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            leaving.cancel()
            self._feeds.leave(*self._who, subscriber)


class _Admission:
    """Whether the token of a request is still good."""

    def __init__(self, request: Request) -> None:
        self._ports, self._secret = ports_of(request), bearer_of(request)
        self._now = asyncio.get_running_loop().time
        self._count, self._asked_at = self._ports.access.count, self._now()

    async def holds(self) -> bool:
        """Asks where somebody's power may have changed, and now and then."""
        if self._ports.access.count == self._count and self._now() - self._asked_at < ASK_SECONDS:
            return True
        self._count, self._asked_at = self._ports.access.count, self._now()
        try:
            return await token_of(self._ports, self._secret) is not None
        except StoreUnavailable:  # who was let in stays in while nobody can be asked
            return True


async def _until_left(receive: Receive, subscriber: Subscriber) -> None:
    """The next beat of a client that left ends its stream."""
    while (await receive())["type"] != "http.disconnect":
        pass
    subscriber.is_over = True


def feeds_of(request: Request) -> FlagFeeds:
    """The feeds of this application."""
    state = request.app.state
    if not hasattr(state, "flag_feeds"):
        ports = ports_of(request)
        state.flag_feeds = FlagFeeds(
            ports.flag_book,
            partial(facts_of, ports),
            lambda: ports.clock.now().timestamp(),
            state.closing,
        )
    held: FlagFeeds = state.flag_feeds
    return held
