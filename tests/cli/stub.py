"""A fake of the other side: an HTTP server on loopback that answers like the portal's JSON API, as told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

TOKEN = "token-of-omar"


@dataclass(frozen=True)
class Reply:
    """What to answer. A status of 0 closes the connection without an answer."""

    status: int
    body: object = None
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    endless: bool = False
    """Whether the body is told again and again, until whoever asked goes."""

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    @classmethod
    def problem(cls, status: int, detail: str, **facts: object) -> Self:
        return cls(
            status, {"title": "No", "status": status, "detail": detail, **facts}, "application/problem+json"
        )


NO_ANSWER = Reply(0)

Script = Callable[[], Reply]


def in_turn(*replies: Reply) -> Script:
    """One reply after another, the last one for ever."""
    left = list(replies)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


@dataclass
class StubPortal:
    """Knows one token and the routes it was told. `asked` holds every request in order."""

    url: str = ""
    scripts: dict[str, Script] = field(default_factory=dict)
    asked: list[tuple[str, object]] = field(default_factory=list)

    def on(self, route: str, script: Script | Reply) -> None:
        """`on("GET /runs/7", Reply(200, {...}))`."""
        self.scripts[route] = (lambda: script) if isinstance(script, Reply) else script

    def reply_to(self, route: str, authorization: str | None, body: object) -> Reply:
        self.asked.append((route, body))
        if authorization != f"Bearer {TOKEN}":
            return Reply.problem(401, "the token is unknown")
        script = self.scripts.get(route)
        return Reply.problem(404, f"There is nothing at {route}.") if script is None else script()


@contextmanager
def stub_portal() -> Iterator[StubPortal]:
    """A stub that answers until the end of the block."""
    stub = StubPortal()
    gone = threading.Event()

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def _answer(self, body: object) -> None:
            route = f"{self.command} {self.path.removeprefix('/api/v1')}"
            reply = stub.reply_to(route, self.headers.get("authorization"), body)
            if not reply.status:
                return
            self.send_response(reply.status)
            self.send_header("content-type", reply.content_type)
            if not reply.endless:
                self.send_header("content-length", str(len(reply.content())))
            for name, value in reply.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.content())
            if reply.endless:
                self._tell_on(reply.content())

        def _tell_on(self, content: bytes) -> None:
            """With a pause, as somebody does who wants to be waited for."""
            with suppress(OSError):
                while not gone.wait(0.001):
                    self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        stub.url = f"http://127.0.0.1:{server.server_port}"
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield stub
        finally:
            gone.set()
            server.shutdown()
            serving.join()


STARTED = "2026-11-23T10:00:00Z"


def run_json(phase: str = "observe", verdict: str | None = None, **more: object) -> dict[str, object]:
    """A run as the portal tells it; over where it has a verdict."""
    reverted = phase in {"revert", "recover", "judge", "done"}
    timeline = {
        "started_at": STARTED,
        "effective_at": "2026-11-23T10:00:01Z",
        "reverted_at": "2026-11-23T10:00:31Z" if reverted else None,
        "alerts": [],
        "events": [{"at": STARTED, "offset_s": -1.0, "kind": "lease", "text": "leases went out"}],
    }
    return {
        "id": 7,
        "name": "latency-checkout",
        "title": "A slow checkout pages us",
        "service": "shop",
        "actor": "omar",
        "phase": "done" if verdict else phase,
        "live": verdict is None,
        "verdict": verdict,
        "reasons": ["the alert fired 31 s after the first hit"] if verdict else [],
        "started_at": STARTED,
        "ended_at": None,
        "ends_at": "2026-11-23T10:01:00Z",
        "url": "/runs/7",
        "timeline": timeline,
        "guardrails": [
            {"label": "errors below 50 %", "outcome": "holds", "value": 0.1, "limit": 0.5, "unit": "ratio",
             "distance_ratio": 0.8},
        ],
        "results": [
            {"label": "error-rate fires", "outcome": "met" if verdict else "open",
             "predicted_text": "29 to 34 s", "observed_text": "31 s"},
        ],
        **more,
    }  # fmt: skip
