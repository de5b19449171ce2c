"""What the ASGI server behind `send` can tell and do beyond ASGI: has the client left, close the connection.

Nothing here is promised by the servers, so every look is guarded and every answer may be "unknown".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, cast

MAX_WRAPPERS = 32


@dataclass(frozen=True, slots=True)
class Server:
    """How to treat the object that owns a server's `send`."""

    is_gone: Callable[[object], bool]
    close: Callable[[object], bool]


def _close_uvicorn(owner: object) -> bool:
    cycle = cast("Any", owner)
    if hasattr(
        cycle, "abort_stream"
    ):  # HTTP/2: other requests share the connection, only the stream is reset
        cycle.abort_stream()
    else:
        cycle.transport.abort()
    return True


def _close_hypercorn(owner: object) -> bool:
    stream = cast("Any", owner)
    if stream.scope["http_version"] not in {"1.0", "1.1"}:  # no way to reset a single stream
        return False
    connection = stream.send.__self__.send.__self__
    connection.writer.transport.abort()
    return True


# By the top package of the class of the object that owns the server's `send`. Granian is not here: its `send`
# is native code without a way to the connection.
SERVERS: Mapping[str, Server] = {
    "uvicorn": Server(is_gone=attrgetter("disconnected"), close=_close_uvicorn),
    "hypercorn": Server(is_gone=attrgetter("closed"), close=_close_hypercorn),
}


def is_gone(send: object) -> bool:
    """Whether the client is known to have left."""
    try:
        server, owner = _find(send)
        return server is not None and server.is_gone(owner)
    except Exception:  # noqa: BLE001  # a server of another version: unknown
        return False


def close_connection(send: object) -> bool:
    """Close the connection of this request without a byte. False: there is no way to."""
    try:
        server, owner = _find(send)
        return server is not None and server.close(owner)
    except Exception:  # noqa: BLE001  # a server of another version: no way
        return False


def _find(send: object) -> tuple[Server | None, object]:
    for owner in _owners(send):
        server = SERVERS.get(type(owner).__module__.partition(".")[0])
        if server is not None:
            return server, owner
    return None, None


def _owners(send: object) -> Iterator[object]:
    """The objects that `send` and the functions it wraps are methods of, from the outside in.

    Middleware of Starlette and others wraps `send` in a function that closes over the one it was given, in a
    partial or in a method of an object with a `send` of its own.
    """
    for _ in range(MAX_WRAPPERS):
        owner = getattr(send, "__self__", None)
        if owner is not None:
            yield owner
        inner = [found for found in _inner(send, owner) if callable(found)]
        if not inner:
            return
        send = inner[0]


def _inner(send: object, owner: object) -> Iterator[object]:
    yield getattr(send, "__wrapped__", None)
    yield getattr(send, "func", None)
    for function in (send, getattr(send, "__func__", None)):
        names = getattr(getattr(function, "__code__", None), "co_freevars", ())
        cells = getattr(function, "__closure__", None) or ()
        for name, cell in zip(names, cells, strict=False):
            if "send" in name:
                yield cell.cell_contents
    for name in ("_send", "send"):
        found = getattr(owner, name, None)
        if found != send:
            yield found
