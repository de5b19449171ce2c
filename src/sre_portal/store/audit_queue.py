"""Appends to the audit log wait in one line: those that arrive during a commit share the next.

The head of the log is one row that everybody locks. One line a process keeps the other writers free.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from sre_portal.core.errors import Conflict, InvalidInput, NotFound, Problem, StoreUnavailable, Untrusted
from sre_portal.store.audit_tree import Appender, Broken, Changed, Tip, Trust, tip_of
from sre_portal.store.connection import Database
from sre_portal.store.sharing import Sharing

T = TypeVar("T")

SHARED_MOST = 100
"""Acts in one transaction."""

Job = Callable[[Appender], int]
"""Adds entries and returns the number of the event. May raise `NotFound`, `Conflict` or `Changed` before
it adds any."""

Told = int | Exception


class Queue:
    """The only writer of the log in this process. It remembers the newest state it has believed."""

    def __init__(self, database: Database, trust: Trust | None) -> None:
        self.tip: Tip | None = None
        self.broken = ""
        """What was wrong with the log at the last look, as a sentence; empty where nothing was."""
        self.doubts: dict[str, str] = {}
        """What about -> why an entry is not the one that was signed. Each stays until that works again."""
        self._database = database
        self._trust = trust
        self._sharing: Sharing[Job, int] = Sharing(self._write, SHARED_MOST)

    async def add(self, job: Job) -> int:
        """Does a job; returns when what it added is durable.

        Raises `StoreUnavailable` where the log cannot be written or is not the one this program knows, and
        what the job raises. Where that may be `Changed`, call it in `doubting`.
        """
        return await self._sharing.add(job)

    async def look(self) -> None:
        """Holds the log against what is known of it. Raises `StoreUnavailable`, also while in doubt."""
        await self.read(lambda _connection, _tip: None)
        for doubt in self.doubts.values():
            raise self._untrusted(doubt)

    async def read(self, work: Callable[[Connection, Tip], T]) -> T:
        """Reads with the newest state of the log that is believed. Raises as `add`."""
        trust = self._given()

        def with_tip(connection: Connection) -> tuple[Tip, T]:
            tip = tip_of(connection, trust, self.tip)
            return tip, work(connection, tip)

        tip, found = await self._trusting(lambda: self._database.read(with_tip))
        self._believe(tip)
        return found

    @contextmanager
    def doubting(self, what: str) -> Iterator[None]:
        """Turns `Changed` into `Untrusted`, and keeps the doubt until the same works again."""
        try:
            yield
        except Changed as changed:
            self.doubts[what] = str(changed)
            raise self._untrusted(str(changed)) from None
        except (NotFound, Conflict):  # that was told by entries that hold
            self.doubts.pop(what, None)
            raise
        self.doubts.pop(what, None)

    async def _write(self, jobs: Sequence[Job]) -> Sequence[Told]:
        work = partial(self._append, trust=self._given(), jobs=jobs)
        tip, told = await self._trusting(lambda: self._database.write(work))
        self._believe(tip)
        return told

    def _append(self, connection: Connection, trust: Trust, jobs: Sequence[Job]) -> tuple[Tip, list[Told]]:
        log = Appender(connection, trust, self.tip)
        told = [_told(job, log) for job in jobs]
        return log.sign(), told

    async def _trusting(self, work: Callable[[], Awaitable[T]]) -> T:
        try:
            done = await work()
        except Changed:
            self.broken = ""
            raise
        except Broken as broken:
            self.broken = str(broken)
            raise StoreUnavailable(
                f"The audit log in {self._database.place} cannot be trusted; nothing is added to it. {broken}"
            ) from None
        self.broken = ""
        return done

    def _believe(self, tip: Tip) -> None:
        if self.tip is None or tip.frontier.size >= self.tip.frontier.size:
            self.tip = tip

    def _untrusted(self, why: str) -> Untrusted:
        return Untrusted(f"An entry of the audit log in {self._database.place} cannot be trusted. {why}")

    def _given(self) -> Trust:
        if self._trust is None:
            raise StoreUnavailable("The audit log was opened without a key, so nothing is added to it.")
        return self._trust


def _told(job: Job, log: Appender) -> Told:
    """What came of one job. One that cannot be written as JSON or UTF-8 is told so, and spoils no other."""
    try:
        return job(log)
    except UnicodeEncodeError as unfit:
        return InvalidInput([Problem("value", unfit.reason, "text that is valid Unicode")])
    except (NotFound, Conflict, Changed, ValueError) as refused:
        return refused
