import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sre_portal.agent.http import MAX_HEAD_LINE, BadAnswer, Connection, Head, parse_address, resolve

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\n"


@asynccontextmanager
async def listening(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on a port of its own, which is gone with all its connections afterwards."""
    tasks: list[asyncio.Task[None]] = []

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def served() -> None:
            try:
                await serve(reader, writer)
                await asyncio.Event().wait()  # until the test is over
            finally:
                writer.transport.abort()

        tasks.append(asyncio.get_running_loop().create_task(served()))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


@asynccontextmanager
async def answering(
    *answers: bytes, then_close: bool = True
) -> AsyncIterator[tuple[Connection, list[bytes]]]:
    """A connection to a server that answers each request with the next of these, and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
        if then_close:
            writer.close()

    async with listening(serve) as port:
        connection = await Connection.open(parse_address(f"http://127.0.0.1:{port}/portal/"), None)
        try:
            yield connection, asked
        finally:
            connection.close()


async def test_a_request_is_sent_and_its_answer_read() -> None:
    async with answering(OK + b"X-Two: Words here\r\ncontent-length: 5\r\n\r\nhello") as (connection, asked):
        head = await connection.request("GET", "/plan?a=1", {"accept": "x/y"})
        assert head == Head(200, {"x-two": "Words here", "content-length": "5"})
        assert await connection.body(5) == b"hello"
    [told] = asked
    lines = told.decode().split("\r\n")
    assert lines[0] == "GET /portal/plan?a=1 HTTP/1.1"
    assert "accept: x/y" in lines
    assert not any(line.startswith("content-length") for line in lines)


async def test_a_connection_is_used_again() -> None:
    answer = OK + b"content-length: 2\r\n\r\nok"
    async with answering(answer, answer) as (connection, asked):
        for _ in range(2):
            await connection.request("POST", "/", {})
            assert await connection.body(10) == b"ok"
    assert len(asked) == 2
    assert b"content-length: 0" in asked[0]


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nhello\r\n0\r\n\r\n",
        b"2;name=value\r\nhe\r\n003\r\nllo\r\n0\r\nTrailer: x\r\n\r\n",
        b"1\r\nh\r\n4\r\nello\r\n000\r\n\r\n",
    ],
)
async def test_a_chunked_body_is_put_together(body: bytes) -> None:
    async with answering(OK + b"Transfer-Encoding: Chunked\r\n\r\n" + body) as (connection, _):
        await connection.request("GET", "/", {})
        assert await connection.body(5) == b"hello"
        assert await connection.piece() == b""


async def test_a_body_without_a_length_lasts_until_the_connection_ends() -> None:
    async with answering(OK + b"\r\nhello") as (connection, _):
        await connection.request("GET", "/", {})
        assert await connection.body(5) == b"hello"


async def test_interim_answers_are_skipped() -> None:
    async with answering(
        b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK + b"content-length: 0\r\n\r\n"
    ) as (
        connection,
        _,
    ):
        assert (await connection.request("GET", "/", {})).status == 200


async def test_an_answer_without_a_body_has_none() -> None:
    async with answering(b"HTTP/1.1 204 No Content\r\n\r\n", then_close=False) as (connection, _):
        await connection.request("GET", "/", {})
        assert await connection.body(5) == b""


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 " + b"2" * 2 * MAX_HEAD_LINE,
        OK + b"x: y\r\n" * 200 + b"\r\n",
        OK + b"content-length: many\r\n\r\n",
        OK + b"content-length: -1\r\n\r\n",
        OK + b"content-length: " + b"9" * 40 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10,
    ],
)
async def test_an_answer_that_is_not_http_is_a_bad_one(answer: bytes) -> None:
    async with answering(answer) as (connection, _):
        with pytest.raises(BadAnswer):
            await connection.request("GET", "/", {})


@pytest.mark.parametrize(
    "body", [b"zz\r\n", b"-1\r\n", b"\r\n", b"f" * 40 + b"\r\n", b"0\r\n" + b"t: x\r\n" * 200]
)
async def test_a_body_that_is_not_chunked_though_it_says_so_is_bad(body: bytes) -> None:
    async with answering(OK + b"transfer-encoding: chunked\r\n\r\n" + body) as (connection, _):
        await connection.request("GET", "/", {})
        with pytest.raises(BadAnswer):
            await connection.body(100)


@pytest.mark.parametrize(
    "rest", [b"content-length: 9\r\n\r\nhello", b"transfer-encoding: chunked\r\n\r\n5\r\nhel"]
)
async def test_a_body_that_breaks_off_is_an_error(rest: bytes) -> None:
    async with answering(OK + rest) as (connection, _):
        await connection.request("GET", "/", {})
        with pytest.raises(EOFError):
            await connection.body(100)


async def test_a_body_that_is_too_big_is_not_read_to_its_end() -> None:
    async with answering(OK + b"content-length: 1000000\r\n\r\n" + b"x" * 100_000, then_close=False) as (
        connection,
        _,
    ):
        await connection.request("GET", "/", {})
        with pytest.raises(BadAnswer):
            await connection.body(1_000)


@pytest.mark.parametrize(
    ("url", "host", "port", "prefix", "authority"),
    [
        ("http://portal", "portal", 80, "", "portal"),
        ("https://portal/sre/", "portal", 443, "/sre", "portal"),
        ("http://portal:8000", "portal", 8000, "", "portal:8000"),
        ("https://[::1]:8443/a/b", "::1", 8443, "/a/b", "[::1]:8443"),
    ],
)
def test_an_address_is_read(url: str, host: str, port: int, prefix: str, authority: str) -> None:
    address = parse_address(url)
    assert (address.host, address.port, address.prefix, address.authority) == (host, port, prefix, authority)
    assert address.is_tls == url.startswith("https")


@pytest.mark.parametrize("url", ["", "portal", "ftp://portal", "http://", "http://portal:x", "http://[::1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_address(url)


async def test_a_name_is_resolved_and_an_address_stays_itself() -> None:
    assert "127.0.0.1" in [where for _, where in await resolve("localhost", 80)]
    assert [where for _, where in await resolve("127.0.0.1", 80)] == ["127.0.0.1"]
    assert [where for _, where in await resolve("::1", 80)] == ["::1"]


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 300 + ".invalid", "two words"])
async def test_a_name_that_nobody_has_is_an_os_error(host: str) -> None:
    with pytest.raises(OSError, match=r"."):
        await resolve(host, 80)


async def test_a_connection_that_is_refused_is_an_os_error() -> None:
    with pytest.raises(OSError, match=r"."):
        await Connection.open(parse_address("http://127.0.0.1:9"), None)


async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"this is no handshake\r\n")


async def test_a_server_that_does_not_speak_tls_is_an_os_error() -> None:
    async with listening(speak_plainly) as port:
        with pytest.raises(OSError, match=r"."):
            await Connection.open(parse_address(f"https://127.0.0.1:{port}"), ssl.create_default_context())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of localhost, signed by itself, with its key in the same file."""
    pem = tmp_path_factory.mktemp("tls") / "localhost.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-nodes",
        "-newkey",
        "rsa:2048",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    names = ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, *names, "-keyout", pem, "-out", pem], check=True, capture_output=True)
    return pem


@asynccontextmanager
async def over_tls(certificate: Path) -> AsyncIterator[str]:
    """The address of a server that answers over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"content-length: 2\r\n\r\nok")

    async with listening(serve, context) as port:
        yield f"https://localhost:{port}"


async def test_a_portal_is_reached_over_tls(certificate: Path) -> None:
    async with over_tls(certificate) as url:
        connection = await Connection.open(parse_address(url), ssl.create_default_context(cafile=certificate))
        await connection.request("GET", "/", {})
        assert await connection.body(2) == b"ok"
        connection.close()


async def test_a_certificate_that_nobody_vouches_for_is_an_os_error(certificate: Path) -> None:
    async with over_tls(certificate) as url:
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            await Connection.open(parse_address(url), ssl.create_default_context())
