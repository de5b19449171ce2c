"""The composition root: the only module that may import everything."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import logging
import os
import resource
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import structlog
import uvicorn
import uvloop

from sre_portal.core.access import Role
from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.loops.schedule import run_loops
from sre_portal.operations.login import issue_link
from sre_portal.operations.ports import Ports
from sre_portal.settings import Settings
from sre_portal.web.app import build_app
from sre_portal.web.crowd import Crowd, CrowdLimits
from sre_portal.web.internal import build_internal_app
from sre_portal.web.middleware.hosts import default_hosts
from sre_portal.web.protocol import BesideServer, BoundedConfig
from sre_portal.web.walls import Walls
from sre_portal.wiring import Documents, migrated, opened, read_documents

log = structlog.get_logger("sre_portal")

DRAIN_SECONDS = 1
"""How long open streams may take to end when the portal stops."""
OWN_FILES = 200
"""Files that the portal needs besides its connections: the database, its logs, its own calls."""


def serve(settings: Settings, *, as_json: bool = False) -> None:
    """Runs the portal until SIGINT or SIGTERM. Tells its address and login link, in words or as JSON.

    Raises `InvalidInput` (settings, documents, a busy port) or `StoreUnavailable` before anything is started.
    """
    configure_logging(settings.log_level)
    _raise_file_limit()
    if settings.plain_http:
        log.warning("cookies travel unprotected, as SRE_PORTAL_PLAIN_HTTP says", host=settings.host)
    documents = read_documents(settings)
    if documents.access.spec.providers and not _has_administrator(settings, documents):
        log.warning(
            "no rule gives admin everywhere and there is no SRE_PORTAL_ADMIN_TOKEN: nobody can give roles"
        )
    listener = bind(settings.host, settings.port)
    loop = uvloop.new_event_loop
    with contextlib.closing(listener), alone_in(settings):
        migrate_beside(settings)
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(_serve(settings, documents, listener, as_json=as_json))


def _has_administrator(settings: Settings, documents: Documents) -> bool:
    """Whether anybody can be administrator, as far as the settings and rules say."""
    rules = documents.access.spec.rules
    by_rule = any(rule.role is Role.ADMIN and rule.services is None for rule in rules)
    return bool(settings.admin_token.get_secret_value()) or settings.login_links == "on" or by_rule


def migrate_beside(settings: Settings) -> None:
    """Brings the tables up to date in a child: the tools of a migration are 10 MB, and go with it.

    What fails there is not told: the portal tries the same, and tells it better.
    """
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException):
            asyncio.run(migrated(settings))
            status = 0
        os._exit(status)
    os.waitpid(child, 0)


def _raise_file_limit() -> None:
    """Connections are files, and the usual soft limit of a thousand is soon full of streams and strangers."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # then what there is has to do
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def alone_in(settings: Settings) -> Iterator[None]:
    """Holds an embedded database: leases live in the memory of one portal, and a second would end its runs.

    Raises `InvalidInput` where another portal holds it.
    """
    file = settings.database_file
    if file is None:
        yield
        return
    lock = None
    with contextlib.suppress(OSError):  # what is wrong with the folder, the store says better
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(f"{file}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            named = "DATABASE_URL" if settings.database_url.get_secret_value() else "DATA_DIR"
            seen = f"{file}: another portal uses it"
            raise InvalidInput([Problem(f"SRE_PORTAL_{named}", seen, "a database of its own")]) from None
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def check(settings: Settings) -> list[str]:
    """What would keep the portal from starting, one sentence each; empty means nothing found."""
    try:
        read_documents(settings)
    except InvalidInput as invalid:
        return [str(problem) for problem in invalid.problems]
    return []


async def _serve(settings: Settings, documents: Documents, listener: socket.socket, *, as_json: bool) -> None:
    url = settings.public_url.rstrip("/") or address_of(settings.host, listener)
    async with opened(settings, documents, url) as ports:
        app = build_app(ports, walls_of(settings, documents))
        config = BoundedConfig(
            app, crowd_of(settings), proxies=settings.trusted_proxies, drain_seconds=DRAIN_SECONDS
        )
        server = _Server(config, app.state.closing, ports)
        loops = asyncio.create_task(run_loops(ports))
        announcer = asyncio.create_task(_announce(settings, ports, server, as_json=as_json))
        announcer.add_done_callback(server.announced)
        try:
            async with internal_listener(settings, ports):
                await server.serve(sockets=[listener])
        finally:
            app.state.closing.set()
            for task in (loops, announcer):
                task.cancel()
            await asyncio.gather(loops, announcer, return_exceptions=True)
        if not announcer.cancelled():
            announcer.result()  # why nobody could be told where the portal is


def walls_of(settings: Settings, documents: Documents) -> Walls:
    """What stands before the routes of the main listener. A logout may end at the provider of the login."""
    public = urlsplit(settings.public_url).hostname or ""
    hosts = default_hosts(public, [settings.host]) | frozenset(settings.allowed_hosts)
    issuers = [urlsplit(one.issuer) for one in documents.access.spec.providers if one.type == "oidc"]
    origins = dict.fromkeys(f"{issuer.scheme}://{issuer.netloc}" for issuer in issuers)
    return Walls(
        hosts,
        flag_origins=settings.flag_origins,
        form_origins=tuple(origins),
        behind_tls=settings.public_url.startswith("https://"),
    )


def crowd_of(settings: Settings) -> Crowd:
    """The connections of a listener: as many as the settings say, and as there are files for."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = settings.max_connections if files < 0 else min(settings.max_connections, files - OWN_FILES)
    return Crowd(CrowdLimits.of(max(room, 1), settings.trusted_proxies))


@contextlib.asynccontextmanager
async def internal_listener(settings: Settings, ports: Ports) -> AsyncIterator[None]:
    """Serves metrics and probes on a port of their own while the block lasts, where the settings name one.

    Raises `InvalidInput` where the address or port cannot be had.
    """
    if settings.internal_port is None:
        yield
        return
    app = build_internal_app(ports, settings.allowed_hosts)
    server = BesideServer(BoundedConfig(app, crowd_of(settings)))
    with contextlib.closing(
        bind(settings.internal_host, settings.internal_port, "INTERNAL_PORT")
    ) as listener:
        log.info("metrics and probes", address=address_of(settings.internal_host, listener))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            server.should_exit = True
            await serving


class _Server(uvicorn.Server):
    """Ends the open streams as soon as the signal comes, so that draining does not wait for them."""

    def __init__(self, config: uvicorn.Config, closing: asyncio.Event, ports: Ports) -> None:
        super().__init__(config)
        self.answering = asyncio.Event()
        self.closing = closing
        self.ports = ports

    def announced(self, announcer: asyncio.Task[None]) -> None:
        """A portal that cannot say where it is and who may enter ends."""
        self.should_exit = self.should_exit or announcer.cancelled() or announcer.exception() is not None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answering.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Not the inherited one: it raises the signal again when serving ends, before the store is closed.
        self.force_exit = self.should_exit
        self.should_exit = True
        asyncio.get_running_loop().call_soon_threadsafe(self._end_streams)

    def _end_streams(self) -> None:
        self.closing.set()
        self.ports.pulse.beat()


async def _announce(settings: Settings, ports: Ports, server: _Server, *, as_json: bool) -> None:
    """Tells the address, and a one-time login link where these let anybody in, once the portal answers."""
    await server.answering.wait()
    told = {"portal": ports.policy.url}
    if ports.policy.links:
        secret = await issue_link(ports, "admin", Role.ADMIN)
        told["login"] = f"{ports.policy.url}/login?token={secret}"
    if settings.ready_file is not None:
        _write_private(settings.ready_file, json.dumps(told))
    elif as_json:
        print(json.dumps(told), flush=True)  # noqa: T201
    else:
        link = f"\nOne-time login link: {told['login']}" if "login" in told else ""
        print(f"SRE Portal answers at {told['portal']}{link}", flush=True)  # noqa: T201


def _write_private(file: Path, text: str) -> None:
    """Raises `InvalidInput` where the file cannot be written."""
    part = file.with_suffix(".part")
    try:
        part.touch(mode=0o600)
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    except OSError as refused:
        seen = f"{file}: {refused.strerror}"
        raise InvalidInput([Problem("SRE_PORTAL_READY_FILE", seen, "a file that can be written")]) from None


def bind(host: str, port: int, setting: str = "PORT") -> socket.socket:
    """A listening socket. Raises `InvalidInput` where the address or port cannot be had."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as refused:
        listener.close()
        expected = (
            "a free port; 0 picks one" if refused.errno == errno.EADDRINUSE else "an address of this machine"
        )
        raise InvalidInput(
            [Problem(f"SRE_PORTAL_{setting}", f"{host}:{port}: {refused.strerror}", expected)]
        ) from None
    return listener


def address_of(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


class StandardError:
    """The standard error of the moment a line is written, whatever it was when logging was configured."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure_logging(level: str) -> None:
    """JSON lines on standard error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: structlog.PrintLogger(StandardError()),  # type: ignore[arg-type]  # has all it uses
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, force=True)
