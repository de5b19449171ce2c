"""Ports that are chosen, held and told."""

import socket

import pytest

from sre_portal.demo.address import Address, PortUnusable, parse_address, reserve
from sre_portal.demo.probe import answers


def listener(address: Address) -> socket.socket:
    """A server as uvicorn makes it."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address.host, address.port))
    server.listen()
    return server


def test_a_free_port_is_taken_for_0() -> None:
    held = reserve("127.0.0.1", 0)
    assert held.address.port > 0
    held.release()


async def test_a_server_can_listen_on_a_reserved_port_again_and_again() -> None:
    held = reserve("127.0.0.1", 0)
    for _ in range(2):
        assert not await answers(held.address)  # refused: reserved is not listening
        listener(held.address).close()
    held.release()


def test_a_busy_port_is_refused_with_its_number_and_what_to_do() -> None:
    held = reserve("127.0.0.1", 0)
    with listener(held.address), pytest.raises(PortUnusable) as refused:
        reserve("127.0.0.1", held.address.port)
    held.release()
    assert str(refused.value) == (
        f"Port {held.address.port} on 127.0.0.1 is in use by another program. "
        f"Stop that program, or give another port: 0 takes a free one."
    )


@pytest.mark.parametrize("host", ["203.0.113.1", "no-such-host.invalid", "a" * 300, "not a host"])
def test_a_host_that_is_not_this_machine_is_refused_in_one_sentence(host: str) -> None:
    with pytest.raises(PortUnusable, match=r"^The address .* cannot be listened on"):
        reserve(host, 0)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (Address("127.0.0.1", 8321), "http://127.0.0.1:8321"),
        (Address("0.0.0.0", 80), "http://127.0.0.1:80"),  # noqa: S104
        (Address("::", 80), "http://[::1]:80"),
        (Address("localhost", 80), "http://localhost:80"),
    ],
)
def test_a_server_is_told_by_an_address_that_a_browser_here_can_open(address: Address, url: str) -> None:
    assert address.url == url
    assert parse_address(url) == Address(address.reachable_host, address.port)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:80", "https://a:1", "http://127.0.0.1", "http://:80", "http://a:b"]
)
def test_what_is_not_the_address_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"not of the form|Port could not"):
        parse_address(url)
