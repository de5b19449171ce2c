"""The agent's thread and its only network: it reads the stream of plans and sends reports.

The thread has an event loop of its own, so that a slow host does not delay it and it does not delay the host.
All of it may fail or be gone without harm: leases end by the clock, in the request path.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Lock, Thread

from sre_portal.agent.clock import Clock, PortalClock
from sre_portal.agent.extra import Extra
from sre_portal.agent.identity import Identity, instance_name
from sre_portal.agent.lease import LeaseBook
from sre_portal.agent.portal import Portal
from sre_portal.agent.reporter import MAX_SECONDS, Reporter
from sre_portal.agent.stream import PlanStream
from sre_portal.agent.tally import BACKLOG_SECONDS, Tally

LAST_REPORT_SECONDS = 0.45
BEGIN_AGAIN_SECONDS = 1.0


@dataclass(slots=True)
class _Session:
    """The thread between a start and a stop."""

    loop: asyncio.AbstractEventLoop
    instance: str
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    done: Callable[[], object] | None = None
    process: int = field(default_factory=os.getpid)
    extras: dict[Extra, asyncio.Task[None]] = field(default_factory=dict)


class Sync:
    """Starts and stops the thread. Every method may be called from any thread."""

    def __init__(
        self,
        identity: Identity,
        clock: Clock,
        portal_clock: PortalClock,
        tally: Tally,
        book: LeaseBook,
        *,
        takes_leases: bool = True,
    ) -> None:
        """A process that serves no requests takes no leases: it could not obey them."""
        self.clock = clock
        self.portal_clock = portal_clock
        self._takes_leases = takes_leases
        self._identity = identity
        self._instance = identity.instance
        self._now = clock.monotonic_ns
        self._tally = tally
        self._book = book
        self._portal = Portal(identity, clock)
        self._stream = PlanStream(self._portal, clock, portal_clock, tally, book)
        self._reporter = Reporter(identity, self._portal, clock, portal_clock, tally, book)
        self._lock = Lock()
        self._session: _Session | None = None

    @property
    def service(self) -> str:
        return self._identity.service

    def misfire(self) -> None:
        """Something of the agent's own failed, and the host goes on."""
        self._tally.misfire()

    def add(self, extra: Extra) -> None:
        """The thread does this too, as soon as it runs."""
        with self._lock:
            if extra not in self._reporter.extras:
                self._reporter.extras.append(extra)
        self._follow_extras()

    def remove(self, extra: Extra) -> None:
        """The thread does this no more."""
        with self._lock:
            if extra in self._reporter.extras:
                self._reporter.extras.remove(extra)
        self._follow_extras()

    def _follow_extras(self) -> None:
        session = self._session
        if session is not None:
            self._call(session, lambda: self._run_extras(session))

    def start(self) -> None:
        """Start the thread unless it runs in this process."""
        session = self._session
        if session is not None and session.process == os.getpid():
            return
        with self._lock:
            if self._session is None or self._session.process != os.getpid():
                if self._session is not None:  # a fork of a process that had one: threads stay behind
                    self._instance = self._identity.instance
                # Named here and not when built, because servers fork in between. The loop is the standard
                # library's own, whatever policy the host has set.
                self._instance = self._instance or instance_name()
                session = _Session(asyncio.SelectorEventLoop(), self._instance)
                Thread(target=self._run, args=(session,), name="sre-portal-agent", daemon=True).start()
                self._session = session

    def stop(self, done: Callable[[], object]) -> None:
        """Send a last report and end the thread; it calls `done` then."""
        with self._lock:
            session, self._session = self._session, None
        if session is None:
            done()
        else:
            session.done = done
            self._signal(session, session.stopping)

    def wake(self) -> None:
        """There is something to tell at once."""
        session = self._session
        if session is not None:
            self._signal(session, session.woken)

    def _signal(self, session: _Session, event: asyncio.Event) -> None:
        self._call(session, event.set)

    @staticmethod
    def _call(session: _Session, work: Callable[[], object]) -> None:
        try:
            session.loop.call_soon_threadsafe(work)
        except RuntimeError:  # the loop is closed: nobody to tell
            return

    def _run(self, session: _Session) -> None:
        try:
            session.loop.run_until_complete(self._main(session))
        except Exception as problem:  # noqa: BLE001  # the host goes on without an agent
            self._portal.failed("running", problem)
        finally:
            session.loop.close()
            if session.done is not None:
                session.done()

    async def _main(self, session: _Session) -> None:
        service, instance = self._identity.service, session.instance
        works = [("reporting", lambda: self._reporter.run(instance, session.woken))]
        if self._takes_leases:
            works.append(("reading plans", lambda: self._stream.run(service, instance)))
        tasks = [asyncio.create_task(self._kept(session, doing, work)) for doing, work in works]
        self._run_extras(session)
        await session.stopping.wait()
        tasks += session.extras.values()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._book.shut_down()
        self._tally.close_now(self._now())
        try:
            async with asyncio.timeout(LAST_REPORT_SECONDS):
                await self._tell_the_rest(session.instance)
        except Exception as problem:  # noqa: BLE001  # the portal is gone; so are we
            self._portal.failed("telling the last counts", problem)
        self._reporter.close()
        await asyncio.sleep(0)  # the transport is gone before its loop is

    def _run_extras(self, session: _Session) -> None:
        """Begins the work of those that are new and ends that of those that are gone."""
        if session.stopping.is_set():
            return
        wanted = list(self._reporter.extras)
        for extra in [one for one in session.extras if one not in wanted]:
            session.extras.pop(extra).cancel()
        for extra in [one for one in wanted if one not in session.extras]:
            work = partial(extra.run, self._portal, session.instance)
            is_wanted = partial(self._reporter.extras.__contains__, extra)
            session.extras[extra] = asyncio.create_task(self._kept(session, extra.doing, work, is_wanted))

    async def _kept(
        self,
        session: _Session,
        doing: str,
        work: Callable[[], Awaitable[None]],
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Does a part of the work until the stop. A part that ends before is begun again."""
        while True:
            try:
                await work()
            except BaseException as problem:
                if session.stopping.is_set() or not is_wanted():
                    raise
                if not isinstance(problem, Exception | asyncio.CancelledError):
                    raise
                self._portal.failed(doing, problem)
            await asyncio.sleep(BEGIN_AGAIN_SECONDS)

    async def _tell_the_rest(self, instance: str) -> None:
        for _ in range(1 + BACKLOG_SECONDS // MAX_SECONDS):
            if not await self._reporter.report(instance):
                return
