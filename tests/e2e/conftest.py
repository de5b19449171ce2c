"""A real Chromium before the real demo, and before the stage: every state of the pages, standing still."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests.conftest import Chromium

ROOT = Path(__file__).parents[2]
expect.set_options(timeout=60_000)  # how long a condition may take; a busy machine is slow, not wrong
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"

WIDE, PHONE = (1440, 900), (390, 844)


@dataclass
class Program:
    """A portal in a process of its own, and what it told when it was ready."""

    process: subprocess.Popen[str]
    told: dict[str, str]

    @property
    def portal(self) -> str:
        return self.told["portal"]

    def freeze(self) -> None:
        """Stops answering without closing a connection."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)


@dataclass
class Visitor:
    """A browser context that remembers everything that must not happen."""

    context: BrowserContext
    origin: str
    faults: list[str] = field(default_factory=list)

    def page(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        page.on("request", self._request)
        return page

    def open(self, path: str) -> Page:
        page = self.page()
        page.goto(self.origin + path)
        return page

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(f"console: {message.text} at {message.location}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith(self.origin):
            self.faults.append(f"request to {request.url}")


Visit = Callable[..., Visitor]


@pytest.fixture(scope="session")
def browser(chromium: Chromium) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium.path), args=list(chromium.flags))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """`sre-portal demo`: the portal, a shop, its payments and customers."""
    command = [
        str(Path(sys.executable).parent / "sre-portal"),
        "demo",
        "--json",
        "--port",
        "0",
        "--seed-history",
    ]
    yield from started([*command, "--data-dir", str(tmp_path_factory.mktemp("demo"))])


@pytest.fixture(scope="session")
def stage() -> Iterator[Program]:
    """The scene of the page tests, served by the whole application."""
    yield from started([sys.executable, "-m", "tests.e2e.stage"])


def started(command: list[str]) -> Iterator[Program]:
    """Starts a program that prints one line of JSON when it answers; ends it with SIGTERM."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Program(process, json.loads(process.stdout.readline()))
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens browser contexts. At the end none of them may have seen an error or asked another origin."""
    visitors: list[Visitor] = []

    def arrive(
        program: Program, *, who: str = "", size: tuple[int, int] = WIDE, **options: object
    ) -> Visitor:
        width, height = size
        context = browser.new_context(viewport={"width": width, "height": height}, **options)  # type: ignore[arg-type]
        context.set_default_timeout(60_000)
        if who:
            context.add_cookies(
                [{"name": "sre_portal_session", "value": program.told[who], "url": program.portal}]
            )
        visitor = Visitor(context, program.portal)
        visitors.append(visitor)
        return visitor

    yield arrive
    for visitor in visitors:
        visitor.context.close()
    assert [fault for visitor in visitors for fault in visitor.faults] == []
