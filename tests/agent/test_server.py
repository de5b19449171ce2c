import functools
from collections.abc import Callable
from typing import Any

import pytest

from sre_portal.agent.server import close_connection, is_gone
from tests.agent import servers


def plain(send: Callable[..., Any]) -> Callable[..., Any]:
    return send


def in_a_closure(send: Callable[..., Any]) -> Callable[..., Any]:
    """As Starlette's middleware wraps it."""

    async def sender(message: object) -> None:
        await send(message)

    return sender


def in_a_partial(send: Callable[..., Any]) -> Callable[..., Any]:
    return functools.partial(in_a_closure(send))


def in_a_method(send: Callable[..., Any]) -> Callable[..., Any]:
    """As Starlette's GZip responder wraps it."""

    class Responder:
        def __init__(self) -> None:
            self.send = send

        async def send_compressed(self, message: object) -> None:
            await self.send(message)

    return Responder().send_compressed


def wrapped(send: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(send)
    async def sender(message: object) -> None:
        """Knows what it wraps by `__wrapped__` alone."""

    return sender


WRAPPERS = [plain, in_a_closure, in_a_partial, in_a_method, wrapped]


@pytest.mark.parametrize("wrap", WRAPPERS)
@pytest.mark.parametrize("outer", WRAPPERS)
def test_the_server_is_found_behind_what_wraps_its_send(
    wrap: Callable[..., Any], outer: Callable[..., Any]
) -> None:
    cycle = servers.UvicornCycle()
    send = outer(wrap(cycle.send))
    assert not is_gone(send)
    assert close_connection(send)
    assert cycle.transport.aborted
    assert is_gone(send)


def test_only_the_stream_is_reset_where_others_share_the_connection() -> None:
    cycle = servers.UvicornStream()
    assert close_connection(cycle.send)
    assert cycle.was_reset
    assert not cycle.transport.aborted


def test_hypercorn_is_known() -> None:
    stream = servers.HypercornStream("1.1")
    assert not is_gone(stream.app_send)
    assert close_connection(stream.app_send)
    assert stream.transport.aborted


def test_a_stream_of_hypercorn_is_left_alone() -> None:
    stream = servers.HypercornStream("2")
    assert not close_connection(stream.app_send)
    assert not stream.transport.aborted


async def nobody(message: object) -> None:
    """The send of a server that nobody knows."""


@pytest.mark.parametrize("send", [nobody, print, None, 5, in_a_closure(nobody)])
def test_of_an_unknown_server_nothing_is_known(send: Any) -> None:  # noqa: ANN401  # anything
    assert not is_gone(send)
    assert not close_connection(send)


def test_a_server_of_another_version_is_as_good_as_unknown() -> None:
    cycle = servers.UvicornOfTomorrow()
    assert not is_gone(cycle.send)
    assert not close_connection(cycle.send)


def test_wrappers_that_wrap_each_other_are_given_up_on() -> None:
    class Knot:
        async def send(self, message: object) -> None: ...

        async def outer_send(self, message: object) -> None: ...

    knot = Knot()
    assert not is_gone(knot.outer_send)
