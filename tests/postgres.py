"""A PostgreSQL server of its own for tests and benchmarks."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.run_tests import POSTGRES, Group

POSTGRES_SETTINGS = {
    "fsync": "off",  # the server lives as long as the tests
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "50",
    "shared_buffers": "32MB",
    "timezone": "UTC",
}


DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[str]:
    """A SQLAlchemy URL of an empty database on a server that ends with the block, or with this process.

    `durable` syncs each commit to the disk, for figures that say so.
    """
    programs = program_of(POSTGRES)
    folder = Path(tempfile.mkdtemp(prefix="sre-portal-pg-"))
    owner = _unprivileged_user()
    if owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    data, port = folder / "data", _free_port()
    try:
        # A server that outlives its tests would hold its port and folder: it ends when this process does.
        run_as = _command_prefix(owner)
        initdb = [str(programs / "initdb"), "-D", str(data), "-U", "sre_portal", "-A", "trust"]
        subprocess.run(
            [*run_as, *initdb, "-E", "UTF8", "--no-locale", "--no-sync"], check=True, capture_output=True
        )
        chosen = POSTGRES_SETTINGS | (DURABLE if durable else {})
        settings = [f"-c{name}={value}" for name, value in chosen.items()]
        postgres = [
            str(programs / "postgres"),
            "-D",
            str(data),
            "-k",
            str(folder),
            "-p",
            str(port),
            *settings,
        ]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen([*run_as, *postgres], stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_until_ready(server, data, folder / "log")
            yield f"postgresql+psycopg://sre_portal@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # a fast shutdown: it does not wait for clients
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def program_of(group: Group) -> Path:
    """The program of a group of tests. Fails the test where the machine has none."""
    found = group.find()
    if found is None:
        pytest.fail(f"{group.package} is missing. `make test` installs it, or {group.variable} names it.")
    return found


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Who runs the server: PostgreSQL refuses to run as root. None means: as we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.fail("No unprivileged user to run PostgreSQL as: neither postgres nor nobody exists.")


def _command_prefix(owner: pwd.struct_passwd | None) -> list[str]:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    identity = (
        [] if owner is None else [f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
    )
    return [setpriv, "--pdeathsig=INT", *identity, "--"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(server: subprocess.Popen[bytes], data: Path, log: Path) -> None:
    """The last line of postmaster.pid says `ready` once connections are accepted."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            if (data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready":
                return
        except (FileNotFoundError, IndexError):
            pass
        time.sleep(0.01)
    pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}")
