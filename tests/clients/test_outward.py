"""The outward client reaches what it may, and nothing else. The servers here are plain sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.clients.outward import Limits, Outward, Resolver, resolve
from sre_portal.core.errors import InvalidInput, UpstreamFailed
from sre_portal.core.outward import OutwardRule, parse_allowed
from sre_portal.settings import Settings

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

LOOPBACK = parse_allowed("127.0.0.0/8")
NOTHING = OutwardRule()
ADDRESS = "http://probe.example:{port}/"


def at(*addresses: str) -> Resolver:
    """A DNS that answers every name with these addresses."""

    async def answer(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return answer


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[int]:
    """A server that does what the script says with each connection, until the block ends. Yields its port."""
    running: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            running.add(task)
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def says(answer: bytes) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return script


HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=b\r\n\r\nhello"


async def test_an_allowed_address_is_asked_under_the_name_of_the_host() -> None:
    heard = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            heard.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
            writer.write(HELLO)

    async with scripted(script) as port, Outward(LOOPBACK, resolver=at("127.0.0.1")) as outward:
        answer = await outward.request("GET", ADDRESS.format(port=port))
        await outward.request("GET", ADDRESS.format(port=port))
    assert (answer.status, answer.body) == (200, b"hello")
    assert f"host: probe.example:{port}" in heard[0]
    assert "accept-encoding: identity" in heard[0]
    assert "cookie" not in heard[1]


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "a loopback address"),
        ("10.1.2.3", "private"),
        ("169.254.169.254", "a cloud's metadata address"),
        ("::1", "a loopback address"),
        ("::ffff:8.8.8.8", "an IPv4 address in IPv6 form"),
        ("64:ff9b::7f00:1", "translated by NAT64"),
        ("fd00:ec2::254", "a cloud's metadata address"),
    ],
)
async def test_an_inner_address_is_refused_in_one_sentence(address: str, kind: str) -> None:
    async with Outward(NOTHING, resolver=at(address)) as outward:
        with pytest.raises(UpstreamFailed) as refused:
            await outward.request("GET", "https://probe.example/")
    assert f"the address {address} of probe.example is {kind}" in refused.value.reason
    assert "SRE_PORTAL_OUTWARD_ALLOW" in refused.value.reason
    assert not refused.value.retryable
    assert address not in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "127.1", "0177.0.0.1"])
async def test_no_spelling_of_a_loopback_address_gets_through(host: str) -> None:
    async with Outward(NOTHING) as outward:
        with pytest.raises(UpstreamFailed, match="cannot be asked"):
            await outward.request("GET", f"http://{host}:9/")


async def test_a_redirect_to_loopback_is_not_followed() -> None:
    reached = []

    async def inner(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        reached.append(await reader.read(1))

    async with scripted(inner) as secret_port:
        location = f"http://127.0.0.1:{secret_port}/"
        moved = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        async with (
            scripted(says(moved.encode())) as port,
            Outward(parse_allowed("probe.example"), resolver=at("127.0.0.1")) as outward,
        ):
            answer = await outward.request("GET", ADDRESS.format(port=port))
    assert answer.status == 302
    assert reached == []


async def test_a_name_that_changes_its_address_is_judged_by_the_one_that_is_connected_to() -> None:
    answers = [["127.0.0.2"], ["127.0.0.1"]]
    asked = []

    async def rebinding(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    reached = []

    async def inner(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        reached.append(await reader.read(1))

    async with scripted(inner) as port, Outward(parse_allowed("127.0.0.2"), resolver=rebinding) as outward:
        with pytest.raises(UpstreamFailed, match="cannot be asked now"):  # nobody listens there
            await outward.request("GET", ADDRESS.format(port=port))
        assert len(asked) == 1, "the judged answer is the one that is used"
        with pytest.raises(UpstreamFailed, match="as it is set up"):
            await outward.request("GET", ADDRESS.format(port=port))
    assert reached == []


async def test_of_several_addresses_only_allowed_ones_are_tried() -> None:
    async with (
        scripted(says(HELLO)) as port,
        Outward(LOOPBACK, resolver=at("10.0.0.1", "169.254.169.254", "127.0.0.1")) as outward,
    ):
        assert (await outward.request("GET", ADDRESS.format(port=port))).status == 200


async def test_a_server_that_streams_for_ever_is_cut_off() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 4096)
            await writer.drain()

    async with scripted(script) as port, Outward(LOOPBACK, resolver=at("127.0.0.1")) as outward:
        with pytest.raises(UpstreamFailed) as refused:
            await outward.request("GET", ADDRESS.format(port=port), limits=Limits(body_bytes=10_000))
    assert refused.value.reason == "probe.example sent more than 10000 bytes"


async def test_a_server_that_drips_is_cut_off() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with scripted(script) as port, Outward(LOOPBACK, resolver=at("127.0.0.1")) as outward:
        with pytest.raises(UpstreamFailed) as refused:
            await outward.request("GET", ADDRESS.format(port=port), limits=Limits(seconds=0.3))
    assert refused.value.reason == "probe.example did not answer in 0.3 s"


async def test_a_dns_that_never_answers_is_cut_off() -> None:
    async def silent(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async with Outward(LOOPBACK, resolver=silent) as outward:
        with pytest.raises(UpstreamFailed, match="cannot be asked now"):
            await outward.request("GET", "http://probe.example/", limits=Limits(seconds=0.1))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", "a compressed answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\ncut", "does not speak HTTP"),
        (b"", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", "does not speak HTTP"),
    ],
)
async def test_an_answer_that_cannot_be_used_is_refused(answer: bytes, reason: str) -> None:
    async with scripted(says(answer)) as port, Outward(LOOPBACK, resolver=at("127.0.0.1")) as outward:
        with pytest.raises(UpstreamFailed) as refused:
            await outward.request("GET", ADDRESS.format(port=port))
    assert reason in refused.value.reason


async def test_tls_is_asked_for_the_name_and_not_the_address() -> None:
    heard = asyncio.get_running_loop().create_future()

    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        heard.set_result(await reader.read(2048))

    async with scripted(script) as port, Outward(LOOPBACK, resolver=at("127.0.0.1")) as outward:
        with pytest.raises(UpstreamFailed):
            await outward.request("GET", f"https://probe.example:{port}/")
    assert b"probe.example" in await heard
    assert ssl.HAS_SNI


async def test_a_closed_port_and_an_unknown_name_are_told() -> None:
    async with Outward(LOOPBACK, resolver=at("127.0.0.1")) as outward:
        with pytest.raises(UpstreamFailed) as refused:
            await outward.request("GET", "http://probe.example:1/")
        assert refused.value.reason.startswith("no connection to probe.example: ")
        assert refused.value.retryable

    async def unknown(_host: str, _port: int) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    async with Outward(LOOPBACK, resolver=unknown) as outward:
        with pytest.raises(UpstreamFailed) as refused:
            await outward.request("GET", "http://probe.example/")
        assert refused.value.reason == "the name probe.example is not known"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://probe.example/",
        "file:///etc/passwd",
        "gopher://probe.example/",
        "//probe.example/",
        "https://",
        "http://[::1/",
        "http://probe.example:0/",
        "http://probe.example:99999/",
        "http://user:secret@probe.example/",
        "http://probe.example/a b",
        "http://probe.example\\@evil.example/",
        "http://pröbe.example/",
        "http://probe.example/\r\nX-Injected: 1",
    ],
)
async def test_an_address_that_can_be_read_in_two_ways_is_refused(url: str) -> None:
    async with Outward(LOOPBACK, resolver=at("127.0.0.1")) as outward:
        with pytest.raises(UpstreamFailed) as refused:
            await outward.request("GET", url)
    assert not refused.value.retryable
    assert "secret" not in refused.value.reason


async def test_the_machine_knows_its_own_name() -> None:
    assert "127.0.0.1" in await resolve("localhost", 80)


ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


@given(ADDRESSES)
def test_what_is_not_public_is_never_allowed_by_default(address: IPv4Address | IPv6Address) -> None:
    if not NOTHING.refusal("probe.example", address):
        assert address.is_global
        assert not any((address.is_private, address.is_loopback, address.is_link_local))
        assert not any((address.is_multicast, address.is_reserved, address.is_unspecified))


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_gets_through_in_a_dress_of_ipv6(address: IPv4Address) -> None:
    number = int(address)
    for prefix in ("::ffff:0:0", "::", "64:ff9b::", "::ffff:0:0:0"):
        assert NOTHING.refusal("probe.example", IPv6Address(int(IPv6Address(prefix)) + number))
    assert NOTHING.refusal("probe.example", IPv6Address((0x2002 << 112) + (number << 80)))


@given(ADDRESSES)
def test_a_host_that_is_allowed_opens_no_link_local_address(address: IPv4Address | IPv6Address) -> None:
    rule = parse_allowed("keycloak.internal")
    if rule.refusal("keycloak.internal", address) == "":
        assert not any((address.is_link_local, address.is_multicast, address.is_unspecified))
    assert rule.refusal("other.internal", address) == NOTHING.refusal("other.internal", address)


@pytest.mark.parametrize(
    ("allowed", "address", "opened"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "192.168.0.1", False),
        ("0.0.0.0/0", "169.254.169.254", False),
        ("169.254.0.0/16", "169.254.169.254", False),
        ("169.254.169.254", "169.254.169.254", True),
        ("fd00::/8", "fd00:ec2::254", False),
        ("127.0.0.0/8", "::ffff:127.0.0.1", False),
        ("64:ff9b::/96", "64:ff9b::808:808", True),
        ("keycloak.internal", "10.0.0.1", True),
        ("KEYCLOAK.internal", "fd12::1", True),
        ("keycloak.internal", "169.254.1.1", False),
    ],
)
def test_what_an_entry_opens(*, allowed: str, address: str, opened: bool) -> None:
    refusal = parse_allowed(allowed).refusal("keycloak.internal", ip_address(address))
    assert (refusal == "") == opened


@pytest.mark.parametrize(
    "entry", ["10.0.0.1/8", "http://x", "a b", "10.0.0.0/33", "-x", "1.2.3", "*.internal"]
)
def test_an_entry_that_is_neither_network_nor_name_is_told(entry: str) -> None:
    with pytest.raises(ValueError, match="networks such as") as wrong:
        parse_allowed(f"10.0.0.0/8, {entry}")
    assert entry in str(wrong.value)


def test_the_setting_is_checked_at_start() -> None:
    settings = Settings.parse({"SRE_PORTAL_OUTWARD_ALLOW": "10.0.0.0/8, keycloak.internal"})
    assert settings.outward_allow == "10.0.0.0/8, keycloak.internal"
    with pytest.raises(InvalidInput) as invalid:
        Settings.parse({"SRE_PORTAL_OUTWARD_ALLOW": "10.0.0.1/8"})
    (problem,) = invalid.value.problems
    assert problem.path == "SRE_PORTAL_OUTWARD_ALLOW"
    assert "not 10.0.0.1/8" in problem.expected


@given(st.text())
def test_any_text_is_a_rule_or_a_problem(text: str) -> None:
    try:
        rule = parse_allowed(text)
    except ValueError:
        return
    assert not rule.refusal("probe.example", ip_address("8.8.8.8"))
