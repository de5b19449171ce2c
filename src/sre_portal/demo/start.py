"""The demo: portal, payments, shop and traffic, started together and kept alive until Ctrl-C."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sre_portal.demo.address import Address, Reservation, reserve
from sre_portal.demo.console import Console, Ready
from sre_portal.demo.flags import bring_flags
from sre_portal.demo.folder import DataFolder, default_folder
from sre_portal.demo.kept import Back, CannotStart, Event
from sre_portal.demo.scene import Scene, programs
from sre_portal.demo.supervisor import Supervisor

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

SAME_PRESS_SECONDS = 0.3
"""Signals this close together are one wish: `timeout` and some shells send each twice."""


@dataclass(frozen=True, slots=True)
class Options:
    """What `sre-portal demo` can be told."""

    data_dir: Path | None = None
    """None: the folder of this user, `folder.default_folder`."""
    host: str = "127.0.0.1"
    port: int = 8321
    shop_port: int = 0
    payments_port: int = 0
    rate: float = 40.0
    seed_history: bool = False
    console: Console = field(default_factory=Console)


def run_demo(options: Options, environment: Mapping[str, str]) -> int:
    """Runs the demo until it is told to stop; returns the exit code.

    Raises `PortUnusable` or `FolderUnusable` before anything has been started.
    """
    with _reserved(options) as places, DataFolder(options.data_dir or default_folder(environment)) as folder:
        scene = Scene(
            portal=places["portal"],
            shop=places["shop"],
            payments=places["payments"],
            rate=options.rate,
            seed_history=options.seed_history,
            data_dir=folder.path,
            token=secrets.token_urlsafe(32),
            agent_tokens={name: secrets.token_urlsafe(32) for name in ("shop", "payments")},
        )
        return asyncio.run(_supervise(scene, options.console, environment))


@contextmanager
def _reserved(options: Options) -> Iterator[dict[str, Address]]:
    """The three ports, held until the demo ends."""
    wanted = {"portal": options.port, "shop": options.shop_port, "payments": options.payments_port}
    held: dict[str, Reservation] = {}
    try:
        for name, port in wanted.items():
            held[name] = reserve(options.host, port)
        yield {name: reservation.address for name, reservation in held.items()}
    finally:
        for reservation in held.values():
            reservation.release()


async def _supervise(scene: Scene, console: Console, environment: Mapping[str, str]) -> int:
    def tell(event: Event) -> None:
        console.event(event)
        if isinstance(event, Back) and event.name == "portal":
            console.say(f"The portal has a new login link: {scene.links.login}")

    supervisor = Supervisor(programs(scene, environment), tell)
    stopped = _stop_on_signals(supervisor)
    try:
        async with supervisor:
            if await _first_of(supervisor.until_ready(), stopped):
                if problem := await bring_flags(scene):
                    console.say(problem)
                console.ready(_ready(scene), scene.data_dir)
                await _first_of(supervisor.until_failed(), stopped)
            console.say("Stopping.")
    except CannotStart as failed:
        console.say("\n".join([*failed.lines, str(failed)]))
        return 2 if failed.status == 2 else 1
    return 0


def _ready(scene: Scene) -> Ready:
    return Ready(
        portal=scene.links.portal,
        login=scene.links.login,
        token=scene.token,
        shop=scene.shop.url,
        payments=scene.payments.url,
    )


def _stop_on_signals(supervisor: Supervisor) -> asyncio.Event:
    """The first signal asks for an orderly stop, a later one kills."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    first_at = 0.0

    def stop() -> None:
        nonlocal first_at
        if not stopped.is_set():
            first_at = loop.time()
            stopped.set()
        elif loop.time() - first_at > SAME_PRESS_SECONDS:
            supervisor.kill()

    for number in STOPPING:
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores it
            loop.add_signal_handler(number, stop)
    return stopped


async def _first_of(work: Coroutine[object, object, None], stopped: asyncio.Event) -> bool:
    """Whether the work was done before the stop. Raises what the work raises."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        return working.done()
    finally:
        working.cancel()
        stopping.cancel()
