"""A stub of the other side of the wire: the two endpoints a portal has for agents, over real sockets."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sre_portal.contract.flags import PATH as FLAGS_PATH
from sre_portal.contract.lease import Lease, Plan, SliDefinition
from sre_portal.contract.report import ReportReceipt

Wire = dict[str, Any]
TOKEN = "token-of-shop"
HANGS_SECONDS = 60
"""A test that waits for longer waits for something that does not come."""


class StubPortal:
    """Sends the plan it holds to every stream, keeps the reports it gets, and lets tests await them.

    `stored` are the reports it has answered with 200.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.reports: list[Wire] = []
        self.stored: list[Wire] = []
        self.queries: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.stream_status = 200
        self.report_status = 200
        self.answers: Callable[[Wire], bytes] = self.receipt
        self.url = ""
        self.flag_queries: list[str] = []
        self.flags_status = 200
        self._lines: list[bytes] = []
        self._flag_lines: list[bytes] = []
        self._seq = 0
        self._changed = asyncio.Condition()
        self._writers: set[asyncio.StreamWriter] = set()

    def receipt(self, report: Wire) -> bytes:
        now = self.now()
        return json.dumps(dataclasses.asdict(ReportReceipt(report["seq"], now, now))).encode()

    async def plan(
        self,
        slis: Sequence[SliDefinition] = (),
        leases: Sequence[Lease] = (),
        *,
        sent_at: float | None = None,
        seq: int | None = None,
    ) -> None:
        """Send a plan to every stream, also to those that come later."""
        self._seq = self._seq + 1 if seq is None else seq
        plan = Plan(self._seq, self.now() if sent_at is None else sent_at, tuple(slis), tuple(leases))
        await self.line(json.dumps(dataclasses.asdict(plan)).encode())

    async def lines(self, plans: Sequence[Plan]) -> None:
        """Send several plans in one piece."""
        await self.line(b"\n".join(json.dumps(dataclasses.asdict(plan)).encode() for plan in plans))

    async def line(self, line: bytes) -> None:
        async with self._changed:
            self._lines.append(line)
            self._changed.notify_all()

    async def flags(self, *told: Wire | bytes) -> None:
        """Send lines about flags to every stream of them; streams that come later get all of them at once."""
        async with self._changed:
            self._flag_lines += [one if isinstance(one, bytes) else json.dumps(one).encode() for one in told]
            self._changed.notify_all()

    def forget_flags(self) -> None:
        """Streams that come from now on get only what is told from now on."""
        self._flag_lines.clear()

    async def reported(self, wanted: Callable[[Wire], bool]) -> Wire:
        """The first report that is as wanted, of those that came and those to come."""
        async with asyncio.timeout(HANGS_SECONDS), self._changed:
            seen = 0
            while True:
                for report in self.reports[seen:]:
                    if wanted(report):
                        return report
                seen = len(self.reports)
                await self._changed.wait()

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait until something about this portal is so."""
        async with asyncio.timeout(HANGS_SECONDS), self._changed:
            await self._changed.wait_for(wanted)

    def hang_up(self) -> None:
        """Close every connection there is."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                method, path, headers = await self._head(reader)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                async with self._changed:
                    self.headers.append(headers)
                    self._changed.notify_all()
                if method == "GET" and path.startswith(FLAGS_PATH):
                    await self._stream(path, writer, self.flag_queries, self._flag_lines)
                elif method == "GET":
                    await self._stream(path, writer, self.queries, self._lines)
                else:
                    await self._report(json.loads(body), writer)
        except (EOFError, OSError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _head(self, reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str]]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        return method, path, {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:-2])}

    async def _stream(
        self, path: str, writer: asyncio.StreamWriter, queries: list[str], lines: list[bytes]
    ) -> None:
        async with self._changed:
            queries.append(path.partition("?")[2])
            self._changed.notify_all()
        is_flags = lines is self._flag_lines
        status = self.flags_status if is_flags else self.stream_status
        if status != 200:
            writer.write(f"HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n".encode())
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n")
        writer.write(b"transfer-encoding: chunked\r\n\r\n")
        sent = 0 if is_flags else max(len(lines) - 1, 0)
        async with self._changed:
            while not writer.transport.is_closing():
                for line in lines[sent:]:
                    writer.write(f"{len(line) + 1:x}\r\n".encode() + line + b"\n\r\n")
                sent = len(lines)
                await self._changed.wait()

    async def _report(self, report: Wire, writer: asyncio.StreamWriter) -> None:
        answer = self.answers(report) if self.report_status == 200 else b"no"
        writer.write(
            f"HTTP/1.1 {self.report_status} So\r\ncontent-length: {len(answer)}\r\n\r\n".encode() + answer
        )
        async with self._changed:
            self.reports.append(report)
            if self.report_status == 200:
                self.stored.append(report)
            self._changed.notify_all()


@asynccontextmanager
async def serving(portal: StubPortal) -> AsyncIterator[StubPortal]:
    """The stub on a port of its own."""
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(portal.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    portal.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield portal
    finally:
        server.close()
        portal.hang_up()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
