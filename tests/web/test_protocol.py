"""What a client may take of the listener: real connections, real bytes."""

from __future__ import annotations

import asyncio

import pytest

from sre_portal.web.crowd import CrowdLimits, networks_in
from sre_portal.web.protocol import Bounds
from tests.web.wire import KNOWN, SOON, Client, Listener, listening, small_app

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"
GET = HEAD + b"\r\n"
LAST = HEAD + b"Connection: close\r\n\r\n"
HASTY = Bounds(head_seconds=SOON, body_seconds=SOON, unread_seconds=SOON)


async def test_a_request_in_pieces_is_heard() -> None:
    async with listening(small_app()) as listener:
        client = await listener.connect()
        for piece in (LAST[:7], LAST[7:30], LAST[30:]):
            client.send(piece)
            await asyncio.sleep(0)
        assert b"0 bytes from 127.0.0.1" in await client.rest()


async def test_many_requests_on_one_connection_are_answered_in_turn() -> None:
    async with listening(small_app()) as listener:
        assert (await listener.ask(GET * 5 + LAST)).count(b"200 OK") == 6


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET", HEAD, HEAD + b"X-Slow: "])
async def test_a_head_that_does_not_come_is_not_waited_for(sent: bytes) -> None:
    async with listening(small_app(), HASTY) as listener:
        answer = await listener.ask(sent)
        assert answer.startswith(b"HTTP/1.1 408") is (len(sent) > 2)
        assert not listener.crowd.everybody


async def test_the_second_head_on_a_connection_is_not_waited_for_either() -> None:
    async with listening(small_app(), HASTY) as listener:
        client = await listener.connect()
        client.send(GET)
        assert b"200 OK" in await client.answer()
        client.send(HEAD)
        assert b"408" in await client.rest()


async def test_a_head_that_trickles_in_has_one_deadline_for_all_of_it() -> None:
    async with listening(small_app(), HASTY) as listener:
        client = await listener.connect()
        trickle = asyncio.create_task(drip(client))
        assert b"408" in await client.rest()
        trickle.cancel()


async def drip(client: Client) -> None:
    client.send(HEAD)
    while not client.writer.is_closing():
        client.send(b"X-A: b\r\n")
        await asyncio.sleep(SOON / 10)


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async with listening(small_app(), HASTY) as listener:
        answer = await listener.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"application/problem+json" in answer


async def test_a_body_nobody_waits_for_does_not_hold_the_connection() -> None:
    async with listening(small_app(), HASTY) as listener:
        client = await listener.connect()
        client.send(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nhalf")
        assert b"401" in await client.answer()
        await client.rest()
        await nobody_is_left(listener)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n", b"414"),
        (HEAD + b"X-Long: " + b"a" * 40_000 + b"\r\n\r\n", b"431"),
        (HEAD + b"X-Many: b\r\n" * 101 + b"\r\n", b"431"),
        (b"GET / HTTP/9.9\r\n\r\n", b"400"),
        (b"\x16\x03\x01 this is TLS", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
    ],
)
async def test_a_head_no_honest_client_sends_is_refused_at_once(request_: bytes, status: bytes) -> None:
    async with listening(small_app()) as listener:
        answer = await listener.ask(request_)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert b"content-security-policy" in answer


async def test_a_header_that_never_ends_is_refused_long_before_it_fills_the_memory() -> None:
    async with listening(small_app()) as listener:
        client = await listener.connect()
        client.send(HEAD + b"X-Long: ")
        with pytest.raises(ConnectionError):
            await send_for_ever(client)


async def send_for_ever(client: Client) -> None:
    for _ in range(1000):
        client.send(b"a" * 65536)
        await client.writer.drain()


async def test_an_endless_queue_of_requests_is_not_taken() -> None:
    async with listening(small_app()) as listener:
        client = await listener.connect()
        client.send(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n" + GET * 50)
        await client.rest()
        await nobody_is_left(listener)


async def test_a_trailer_is_no_header() -> None:
    chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    async with listening(small_app(), limits=CrowdLimits()) as listener:
        answer = await listener.ask(chunked + b"0\r\nX-Who: " + KNOWN.encode() + b"\r\n\r\n")
        assert b"0 bytes" in answer
        assert listener.crowd.cut == 0


async def test_an_upgrade_is_answered_without_it() -> None:
    upgrade = HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
    async with listening(small_app()) as listener:
        assert b"200 OK" in await listener.ask(upgrade)


async def test_a_stream_that_is_read_goes_on_after_every_deadline() -> None:
    app = small_app()
    async with listening(app, HASTY) as listener:
        client = await listener.connect()
        client.send(b"GET /endless HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert b"first" in await client.reader.readuntil(b"first")
        await asyncio.sleep(SOON * 3)  # longer than any deadline: the passing of time is what is tested
        app.state.go_on.set()
        assert b"last" in await client.rest()


async def test_an_answer_nobody_reads_is_cut() -> None:
    async with listening(small_app(), HASTY) as listener:
        client = await listener.connect()
        client.send(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
        await nobody_is_left(listener)
        client.writer.close()


async def test_strangers_who_wait_make_room_for_whoever_comes() -> None:
    limits = CrowdLimits(total=20, strangers=10, strangers_per_address=1000)
    async with listening(small_app(), limits=limits) as listener:
        idle = [await listener.connect() for _ in range(50)]
        for client in idle:
            client.send(b"GET")
        assert b"200 OK" in await listener.ask(LAST)
        assert len(listener.crowd.everybody) <= 10
        for client in idle:
            client.writer.close()


async def test_strangers_of_one_address_make_room_for_each_other() -> None:
    async with listening(small_app(), limits=CrowdLimits(strangers_per_address=5)) as listener:
        idle = [await listener.connect() for _ in range(30)]
        assert b"200 OK" in await listener.ask(LAST)
        assert len(listener.crowd.everybody) <= 5
        for client in idle:
            client.writer.close()


async def test_a_proxy_has_no_bound_of_its_own() -> None:
    limits = CrowdLimits(strangers_per_address=5, proxies=tuple(networks_in("127.0.0.0/8")))
    async with listening(small_app(), limits=limits) as listener:
        clients = [await listener.connect() for _ in range(20)]
        for client in clients:
            client.send(GET)
        assert all([b"200 OK" in await client.answer() for client in clients])
        for client in clients:
            client.writer.close()


async def test_somebody_known_is_not_cut_for_strangers() -> None:
    limits = CrowdLimits(total=20, strangers=10, strangers_per_address=1000)
    async with listening(small_app(), limits=limits) as listener:
        known = await listener.connect()
        known.send(HEAD + b"X-Who: " + KNOWN.encode() + b"\r\n\r\n")
        assert b"200 OK" in await known.answer()
        idle = [await listener.connect() for _ in range(50)]
        known.send(LAST)
        assert b"200 OK" in await known.rest()
        for client in idle:
            client.writer.close()


async def test_a_forwarded_address_is_believed_from_a_proxy_only() -> None:
    forged = b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n"
    told = HEAD + forged + b"Connection: close\r\n\r\n"
    async with listening(small_app(), proxies="192.0.2.1") as listener:
        assert b"from 127.0.0.1 over http" in await listener.ask(told)
    async with listening(small_app(), proxies="127.0.0.1") as listener:
        assert b"from 203.0.113.9 over https" in await listener.ask(told)
    async with listening(small_app()) as listener:
        assert b"from 127.0.0.1 over http" in await listener.ask(told)


async def test_a_client_behind_a_proxy_cannot_choose_its_address() -> None:
    told = HEAD + b"X-Forwarded-For: 198.51.100.1, 203.0.113.9\r\nConnection: close\r\n\r\n"
    async with listening(small_app(), proxies="127.0.0.1") as listener:
        assert b"from 203.0.113.9" in await listener.ask(told)


async def nobody_is_left(listener: Listener) -> None:
    while listener.crowd.everybody:  # noqa: ASYNC110  it is told by nobody when a connection ends
        await asyncio.sleep(0.01)
