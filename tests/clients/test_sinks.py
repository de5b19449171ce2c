"""What sinks of the audit log are really told, over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from sre_portal.clients import otlp as otlp_module
from sre_portal.clients.otlp import ANSWER_BYTES, OtlpSink
from sre_portal.clients.syslog import UDP_MOST, SyslogSink
from sre_portal.core.audit import Entry
from sre_portal.core.errors import UpstreamFailed
from sre_portal.core.sink import parse_sinks

ENTRY = Entry(
    7,
    6,
    "outcome",
    datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC),
    "omar",
    "account:1",
    "run:start",
    "experiment errors-shop",
    "denied",
    '{"actor":"Ömar","line":"one\\ntwo"}',
    "ab" * 32,
)


@dataclass
class Listener:
    """A server that keeps what it is told, and answers as told."""

    answer: bytes = b""
    told: bytes = b""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.answer:
            head = await reader.readuntil(b"\r\n\r\n")
            size = next(
                int(line[16:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: ")
            )
            self.told = head + await reader.readexactly(size)
            writer.write(self.answer)
            await writer.drain()
        else:
            self.told += await reader.read()
        writer.close()
        self.ended.set()


@asynccontextmanager
async def listening(listener: Listener) -> AsyncIterator[int]:
    async with await asyncio.start_server(listener.serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def syslog(url: str) -> SyslogSink:
    return SyslogSink(parse_sinks(url)[0], "test")


def otlp(port: int, path: str = "") -> OtlpSink:
    return OtlpSink(parse_sinks(f"otlp+http://127.0.0.1:{port}{path}")[0], "test")


def http(status: str, body: bytes = b"{}") -> bytes:
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (
        status.encode(),
        len(body),
        body,
    )


async def test_syslog_over_tcp_counts_its_octets() -> None:
    listener = Listener()
    async with listening(listener) as port:
        await syslog(f"syslog+tcp://127.0.0.1:{port}").tell([ENTRY, replace(ENTRY, seq=8, outcome="done")])
        await asyncio.wait_for(listener.ended.wait(), 5)
    messages, left = [], listener.told
    while left:
        size, _, left = left.partition(b" ")
        messages.append(left[: int(size)])
        left = left[int(size) :]
    first, second = messages
    head, _, body = first.partition(b"\xef\xbb\xbf")
    host = socket.gethostname()
    assert head.decode() == (
        f"<108>1 2026-11-23T12:00:00.250000Z {host} sre-portal-test - run:start "
        f'[sreportal@32473 seq="7" event="6" hash="{"ab" * 32}"] '
    )
    assert body.decode() == ENTRY.leaf
    assert second.startswith(b"<109>1 ")


async def test_syslog_over_udp_is_one_datagram_each() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        sink = syslog(f"syslog+udp://127.0.0.1:{receiver.getsockname()[1]}")
        await sink.tell([ENTRY, replace(ENTRY, leaf="x" * 70_000)])
        assert (await asyncio.to_thread(receiver.recv, 2**16)).startswith(b"<108>1 ")
        assert len(await asyncio.to_thread(receiver.recv, 2**17)) == UDP_MOST


async def test_a_syslog_server_that_is_not_there_is_told() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        name = f"syslog+tcp://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(UpstreamFailed) as refused:
            await syslog(name).tell([ENTRY])
    assert refused.value.reason.startswith(name)


async def test_otlp_is_an_export_request_in_json() -> None:
    listener = Listener(http("200 OK"))
    async with listening(listener) as port:
        await otlp(port, "/collect").tell([ENTRY])
    head, _, body = listener.told.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /collect/v1/logs HTTP/1.1\r\n")
    (logs,) = json.loads(body)["resourceLogs"]
    assert {"key": "service.name", "value": {"stringValue": "sre-portal"}} in logs["resource"]["attributes"]
    (record,) = logs["scopeLogs"][0]["logRecords"]
    assert record["timeUnixNano"] == "1795435200250000000"
    assert (record["severityText"], record["eventName"]) == ("WARN", "audit.outcome")
    assert record["body"] == {"stringValue": ENTRY.leaf}
    assert {"key": "audit.seq", "value": {"intValue": "7"}} in record["attributes"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (http("503 Service Unavailable"), "answered with status 503"),
        (http("302 Found"), "answered with status 302"),
        (
            http("200 OK", b'{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"full"}}'),
            "1 records refused, full",
        ),
    ],
)
async def test_a_collector_that_does_not_take_it_is_told(answer: bytes, why: str) -> None:
    async with listening(Listener(answer)) as port:
        with pytest.raises(UpstreamFailed) as refused:
            await otlp(port).tell([ENTRY])
    assert why in refused.value.reason


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", b"not json"),
        http("200 OK", b"[]"),
        http("200 OK", b'{"partialSuccess":{"rejectedLogRecords":0}}'),
    ],
)
async def test_a_collector_that_took_everything_says_so_in_many_ways(answer: bytes) -> None:
    async with listening(Listener(answer)) as port:
        await otlp(port).tell([ENTRY])


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (http("200 OK", b" " * (ANSWER_BYTES + 1)), "answered with more than 65536 bytes"),
        (http("200 OK\r\ncontent-encoding: gzip", b"{}"), "compressed answer"),
        (http("200 OK", b"[" * ANSWER_BYTES), ""),
    ],
)
async def test_no_more_of_an_answer_is_read_than_a_sound_one_has(answer: bytes, why: str) -> None:
    async with listening(Listener(answer)) as port:
        if not why:
            await otlp(port).tell([ENTRY])
            return
        with pytest.raises(UpstreamFailed) as refused:
            await otlp(port).tell([ENTRY])
    assert why in refused.value.reason


async def test_a_reason_that_a_collector_gives_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_module, "LONGEST", 30)
    body = b'{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"%s"}}' % (b"x" * 1000)
    async with listening(Listener(http("200 OK", body))) as port:
        with pytest.raises(UpstreamFailed) as refused:
            await otlp(port).tell([ENTRY])
    assert refused.value.reason.endswith(f"took only a part: 1 records refused, {'x' * 11}")


async def test_a_collector_that_answers_byte_by_byte_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time; the whole does not."""
    monkeypatch.setattr(otlp_module, "SECONDS", 0.3)
    ended = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n")
        left = asyncio.create_task(reader.read())
        while not left.done():
            writer.write(b" ")
            await asyncio.wait({left}, timeout=0.02)
        writer.close()
        with suppress(OSError):
            await left
            await writer.wait_closed()
        ended.set()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        with pytest.raises(UpstreamFailed, match="cannot be asked now") as refused:
            await otlp(server.sockets[0].getsockname()[1]).tell([ENTRY])
        await asyncio.wait_for(ended.wait(), 5)
    assert "did not take it in 0.3 s" in refused.value.reason


async def test_a_collector_that_is_not_there_is_told() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(UpstreamFailed):
            await otlp(nobody.getsockname()[1]).tell([ENTRY])


def test_addresses_of_sinks_are_parsed() -> None:
    found = parse_sinks("syslog+tcp://logs.example , syslog+udp://[::1]:5514,otlp+https://collector:4319/in/")
    assert [one.name for one in found] == [
        "syslog+tcp://logs.example:601",
        "syslog+udp://[::1]:5514",
        "otlp+https://collector:4319/in",
    ]
    assert parse_sinks("") == ()


def test_every_address_that_is_none_is_named_and_no_password_is() -> None:
    with pytest.raises(ValueError, match="separated by commas") as wrong:
        parse_sinks(
            "http://a,syslog+tcp://,syslog+tcp://a/b,otlp+http://u:secret@b,otlp+http://c:99999,otlp+http://d?x"
        )
    said = str(wrong.value)
    for part in (
        "http://a: a kind of sink nobody knows",
        "syslog+tcp://: no host",
        "syslog has no path",
        "b: more than host, port and path",
        "a port from 1 to 65535",
        "otlp+http://d?x",
    ):
        assert part in said
    assert "secret" not in said
    with pytest.raises(ValueError, match="one address twice"):
        parse_sinks("syslog+tcp://a,syslog+tcp://a:601")
