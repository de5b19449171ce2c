"""Serves the scene of the page tests to a browser, every state of it: `python -m tests.e2e.stage`."""

from __future__ import annotations

import asyncio
import json
import socket

import uvicorn

from sre_portal.web.app import build_app
from tests.web.pages.scene import CAST, Scene, scene


async def serve(built: Scene) -> None:
    await built.told()
    cookies = {who.name: await built.log_in(who) for who in CAST}
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        build_app(built.ports), log_level="warning", lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    told = {"portal": f"http://127.0.0.1:{listener.getsockname()[1]}", **cookies}
    print(json.dumps(told), flush=True)  # noqa: T201  the line that says it is ready
    await server.serve(sockets=[listener])


if __name__ == "__main__":
    asyncio.run(serve(scene()))
