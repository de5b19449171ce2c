"""The demo's HTTP client against real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from sre_portal.demo.client import Busy, Client, Pool, Unreachable

Reply = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def read_request(reader: asyncio.StreamReader) -> tuple[list[str], bytes]:
    """The lines of the head and the body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
    length = next(int(line.split(": ")[1]) for line in head if line.startswith("content-length"))
    return head, await reader.readexactly(length)


@asynccontextmanager
async def server(*replies: Reply) -> AsyncIterator[tuple[int, list[int]]]:
    """A server whose n-th connection is served by the n-th reply, the last one for all after it."""
    connections: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reply = replies[min(len(connections), len(replies) - 1)]
        connections.append(len(connections))
        try:
            await reply(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield listener.sockets[0].getsockname()[1], connections


def always(answer: bytes) -> Reply:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(answer)

    return reply


async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def abort(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.transport.abort()


async def test_an_answer_has_its_status_and_body() -> None:
    async with server(always(b"HTTP/1.1 503 No\r\ncontent-length: 4\r\n\r\nbusy")) as (port, _):
        client = Client("127.0.0.1", port)
        answer = await client.request("GET", "/")
        client.close()
    assert (answer.status, answer.body) == (503, b"busy")


async def test_a_request_carries_its_headers_and_body() -> None:
    seen: list[tuple[list[str], bytes]] = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(OK)

    async with server(keep) as (port, _):
        client = Client("127.0.0.1", port)
        await client.request("POST", "/cart", {"x-user-id": "user-007"}, b'{"product_id": "1"}')
        client.close()
    (head, body), *_ = seen
    assert head[0] == "POST /cart HTTP/1.1"
    assert {"x-user-id: user-007", f"host: 127.0.0.1:{port}"} <= set(head)
    assert body == b'{"product_id": "1"}'


async def test_requests_one_after_another_share_a_connection() -> None:
    async with server(always(OK)) as (port, connections):
        client = Client("127.0.0.1", port)
        for _ in range(3):
            await client.request("GET", "/")
        client.close()
    assert len(connections) == 1


async def test_a_chunked_answer_in_pieces_is_put_together() -> None:
    async def pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for piece in (
            b"HTTP/1.1 200 OK\r\ntransfer-enc",
            b"oding: chunked\r\n\r\n2\r\nab\r\n",
            b"1\r\nc\r\n0\r\n\r\n",
        ):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    async with server(pieces) as (port, _):
        client = Client("127.0.0.1", port)
        assert (await client.request("GET", "/")).body == b"abc"
        client.close()


async def test_an_aborted_request_is_unreachable_and_is_not_sent_again() -> None:
    async with server(abort, always(OK)) as (port, connections):
        client = Client("127.0.0.1", port)
        with pytest.raises(Unreachable):
            await client.request("POST", "/charge", body=b"{}")
        assert len(connections) == 1
        assert (await client.request("GET", "/")).status == 200
        client.close()


async def test_a_closed_port_is_unreachable() -> None:
    async with server(never) as (port, _):
        pass
    with pytest.raises(Unreachable):
        await Client("127.0.0.1", port).request("GET", "/")


async def test_something_that_is_not_http_is_unreachable() -> None:
    async with server(always(b"SSH-2.0-OpenSSH\r\n")) as (port, _):
        client = Client("127.0.0.1", port)
        with pytest.raises(Unreachable, match="not HTTP"):
            await client.request("GET", "/")
        client.close()


async def test_a_silent_server_times_out_and_its_connection_is_not_used_again() -> None:
    async with server(never, always(OK)) as (port, connections):
        client = Client("127.0.0.1", port, Pool(timeout_seconds=0.05))
        with pytest.raises(TimeoutError):
            await client.request("GET", "/")
        assert (await client.request("GET", "/")).status == 200
        client.close()
    assert len(connections) == 2


async def test_no_more_requests_are_under_way_than_the_pool_allows() -> None:
    arrived = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        arrived.set()
        await reader.read()

    async with server(hold) as (port, _):
        client = Client("127.0.0.1", port, Pool(most_connections=1))
        first = asyncio.create_task(client.request("GET", "/"))
        await arrived.wait()
        with pytest.raises(Busy):
            await client.request("GET", "/")
        client.close()
        with pytest.raises(Unreachable):
            await first


async def test_a_connection_the_server_closes_is_replaced() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

    async with server(once) as (port, connections):
        client = Client("127.0.0.1", port)
        for _ in range(2):
            assert (await client.request("GET", "/")).status == 200
        client.close()
    assert len(connections) == 2
