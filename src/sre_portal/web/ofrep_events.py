"""Event streams of OFREP: a browser program is told that it should ask again, never what it would get.

Only the newest word about a set matters, so nothing is queued for anybody: a reader takes what is newest when
it can. Whoever comes without having heard that is told at once, because something may have changed between
its answer and its stream.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from hashlib import blake2b
from itertools import chain

import structlog
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sre_portal.core.access import Permission, Principal
from sre_portal.core.errors import NotAuthenticated, RateLimited
from sre_portal.core.flag.lookup import Facts
from sre_portal.core.flag_facts_read import FactsRead
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_name import asked_of
from sre_portal.operations.flag_facts import facts_of
from sre_portal.operations.ports import Ports
from sre_portal.operations.pulse import Pulse
from sre_portal.web.context import ports_of
from sre_portal.web.denial import STRANGER, require_or_tell, tell_denial
from sre_portal.web.doorkeeper import Doorkeeper
from sre_portal.web.holder import Holder, principal_now
from sre_portal.web.limits import FlagLimits
from sre_portal.web.ofrep_ticket import Ticket, open_ticket
from sre_portal.web.ofrep_wire import tag_of_version
from sre_portal.web.rate import RETRY_STREAM_SECONDS, limit

log = structlog.get_logger("sre_portal.web")

LISTEN = "flag:listen"
"""What a refusal is called in the audit log."""
RETRY = b"retry: 2000\n\n"
KEEP = b": \n\n"
SetVersion = tuple[str, int]
"""A set, and the version of it that a reader was told of."""


class Channel:
    """One set, and the newest word about it."""

    def __init__(self, kept: KeptSet, facts: Facts) -> None:
        self.changed = Pulse()
        self.readers = 0
        self.id, self.event = "", b""
        self._kept = kept
        self._facts_read = FactsRead(kept)
        self._told = self._facts_read.of(facts)
        self._told_at = float("-inf")
        self._say()

    @property
    def name(self) -> str:
        return self._kept.name

    @property
    def version(self) -> int:
        return self._kept.version

    def look(self, kept: KeptSet, facts: Facts, now: float, pause_seconds: float) -> None:
        """Says a new word where a new version is in force, or facts that the set reads are others.

        Facts alone lead to one at most every `pause_seconds`.
        """
        is_new = kept is not self._kept
        if is_new:
            self._kept = kept
            self._facts_read.follow(kept)
        told = self._facts_read.of(facts)
        if told != self._told and (is_new or now - self._told_at >= pause_seconds):
            is_new, self._told, self._told_at = True, told, now
        if is_new:
            self._say()

    def _say(self) -> None:
        version = self.version
        facts = "0" if self._told is None else _digest_of(self._told)
        at = max((row.changed_at for row in self._kept.rows.values()), default=None)
        told: dict[str, object] = {"type": "refetchEvaluation", "etag": tag_of_version(version)}
        if at is not None:
            told["lastModified"] = int(at.timestamp())
        self.id = f"{version}-{facts}"
        self.event = f"id: {self.id}\ndata: {json.dumps(told, separators=(',', ':'))}\n\n".encode()
        self.changed.beat()


class Stream:
    """One open stream of a token or session."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.is_out = False

    def hear(self, who: Principal | None) -> None:
        """Ends it where its reader may not ask for the set any more."""
        if who is None or not who.may(Permission.FLAG_ASK, asked_of(self.channel.name)):
            self.end()

    def end(self) -> None:
        self.is_out = True
        self.channel.changed.beat()


class FlagStreams:
    """The open streams of this replica. Lives in one event loop, works while somebody listens."""

    def __init__(
        self, ports: Ports, doorkeeper: Doorkeeper, closing: asyncio.Event, limits: FlagLimits
    ) -> None:
        self.ports = ports
        self.doorkeeper = doorkeeper
        self.closing = closing
        self.limits = limits
        self.channels: dict[str, Channel] = {}
        self.streams: dict[Holder, list[Stream]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def read(self, ticket: Ticket, heard: str) -> AsyncIterator[bytes]:
        """What a stream says until it ends. `heard` is the last id that its reader has heard of."""
        channel = self._channel(ticket.flag_set)
        channel.readers += 1
        stream = Stream(channel)
        self.streams.setdefault(ticket.holder, []).append(stream)
        told = self.ports.watch.flag_listeners
        place: SetVersion | None = None
        try:
            with self.doorkeeper.watching(ticket.holder, stream.hear):
                yield RETRY
                while not (stream.is_out or self.closing.is_set()):
                    count = channel.changed.count
                    word = channel.event if channel.id != heard else KEEP
                    heard = channel.id
                    place = _moved(told, place, (ticket.flag_set, channel.version))
                    yield word
                    await channel.changed.after(count, self.limits.keep_seconds)
        finally:
            _moved(told, place, None)
            channel.readers -= 1
            self._forget(ticket, stream)

    def is_full(self, holder: Holder) -> bool:
        """Whether a token or session has all the streams that it may."""
        return len(self.streams.get(holder, ())) >= self.limits.streams_of_a_holder

    def _channel(self, name: str) -> Channel:
        channel = self.channels.get(name)
        if channel is None:
            if not self.channels:
                for work in (self._look(), self._close()):
                    _ = self._begin(work)
            kept = self.ports.flag_book.get(name) or KeptSet(name)
            channel = self.channels[name] = Channel(kept, facts_of(self.ports))
        return channel

    def _forget(self, ticket: Ticket, stream: Stream) -> None:
        own, channel = self.streams[ticket.holder], stream.channel
        own.remove(stream)
        if not own:
            del self.streams[ticket.holder]
        if not channel.readers and self.channels.get(ticket.flag_set) is channel:
            del self.channels[ticket.flag_set]
        if not self.channels:
            for task in self._tasks:
                task.cancel()

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        log.error("bug in the event streams of flags", exc_info=task.exception())
        for stream in chain.from_iterable(self.streams.values()):
            stream.end()  # nobody listens to what says nothing: they come back

    async def _look(self) -> None:
        """Looks at every set that somebody listens to, whenever definitions or facts may be others."""
        book, loop, count = self.ports.flag_book, asyncio.get_running_loop(), -1
        while True:
            count = await book.changed.after(count, self.limits.look_seconds)
            facts = facts_of(self.ports)
            for name, channel in self.channels.items():
                kept = book.get(name) or KeptSet(name)
                channel.look(kept, facts, loop.time(), self.limits.facts_seconds)

    async def _close(self) -> None:
        """Ends every stream when the portal stops."""
        await self.closing.wait()
        for channel in self.channels.values():
            channel.changed.beat()


async def events(request: Request) -> Response:
    """The stream of the set and of the asker that a ticket names."""
    ticket = await _ticket_of(request)
    streams: FlagStreams = request.app.state.flag_streams
    if streams.is_full(ticket.holder):
        raise RateLimited(RETRY_STREAM_SECONDS)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    if request.method == "HEAD":
        return Response(headers=headers, media_type="text/event-stream")
    heard = request.headers.get("last-event-id", "")
    return StreamingResponse(streams.read(ticket, heard), media_type="text/event-stream", headers=headers)


async def _ticket_of(request: Request) -> Ticket:
    """A ticket that is good now. Raises `NotAuthenticated` or `NotPermitted`.

    One that has only run out is asked for by everybody who comes back, and is no denial.
    """
    ports = ports_of(request)
    ticket = open_ticket(ports.keys, request.query_params.get("ticket", ""))
    if ticket is not None and ticket.ends_at <= ports.clock.now().timestamp():
        raise NotAuthenticated("this ticket has run out: ask for all flags again, the answer has a new one")
    who = None if ticket is None else await principal_now(ports, ticket.holder)
    if ticket is None or who is None:
        await limit(request, "token")
        why = (
            "this is not a ticket of this portal"
            if ticket is None
            else "whoever was given this ticket is out"
        )
        await tell_denial(request, STRANGER, LISTEN, why)
        raise NotAuthenticated(f"{why}: ask for all flags again, the answer has one")
    request.scope["principal"] = who
    await require_or_tell(request, who, Permission.FLAG_ASK, asked_of(ticket.flag_set), LISTEN)
    return ticket


def _digest_of(facts: Facts) -> str:
    """The same for the same facts, at every replica."""
    text = json.dumps({name: dict(told) for name, told in facts.items()}, sort_keys=True)
    return blake2b(text.encode(), digest_size=6).hexdigest()


def _moved(
    told: dict[SetVersion, int], before: SetVersion | None, after: SetVersion | None
) -> SetVersion | None:
    """Counts a reader at another version than before; None is not counted at all."""
    if before != after:
        if before is not None:
            told[before] -= 1
            if not told[before]:
                del told[before]
        if after is not None:
            told[after] = told.get(after, 0) + 1
    return after
