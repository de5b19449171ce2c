"""Keeps pages fresh: one stream a page, drawn once for everybody who looks at the same thing.

A topic draws its fragments when the pulse beats, at most four times a second for a live run and once a second
otherwise, and sends what changed as the same bytes to every subscriber. An event without fragments still says
that the numbers are of now. Whoever reads too slowly is let go: the browser comes back and gets everything.
Fragments hold no form and no name, so that one drawing fits everybody who may the same.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sre_portal.core.access import Permission, Principal
from sre_portal.core.errors import NotAuthenticated, PortalError
from sre_portal.operations.ports import Ports
from sre_portal.operations.pulse import Pulse
from sre_portal.web import render
from sre_portal.web.context import ports_of, principal_of
from sre_portal.web.doorkeeper import Doorkeeper
from sre_portal.web.guard import holder_of
from sre_portal.web.pages.figures import iso
from sre_portal.web.pages.flag import flag_page
from sre_portal.web.pages.flag_beside import beside_flags
from sre_portal.web.pages.flag_place import flag_in, newest
from sre_portal.web.pages.flags import FlagFilter, FlagsPage
from sre_portal.web.pages.flight import flight_of
from sre_portal.web.pages.frame import Frame
from sre_portal.web.pages.overview import VERDICTS_SHOWN, OverviewPage
from sre_portal.web.pages.quick_fault import held_by, start_of
from sre_portal.web.pages.run_page import RunPage
from sre_portal.web.pages.runs import run_of
from sre_portal.web.pages.services import range_in, service_in, service_page
from sre_portal.web.pages.stop import run_id_of

log = structlog.get_logger("sre_portal.web")

PAGE_SECONDS = 1.0
RUN_SECONDS = 0.25
FLAG_SECONDS = 0.25
BEAT_SECONDS = 1.0
"""An event goes out at least this often."""
BACKLOG = 16
"""So many events a slow reader may be behind."""
RETRY = b"retry: 2000\n\n"
OVER = b"event: over\ndata: {}\n\n"
ENDED = b"event: ended\ndata: {}\n\n"


@dataclass(frozen=True, slots=True)
class Drawing:
    """A topic at one instant: fragments by element id, and the rows of its list in order."""

    fragments: Mapping[str, str]
    rows: Mapping[str, str] = field(default_factory=dict)
    over: bool = False
    """Nothing will change any more."""

    def everything(self) -> dict[str, str]:
        return {**self.fragments, **({"rows": _table(self.rows)} if self.rows else {})}

    def since(self, before: Drawing) -> dict[str, str]:
        """What is not as it was. Rows go alone while their order stays."""
        changed = {name: html for name, html in self.fragments.items() if before.fragments.get(name) != html}
        if list(self.rows) != list(before.rows):
            return {**changed, "rows": _table(self.rows)}
        return changed | {name: html for name, html in self.rows.items() if before.rows[name] != html}


Draw = Callable[[], Awaitable[Drawing]]
Queue = asyncio.Queue[bytes | None]


class Topic:
    """What several readers look at. Works while somebody looks."""

    def __init__(
        self,
        ports: Ports,
        closing: asyncio.Event,
        draw: Draw,
        seconds: float,
        pulse: Pulse | None = None,
    ) -> None:
        self.ports = ports
        self.pulse = pulse or ports.pulse
        self.closing = closing
        self.draw = draw
        self.seconds = seconds
        self.readers: set[Queue] = set()
        self.latest: Drawing | None = None
        self.task: asyncio.Task[None] | None = None

    def join(self) -> Queue:
        queue: Queue = asyncio.Queue(BACKLOG)
        if self.latest is not None:
            queue.put_nowait(self._event(self.latest.everything()))
        self.readers.add(queue)
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._work())
        return queue

    def leave(self, queue: Queue) -> None:
        self.readers.discard(queue)

    def dismiss(self, queue: Queue, last: bytes | None = None) -> None:
        """Ends a reader's stream at once, with a last word."""
        if queue not in self.readers:
            return
        self.readers.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        if last is not None:
            queue.put_nowait(last)
        queue.put_nowait(None)

    async def _work(self) -> None:
        loop, count = asyncio.get_running_loop(), -1
        try:
            while self.readers and not self.closing.is_set():
                began = loop.time()
                if await self._pass():
                    break
                count = await self.pulse.after(count, BEAT_SECONDS)
                await self._rest(self.seconds - (loop.time() - began))
        except Exception:
            log.exception("bug in a drawing")  # the readers come back and are told by the page
        finally:
            self.latest = None
            for queue in tuple(self.readers):
                self._release(queue)

    async def _pass(self) -> bool:
        """Draws and sends. While the store is silent nothing is sent: the pages see that they are stale."""
        try:
            drawing = await self.draw()
        except PortalError:
            return False
        self._send(drawing.everything() if self.latest is None else drawing.since(self.latest))
        self.latest = drawing
        if drawing.over:
            self._put(OVER)
        return drawing.over

    async def _rest(self, seconds: float) -> None:
        if seconds > 0:
            try:
                await asyncio.wait_for(self.closing.wait(), seconds)
            except TimeoutError:
                return

    def _send(self, fragments: Mapping[str, str]) -> None:
        self._put(self._event(fragments))

    def _put(self, event: bytes) -> None:
        for queue in tuple(self.readers):
            if queue.full():
                self._release(queue)
            else:
                queue.put_nowait(event)

    def _release(self, queue: Queue) -> None:
        """Ends a reader's stream after what it has not read yet, or at once where that is too much."""
        self.readers.discard(queue)
        if queue.full():
            while not queue.empty():
                queue.get_nowait()
        queue.put_nowait(None)

    def _event(self, fragments: Mapping[str, str]) -> bytes:
        told = {"at": iso(self.ports.clock.now()), "fragments": fragments}
        return b"data: " + json.dumps(told, separators=(",", ":")).encode() + b"\n\n"


async def overview(request: Request) -> Response:
    ports, who = ports_of(request), everybody(request)
    show = "risk" if request.query_params.get("show") == "risk" else "all"

    async def draw() -> Drawing:
        recent = await ports.runs.recent(limit=VERDICTS_SHOWN + 3)
        view = OverviewPage.of(ports, who, recent, show)
        fragments = render.fragments(("overview.html",), Frame.around(ports, who), view=view)
        return Drawing(fragments, {one.id: str(render.service_row(one)) for one in view.rows})

    return stream(request, f"overview {show}", draw, PAGE_SECONDS)


async def service(request: Request) -> Response:
    ports, who = ports_of(request), everybody(request)
    name, shown = service_in(request), range_in(request.query_params)

    async def draw() -> Drawing:
        view = await service_page(ports, name, shown)
        templates = ("service.html", "quick_fault.html")
        quick = start_of(who, name, held_by(ports, name))
        return Drawing(render.fragments(templates, Frame.around(ports, who), view=view, quick=quick))

    return stream(request, f"service {name} {shown.name}", draw, PAGE_SECONDS)


async def run(request: Request) -> Response:
    ports, who, run_id = ports_of(request), everybody(request), run_id_of(request)
    await run_of(ports, run_id)

    async def draw() -> Drawing:
        found = await run_of(ports, run_id)
        view = RunPage.of(ports, who, await flight_of(ports, found), await ports.journal.entries(run_id))
        fragments = render.fragments(("run.html",), Frame.around(ports, who), view=view)
        return Drawing(fragments, over=not found.live)

    return stream(request, f"run {run_id}", draw, RUN_SECONDS)


async def flags(request: Request) -> Response:
    ports, who, asked = ports_of(request), everybody(request), FlagFilter.of(request.query_params)

    async def draw() -> Drawing:
        view = FlagsPage.of(ports, who, asked, await beside_flags(ports))
        return Drawing(render.fragments(("flags.html",), Frame.around(ports, who), view=view), view.rows)

    return stream(request, f"flags {asked}", draw, FLAG_SECONDS, ports.flag_book.changed)


async def flag(request: Request) -> Response:
    ports, who, (flag_set, key) = ports_of(request), everybody(request), flag_in(request)
    newest(ports, flag_set, key)

    async def draw() -> Drawing:
        view = await flag_page(ports, who, flag_set, key)
        return Drawing(render.fragments(("flag.html",), Frame.around(ports, who), view=view))

    return stream(request, f"flag {flag_set}/{key}", draw, FLAG_SECONDS, ports.flag_book.changed)


def everybody(request: Request) -> Principal:
    """Stands for all who may what whoever asks may."""
    who = principal_of(request)
    return Principal("", who.grants, within=who.within)


def stream(request: Request, name: str, draw: Draw, seconds: float, pulse: Pulse | None = None) -> Response:
    """The stream of a topic, shared by all who may the same. `pulse` wakes it; without one the portal's."""
    topics: dict[str, Topic] = request.app.state.live_topics
    who = everybody(request)
    key = f"{name} {who.grants} {who.within}"
    topic = topics.get(key)
    if topic is None or not topic.readers:
        topic = topics[key] = Topic(ports_of(request), request.app.state.closing, draw, seconds, pulse)
    for idle in [other for other, one in topics.items() if not one.readers and one is not topic]:
        del topics[idle]
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(events(request, topic), media_type="text/event-stream", headers=headers)


async def events(request: Request, topic: Topic) -> AsyncIterator[bytes]:
    """Ends when the reader leaves, is too slow or is not let in any more, or when the portal stops."""
    if (holder := holder_of(request)) is None:
        raise NotAuthenticated("log in first")
    doorkeeper: Doorkeeper = request.app.state.doorkeeper
    grants, queue = principal_of(request).grants, topic.join()

    def hear(who: Principal | None) -> None:
        if who is None or not who.may(Permission.PORTAL_READ):
            topic.dismiss(queue, ENDED)
        elif who.grants != grants:
            topic.dismiss(queue)  # the page comes back, and is drawn for what they may now

    try:
        with doorkeeper.watching(holder, hear):
            yield RETRY
            while (event := await queue.get()) is not None:
                yield event
                if await request.is_disconnected():
                    return
    finally:
        topic.leave(queue)


def _table(rows: Mapping[str, str]) -> str:
    return f'<tbody id="rows">{"".join(rows.values())}</tbody>'
