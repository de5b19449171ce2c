"""Starts a run and stays with it to the end: the part that takes time."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from sre_portal.cli.display import Display
from sre_portal.cli.exits import Code, CommandFailed
from sre_portal.cli.portal import START_TIMEOUT_SECONDS, Portal, PortalLost
from sre_portal.cli.seen import RunSeen, parse_run

LEASES_END = "Leases end by themselves within 5 s of the portal's last renewal, so nothing stays broken."


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to ask, and how long to go on without an answer."""

    poll_seconds: float = 0.25
    lost_seconds: float = 15.0
    judge_seconds: float = 5.0
    """How long to wait for the verdict of an aborted run that has been reverted."""


@dataclass(slots=True)
class Interrupts:
    """Ctrl-C and SIGTERM: the first asks for an abort, the second to leave at once."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    leave: asyncio.Event = field(default_factory=asyncio.Event)

    def arrive(self) -> None:
        (self.leave if self.asked.is_set() else self.asked).set()

    @contextmanager
    def listening(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.arrive)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


@dataclass(frozen=True, slots=True)
class Ended:
    """The last state of a run: as the portal told it, and as it was read."""

    answer: object
    run: RunSeen
    interrupted: bool


@dataclass(slots=True)
class Follower:
    """One run, from the start to its end."""

    portal: Portal
    display: Display
    interrupts: Interrupts
    patience: Patience = Patience()
    _begun_at: float = 0.0

    async def run(self, path: str, body: Mapping[str, object]) -> Ended:
        """Starts a run at a path of the API, and returns when the run is over, or aborted and reverted.

        Raises `CommandFailed`: the start was refused, the portal was lost, or a second Ctrl-C came.
        """
        following = asyncio.create_task(self._follow(path, body))
        leaving = asyncio.create_task(self.interrupts.leave.wait())
        try:
            await asyncio.wait({following, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                return following.result()
            raise CommandFailed(
                Code.ABORTED, f"Left at once; whether the abort arrived is not known. {LEASES_END}"
            )
        finally:
            leaving.cancel()
            following.cancel()
            with suppress(asyncio.CancelledError, CommandFailed):
                await following

    async def _follow(self, path: str, body: Mapping[str, object]) -> Ended:
        self._begun_at = _now()
        answer = await self._start(path, body)
        run = parse_run(answer)
        while run.live:
            self._show(run)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.interrupts.asked.wait(), self.patience.poll_seconds)
            if self.interrupts.asked.is_set():
                return await self._abort(run)
            answer, run = await self._look(run.id)
        self._show(run)
        return Ended(answer, run, interrupted=False)

    def _show(self, run: RunSeen) -> None:
        self.display.show(run, _now() - self._begun_at)

    async def _start(self, path: str, body: Mapping[str, object]) -> object:
        try:
            return await self.portal.post(path, body, within_seconds=START_TIMEOUT_SECONDS)
        except PortalLost as lost:
            raise PortalLost(f"{lost} If a run was started all the same, it ends by itself.") from None

    async def _abort(self, run: RunSeen) -> Ended:
        """Aborts, and waits for the revert; for the verdict only a moment longer."""
        self.display.note("Aborting, and waiting for the revert. Ctrl-C again leaves at once.")
        body = {"reason": "Ctrl-C on the command line"}
        await self._persist(lambda: self.portal.post(f"/runs/{run.id}/abort", body))
        answer, run = await self._look(run.id)
        seen_reverted_at: float | None = None
        while run.live and (
            seen_reverted_at is None or _now() - seen_reverted_at < self.patience.judge_seconds
        ):
            self._show(run)
            if run.reverted and seen_reverted_at is None:
                seen_reverted_at = _now()
            await asyncio.sleep(self.patience.poll_seconds)
            answer, run = await self._look(run.id)
        self._show(run)
        return Ended(answer, run, interrupted=True)

    async def _look(self, run_id: int) -> tuple[object, RunSeen]:
        answer = await self._persist(lambda: self.portal.get(f"/runs/{run_id}"))
        return answer, parse_run(answer)

    async def _persist(self, ask: Callable[[], Awaitable[object]]) -> object:
        """Asks until there is an answer, for as long as patience lasts."""
        lost: PortalLost | None = None
        try:
            async with asyncio.timeout(self.patience.lost_seconds):
                while True:
                    try:
                        answer = await ask()
                    except PortalLost as again:
                        if lost is None:
                            self.display.note(f"{again} Trying on for {self.patience.lost_seconds:.0f} s.")
                        lost = again
                        await asyncio.sleep(self.patience.poll_seconds)
                    else:
                        if lost is not None:
                            self.display.note("The portal answers again.")
                        return answer
        except TimeoutError:
            raise PortalLost(
                f"The portal was lost in the middle of the run. {lost or ''} {LEASES_END}"
            ) from None


def _now() -> float:
    return asyncio.get_running_loop().time()
