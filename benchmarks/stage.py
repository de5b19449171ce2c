"""A real portal as a process of its own, with whatever plays on it. For the benchmarks of the whole loop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

ADMIN = "benchmark-admin-token-0123456789"
AGENT = "benchmark-agent-token-0123456789"
WAIT_SECONDS = 90.0

Found = TypeVar("Found")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def until(look: Callable[[], Found | None], what: str, seconds: float = WAIT_SECONDS) -> Found:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise TimeoutError(f"waited {seconds:.0f} s for {what}")


class Stage:
    """A portal over a fresh database and the given SLO documents. Everything it starts ends with it."""

    def __init__(self, slos: str, services: Sequence[str], told: Mapping[str, str] | None = None) -> None:
        """`told` are more settings of the portal."""
        self.told = dict(told or {})
        self.folder = tempfile.TemporaryDirectory(prefix="sre-portal-bench-")
        self.home = Path(self.folder.name)
        (self.home / "slo").mkdir()
        (self.home / "slo" / "all.yaml").write_text(slos, encoding="utf-8")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.tokens = ",".join(f"{service}={AGENT}-{service}" for service in services)
        self.client = httpx2.Client(
            base_url=self.url, headers={"authorization": f"Bearer {ADMIN}"}, timeout=30, trust_env=False
        )
        self.others: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        self.start_portal()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        for process in (*self.others, self.portal):
            process.terminate()
        for process in (*self.others, self.portal):
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
        self.folder.cleanup()

    def start_portal(self) -> None:
        told = {
            "SRE_PORTAL_ADMIN_TOKEN": ADMIN,
            "SRE_PORTAL_AGENT_TOKENS": self.tokens,
            "SRE_PORTAL_READY_FILE": str(self.home / "ready.json"),
            **self.told,
        }
        arguments = ("serve", "--port", str(self.port), "--data-dir", str(self.home))
        self.portal = self._spawn(
            "sre_portal.cli.app", (*arguments, "--slo-dir", str(self.home / "slo")), told
        )
        until(self._answers, "the portal")

    def kill_portal(self) -> float:
        """SIGKILL; returns the instant."""
        at = time.time()
        os.kill(self.portal.pid, signal.SIGKILL)
        self.portal.wait()
        return at

    def play(self, module: str, *arguments: str, token: str = "") -> subprocess.Popen[str]:
        """Starts another program of the stage, with pipes to talk to it."""
        process = self._spawn(module, arguments, {"SRE_PORTAL_AGENT_TOKEN": token} if token else {})
        self.others.append(process)
        return process

    def get(self, path: str) -> Any:  # noqa: ANN401  # JSON
        return self.client.get(f"/api/v1{path}").raise_for_status().json()

    def post(self, path: str, body: object = None) -> Any:  # noqa: ANN401  # JSON
        answer = self.client.post(f"/api/v1{path}", json=body)
        if answer.status_code >= 400:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
        return answer.json()

    def start(self, document: str) -> int:
        """Starts an experiment and returns the number of its run."""
        return int(self.post("/runs", {"document": document})["id"])

    def run(self, run_id: int) -> Any:  # noqa: ANN401  # JSON
        return self.get(f"/runs/{run_id}")

    def finished(self, run_id: int, seconds: float = 300) -> Any:  # noqa: ANN401  # JSON
        return until(lambda: one if not (one := self.run(run_id))["live"] else None, f"run {run_id}", seconds)

    def agents_are_ready(self, count: int) -> None:
        """Waits until so many instances report and know their clock."""
        until(lambda: self._ready() >= count, f"{count} agents")

    def _ready(self) -> int:
        told = [one for service in self.get("/services") for one in service["instances"]]
        return sum(one["clock_error_ms"] is not None for one in told)

    def _answers(self) -> bool:
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    def _spawn(self, module: str, arguments: Sequence[str], told: dict[str, str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env={**os.environ, **told},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
