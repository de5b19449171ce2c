"""Objects that look like those of ASGI servers, as far as the agent looks at them."""

from __future__ import annotations

from typing import Any


class Transport:
    def __init__(self) -> None:
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


class UvicornCycle:
    __module__ = "uvicorn.protocols.http.h11_impl"

    def __init__(self) -> None:
        self.transport = Transport()

    @property
    def disconnected(self) -> bool:
        return self.transport.aborted

    async def send(self, message: object) -> None: ...


class UvicornOfTomorrow:
    __module__ = "uvicorn.protocols.http.next_impl"

    async def send(self, message: object) -> None: ...


class UvicornStream(UvicornCycle):
    __module__ = "uvicorn.protocols.http.zttp_h2_impl"
    was_reset = False

    def abort_stream(self) -> None:
        self.was_reset = True


class Writer:
    def __init__(self, transport: Transport) -> None:
        self.transport = transport


class HypercornConnection:
    def __init__(self, transport: Transport) -> None:
        self.writer = Writer(transport)

    async def protocol_send(self, event: object) -> None: ...


class HypercornProtocol:
    def __init__(self, connection: HypercornConnection) -> None:
        self.send = connection.protocol_send

    async def stream_send(self, event: object) -> None: ...


class HypercornStream:
    __module__ = "hypercorn.protocol.http_stream"

    def __init__(self, http_version: str) -> None:
        self.transport = Transport()
        self.send = HypercornProtocol(HypercornConnection(self.transport)).stream_send
        self.scope: dict[str, Any] = {"http_version": http_version}
        self.closed = False

    async def app_send(self, message: object) -> None: ...
