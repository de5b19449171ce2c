"""The smallest application there is, on uvicorn, with and without the agent.

python -m benchmarks.hello --port 9000 [--portal http://127.0.0.1:8000 | --pass-on] [--access-log]
"""

from __future__ import annotations

import argparse

import uvicorn

from sre_portal.agent import FaultMiddleware
from sre_portal.agent.faults.hit import App, Receive, Scope, Send

BODY = b"hello\n"
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"6")],
}
END = {"type": "http.response.body", "body": BODY}


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await send(START)
        await send(END)
        return
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


class PassOn:
    """The least a middleware can do: what every one costs, whatever it is for."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--portal", default="")
    parser.add_argument("--pass-on", action="store_true")
    parser.add_argument("--access-log", action="store_true", help="as uvicorn has it where nothing is said")
    parser.add_argument("--loop", default="uvloop")
    parser.add_argument("--http", default="httptools")
    told = parser.parse_args()
    app: App = PassOn(hello) if told.pass_on else hello
    if told.portal:
        app = FaultMiddleware(hello, service="hello", portal_url=told.portal, token="t", routes=["/"])  # noqa: S106  # a stub listens
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=told.port,
        loop=told.loop,
        http=told.http,
        access_log=told.access_log,
        log_level="info" if told.access_log else "warning",
    )


if __name__ == "__main__":
    main()
