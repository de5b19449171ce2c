"""The short way of OFREP: one flag or all of them, for a program with a token, in front of everything else.

It asks what the walls and the guard ask, by their own functions. Whatever is not plain here, whoever is
refused, and whatever goes wrong, goes the long way through the walls and the guard, and is told there. So
this only ever answers what the long way would have answered.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sre_portal.core.access import Permission
from sre_portal.core.flag_name import asked_of
from sre_portal.core.ports import Token
from sre_portal.operations.ports import Ports
from sre_portal.operations.sessions import digest_of
from sre_portal.operations.tokens import (
    SEEN_FOR_FLAGS_SECONDS,
    principal_with,
    token_with,
    trusted_until,
)
from sre_portal.web.body_size import LARGEST_QUESTION_BYTES, length_told
from sre_portal.web.guard import note, secret_in
from sre_portal.web.holder import Holder
from sre_portal.web.middleware.headers import RawHeader, SecurityHeaders
from sre_portal.web.middleware.hosts import TrustedHosts
from sre_portal.web.middleware.origins import FlagOrigins
from sre_portal.web.ofrep import AskedForAll, answer_all, answer_one
from sre_portal.web.ofrep_wire import FLAGS, JSON, Answer, set_asked

ONE = f"{FLAGS}/"
UNUSUAL = frozenset({b"origin", b"expect", b"transfer-encoding"})
MOST_REMEMBERED = 10_000


class Plain(NamedTuple):
    """A request that can go the short way. `key` is empty where it asks for all flags."""

    key: str
    flag_set: str
    digest: str
    tags: str


class Permitted(NamedTuple):
    """The services whose sets a token may ask for (None: all), as it was read, and how long that is so."""

    token: Token
    services: frozenset[str] | None
    until: datetime | None


class QuickFlags:
    """Answers by itself, or leaves a request to the long way. The walls are asked, and not gone through."""

    def __init__(
        self,
        long_way: ASGIApp,
        ports: Ports,
        hosts: TrustedHosts,
        origins: FlagOrigins,
        headers: SecurityHeaders,
    ) -> None:
        self.long_way = long_way
        self.ports = ports
        self.hosts = hosts
        self.origins = origins
        self.headers = headers
        self._hosts_heard: set[object] = set()
        self._permitted: dict[str, Permitted] = {}
        self._heads: dict[tuple[int, str], tuple[bytes, list[RawHeader]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        plain = self._plain(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        if plain is None:
            await self.long_way(scope, receive, send)
            return
        read: list[Message] = []
        try:
            answer = await self._answer(plain, receive, read)
        except Exception:  # noqa: BLE001  # whatever it is, it happens again where it is told
            answer = None
        if answer is None:
            await self.long_way(scope, _again(read, receive), send)
        else:
            await self._send(answer, scope, send)

    def _plain(self, scope: Scope) -> Plain | None:
        """What is asked, where nothing about it is unusual."""
        path: str = scope["path"]
        key = path[len(ONE) :] if path.startswith(ONE) else ""
        if "/" in key or not (key or path == FLAGS) or scope["query_string"] or scope.get("root_path"):
            return None
        told = dict[bytes, bytes](scope["headers"])
        if len(told) != len(scope["headers"]) or not UNUSUAL.isdisjoint(told):
            return None
        length = length_told(told.get(b"content-length", b"none").decode("latin-1"))
        if length > LARGEST_QUESTION_BYTES or not self._hears(told.get(b"host"), scope):
            return None
        secret = secret_in(told.get(b"authorization", b"").decode("latin-1"))
        secret = secret or told.get(b"x-api-key", b"").decode("latin-1").strip()
        if not secret:
            return None
        named = told.get(b"x-flag-set", b"").decode("latin-1")
        flag_set = set_asked(named, told.get(b"flagd-selector", b"").decode("latin-1"), "")
        return Plain(key, flag_set, digest_of(secret), told.get(b"if-none-match", b"").decode("latin-1"))

    def _hears(self, host: bytes | None, scope: Scope) -> bool:
        """As the wall of host names, remembered for each name and address listened on."""
        if host is None:
            return self.hosts.allowed is None
        asked = (host, scope.get("server"))
        if asked in self._hosts_heard:
            return True
        if not self.hosts.hears(host, scope):
            return False
        if len(self._hosts_heard) >= MOST_REMEMBERED:
            self._hosts_heard.clear()
        self._hosts_heard.add(asked)
        return True

    async def _answer(self, plain: Plain, receive: Receive, read: list[Message]) -> Answer | None:
        """None where it is for the long way. `read` takes in what was read of the body.

        A body may take half a minute to come, and whoever asks may be out by then: so it is asked twice.
        """
        ports = self.ports
        if not self._may(plain, await self._token(plain.digest)):
            return None
        body = await _body(receive, read)
        if body is None:
            return None
        token = await self._token(plain.digest)
        if token is None or not self._may(plain, token):
            return None
        if plain.key:
            answer = answer_one(ports, plain.flag_set, plain.key, body)
        else:
            holder = Holder("token", plain.digest)
            answer = await answer_all(ports, AskedForAll(plain.flag_set, body, holder, plain.tags))
        note(ports, token)
        return answer

    async def _token(self, digest: str) -> Token | None:
        return await token_with(self.ports, digest, seen_for=SEEN_FOR_FLAGS_SECONDS)

    def _may(self, plain: Plain, token: Token | None) -> bool:
        """Whether a token may ask for a set. What it may is remembered, as long as time allows."""
        if token is None:
            return False
        known = self._permitted.get(plain.digest)
        if (
            known is None
            or known.token is not token
            or (known.until is not None and known.until <= self._now())
        ):
            known = self._permitted_now(plain.digest, token)
        if known is None or known.services is None:
            return known is not None
        service = asked_of(plain.flag_set)
        return service is None or service in known.services

    def _permitted_now(self, digest: str, token: Token) -> Permitted | None:
        """None for who may ask nowhere, which is not remembered."""
        self._permitted.pop(digest, None)
        who = principal_with(self.ports, token)
        services = who.services(Permission.FLAG_ASK)
        if services == frozenset():
            return None
        ends = (who.steady_until(Permission.FLAG_ASK), trusted_until(self.ports, token.account))
        until = min((one for one in ends if one is not None), default=None)
        if len(self._permitted) >= MOST_REMEMBERED:
            self._permitted.clear()
        known = self._permitted[digest] = Permitted(token, services, until)
        return known

    def _now(self) -> datetime:
        return self.ports.clock.now()

    async def _send(self, answer: Answer, scope: Scope, send: Send) -> None:
        """In one piece where the listener can, and by ASGI elsewhere."""
        state = scope.get("state", {})
        vouch, whole = state.get("vouch"), state.get("answer")
        head, headers = self._head(answer.status, scope)
        if vouch is not None:
            vouch()
        lines = b"etag: %b\r\n" % answer.tag.encode() if answer.tag else b""
        if answer.status != HTTPStatus.NOT_MODIFIED:
            lines += b"content-length: %d\r\n" % len(answer.body)
        if whole is not None and whole(scope, head + lines, answer.body):
            return
        told = [(name, value) for name, _, value in (one.partition(b": ") for one in lines.splitlines())]
        await send({"type": "http.response.start", "status": answer.status, "headers": [*told, *headers]})
        await send({"type": "http.response.body", "body": answer.body})

    def _head(self, status: int, scope: Scope) -> tuple[bytes, list[RawHeader]]:
        """What every answer of a status begins with, as lines and as pairs."""
        known = self._heads.get((status, scope["scheme"]))
        if known is not None:
            return known
        own = [] if status == HTTPStatus.NOT_MODIFIED else [(b"content-type", JSON.encode())]
        headers = self.headers.with_ours([*own, *self.origins.otherwise], scope)
        lines = b"".join(b"%b: %b\r\n" % pair for pair in headers)
        first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
        found = self._heads[status, scope["scheme"]] = (first + lines, headers)
        return found


async def _body(receive: Receive, read: list[Message]) -> bytes | None:
    """The whole body; None where it is not what was told of it."""
    body = bytearray()
    while True:
        message = await receive()
        read.append(message)
        body += message.get("body", b"")
        if message["type"] != "http.request" or len(body) > LARGEST_QUESTION_BYTES:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _again(read: list[Message], receive: Receive) -> Receive:
    """Gives what was read already, and then what comes."""
    if not read:
        return receive

    async def again() -> Message:
        return read.pop(0) if read else await receive()

    return again
