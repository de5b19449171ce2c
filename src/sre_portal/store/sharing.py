"""Group commit: what is asked for while a commit is in progress shares the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sre_portal.core.errors import InvalidInput

Job = TypeVar("Job")
Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Job, Told]):
    """A job that somebody waits for."""

    job: Job
    told: asyncio.Future[Told]

    def done(self, result: Told | Exception) -> None:
        if self.told.done():  # whoever waited has gone
            return
        if isinstance(result, Exception):
            self.told.set_exception(result)
        else:
            self.told.set_result(result)


class Sharing(Generic[Job, Told]):
    """Lives in one event loop.

    `write` does at most `most` jobs in one transaction, and answers each in their order: what came of it, or
    why nothing did. Where it raises `InvalidInput`, each job is tried alone.
    """

    def __init__(
        self, write: Callable[[Sequence[Job]], Awaitable[Sequence[Told | Exception]]], most: int
    ) -> None:
        self._write_together = write
        self._most = most
        self._waiting: list[_Waiting[Job, Told]] = []
        self._writer: asyncio.Task[None] | None = None

    async def add(self, job: Job) -> Told:
        """Does a job; returns when it is durable. Raises what `write` raises or answers."""
        waiting: _Waiting[Job, Told] = _Waiting(job, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_waiting())
        return await waiting.told

    async def _write_waiting(self) -> None:
        try:
            while self._waiting:
                many, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._write(many)
        finally:
            self._writer = None

    async def _write(self, many: Sequence[_Waiting[Job, Told]]) -> None:
        try:
            told = await self._write_together([one.job for one in many])
        except InvalidInput as unfit:
            if len(many) == 1:
                many[0].done(unfit)
            else:  # one of them is to blame: the others must not suffer for it
                for one in many:
                    await self._write([one])
        except Exception as failure:  # noqa: BLE001  # whatever it was, each of them waits to hear it
            for one in many:
                one.done(failure)
        else:
            for one, result in zip(many, told, strict=True):
                one.done(result)
