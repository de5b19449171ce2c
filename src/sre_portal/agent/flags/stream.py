"""The agent's thread follows the definitions, and tells in reports what it has seen and what was asked."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlencode

from sre_portal.agent.clock import SECOND
from sre_portal.agent.flags.known import Known
from sre_portal.agent.flags.line import parse_line
from sre_portal.agent.flags.use import Uses
from sre_portal.agent.lines import Following
from sre_portal.agent.portal import Portal, Refused
from sre_portal.agent.sync import Sync
from sre_portal.contract.flags import PATH, BeatLine
from sre_portal.contract.report import AgentReport, FlagSeen

MAX_LINE = 16 * 1024 * 1024
"""A set of 10,000 flags is about 3 MB."""
LOOK_SECONDS = 0.25
SPREAD_SECONDS = 0.25
"""Over so long the reports of those that see a version are spread, or all would come at once."""


class Listener(Protocol):
    """Is told what happens, on the agent's thread."""

    def heard(self, changed: list[str] | None) -> None:
        """A line came. `changed` are keys of flags; None where no version changed."""

    def refused(self, why: str) -> None:
        """The portal does not let this agent in."""

    def look(self) -> None:
        """Time passes."""


class FlagStream:
    """`agent.extra.Extra`."""

    doing = "reading flags"

    def __init__(self, sync: Sync, names: Sequence[str], known: Known, uses: Uses) -> None:
        self._sync = sync
        self._names = names
        self._known = known
        self._uses = uses
        self._listener: Listener | None = None
        self._draw = random.Random().random
        self._seen: dict[str, int] = {}
        """By set, the version that was told as seen."""
        self._woke_ns = 0
        self._unsound: list[str] = []

    def listen(self, listener: Listener) -> None:
        self._listener = listener

    async def run(self, portal: Portal, instance: str) -> None:
        path = f"{PATH}?{urlencode([*(('set', name) for name in self._names), ('instance', instance)])}"
        looking = asyncio.create_task(self._look())
        try:
            following = Following(portal, self.doing, MAX_LINE)
            await following.run(path, lambda line: self._take(portal, line), failed=self._failed)
        finally:
            looking.cancel()

    def tell(self, report: AgentReport) -> None:
        clock = self._sync.portal_clock
        if clock.error_ns is not None:  # else no instant would mean anything to the portal
            report.flags_seen = [
                FlagSeen(name, known.version, clock.at(known.since_ns))
                for name, known in self._known.sets.items()
                if self._seen.get(name) != known.version
            ]
        report.flag_uses = self._uses.untold()

    def told(self, report: AgentReport) -> None:
        self._seen |= {one.flag_set: one.version for one in report.flags_seen}
        self._uses.told(report.flag_uses)

    def _take(self, portal: Portal, line: bytes) -> None:
        arrived_ns = self._sync.clock.monotonic_ns()
        told = parse_line(line) if line.strip() else None
        if isinstance(told, BeatLine):
            self._sync.portal_clock.hint(told.sent_at, arrived_ns)
        changed = self._known.take(told)
        if changed is not None:
            self._note_unsound(portal)
            self._wake_reporter()
        if self._listener is not None:
            self._listener.heard(changed)

    def _note_unsound(self, portal: Portal) -> None:
        unsound = self._known.unsound()
        if unsound and unsound != self._unsound:
            portal.unreadable += 1
            portal.failed("compiling flags", ValueError("; ".join(unsound)[:500]))
        self._unsound = unsound

    def _wake_reporter(self) -> None:
        """Who has seen a version is asked for while a switch is flipped: not a second later."""
        now_ns = self._sync.clock.monotonic_ns()
        if now_ns - self._woke_ns >= SECOND:
            self._woke_ns = now_ns
            asyncio.get_running_loop().call_later(self._draw() * SPREAD_SECONDS, self._sync.wake)

    def _failed(self, problem: Exception) -> None:
        if isinstance(problem, Refused) and self._listener is not None:
            self._listener.refused(str(problem))

    async def _look(self) -> None:
        while True:
            if self._listener is not None:
                self._listener.look()
            await asyncio.sleep(LOOK_SECONDS)
