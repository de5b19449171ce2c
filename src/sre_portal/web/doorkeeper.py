"""Tells streams when whoever reads them is let in no more, or may something else than before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from sre_portal.core.access import Principal
from sre_portal.core.errors import StoreUnavailable
from sre_portal.operations.ports import Ports
from sre_portal.web.holder import Holder, principal_now

log = structlog.get_logger("sre_portal.web")

Told = Callable[[Principal | None], None]
"""Hears who somebody is now; None where they are let in no more. It must not wait, nor raise."""


@dataclass(slots=True)
class _Watched:
    told: list[Told] = field(default_factory=list)
    task: asyncio.Task[None] | None = None


class Doorkeeper:
    """Asks about each token and each session once, however many streams it has. Lives in one event loop."""

    def __init__(self, ports: Ports, seconds: float) -> None:
        """Access that ends by itself, and is told by nobody, is seen at most so many seconds later."""
        self._ports = ports
        self._seconds = seconds
        self._watched: dict[Holder, _Watched] = {}

    def __len__(self) -> int:
        """How many tokens and sessions are watched."""
        return len(self._watched)

    @contextmanager
    def watching(self, holder: Holder, told: Told) -> Iterator[None]:
        """While it lasts, `told` hears of a holder when access changed anywhere, and now and then.

        While the database is away it hears nothing: whoever was let in stays in.
        """
        watched = self._watched.setdefault(holder, _Watched())
        watched.told.append(told)
        if watched.task is None:
            watched.task = asyncio.create_task(self._watch(holder, watched))
        try:
            yield
        finally:
            watched.told.remove(told)
            if not watched.told:
                watched.task.cancel()
                del self._watched[holder]

    async def _watch(self, holder: Holder, watched: _Watched) -> None:
        access = self._ports.access
        count = access.count
        while True:
            try:
                who = await principal_now(self._ports, holder)
            except StoreUnavailable:
                pass
            except Exception:  # nobody reads on unwatched
                log.exception("bug in watching over streams")
                _tell(watched, None)
            else:
                _tell(watched, who)
            count = await access.after(count, self._seconds)


def _tell(watched: _Watched, who: Principal | None) -> None:
    for told in tuple(watched.told):
        told(who)
