"""The official web provider in a page of another origin: a flip reaches it without polling."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.e2e.conftest import ROOT, Program, started

ADMIN = "an-admin-token-0123456789abcdef"
SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
PAGE = "<!doctype html><meta charset=utf-8><title>nothing yet</title><script src=program.js></script>"


@dataclass
class Shop:
    """A page somewhere else, and a portal that may know it."""

    origin: str
    portal: str
    client: httpx2.Client

    def issue(self, name: str) -> str:
        """The secret of a token that asks for flags, and nothing else."""
        order = {"name": name, "days": 1, "role": "program", "reason": "test"}
        answer = self.client.post("/api/v1/tokens", json=order).raise_for_status()
        return str(answer.json()["secret"])

    def open(self, browser: Browser, named: str = "page") -> tuple[Page, list[Request]]:
        """The page with a token of this name, and what it asks the portal."""
        page, asked = browser.new_page(), list[Request]()
        page.on("request", lambda one: asked.append(one) if one.url.startswith(self.portal) else None)
        page.goto(f"{self.origin}/#{urlencode({'portal': self.portal, 'token': self.issue(named)})}")
        return page, asked

    def flip(self, *, enabled: bool) -> None:
        body = {"enabled": enabled, "reason": "test"}
        self.client.post("/api/v1/flags/shop/new-cart/toggle", json=body).raise_for_status()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a page with the program, bundled as its authors would."""
    folder = tmp_path_factory.mktemp("program")
    command = [str(ROOT / "node_modules" / ".bin" / "esbuild"), "tests/e2e/flag_program.mjs", "--bundle"]
    command += ["--format=esm", f"--outfile={folder / 'program.js'}", "--log-level=error"]
    subprocess.run(command, cwd=ROOT, check=True)
    page = PAGE.replace("<script", "<script type=module")
    (folder / "index.html").write_text(page, encoding="utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


Build = Callable[[str], Shop]


@pytest.fixture
def shop(elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Build]:
    """A portal that lets the given origins in."""
    running: list[Iterator[Program]] = []

    def build(origins: str) -> Shop:
        monkeypatch.setenv("SRE_PORTAL_ADMIN_TOKEN", ADMIN)
        monkeypatch.setenv("SRE_PORTAL_FLAG_ORIGINS", origins)
        folder = tmp_path / "portal"
        command = [str(Path(sys.executable).parent / "sre-portal"), "serve", "--json", "--port", "0"]
        running.append(started([*command, "--data-dir", str(folder)]))
        program = next(running[-1])
        headers = {"authorization": f"Bearer {ADMIN}"}
        client = httpx2.Client(base_url=program.portal, headers=headers, trust_env=False)
        document = {"flags": {"new-cart": SWITCH}}
        told = {"document": document, "reason": "test"}
        client.post("/api/v1/flag-sets/shop/import", json=told).raise_for_status()
        return Shop(elsewhere, program.portal, client)

    yield build
    for program in running:
        next(program, None)


def test_a_flip_reaches_a_page_of_another_origin_without_polling(
    browser: Browser, shop: Build, elsewhere: str
) -> None:
    here = shop(elsewhere)
    page, asked = here.open(browser)
    expect(page).to_have_title("the new cart")
    here.flip(enabled=False)
    expect(page).to_have_title("the old cart")
    here.flip(enabled=True)
    expect(page).to_have_title("the new cart")
    told = [one.url.removeprefix(here.portal).partition("?") for one in asked if one.method != "OPTIONS"]
    assert [path for path, _, _ in told].count("/ofrep/v1/events") == 1
    assert all(not query or "flagConfigEtag" in query for path, _, query in told if "evaluate" in path)
    page.close()
    here.client.close()


def test_a_page_whose_token_is_taken_back_hears_no_more(
    browser: Browser, shop: Build, elsewhere: str
) -> None:
    here = shop(elsewhere)
    page, _ = here.open(browser)
    other, _ = here.open(browser, "other")
    expect(page).to_have_title("the new cart")
    expect(other).to_have_title("the new cart")
    revoked = here.client.post("/api/v1/tokens/page/revoke", json={"reason": "test"})
    revoked.raise_for_status()
    expect(page.locator("body")).to_have_text("stale")
    here.flip(enabled=False)
    expect(other).to_have_title("the old cart")  # now the first one would have heard of it, too
    expect(page).to_have_title("the new cart")
    other.close()
    page.close()
    here.client.close()


def test_a_page_of_an_origin_that_nobody_named_gets_nothing(browser: Browser, shop: Build) -> None:
    here = shop("https://shop.example")
    page, _ = here.open(browser)
    page.wait_for_function("document.title.startsWith('failed')")
    page.close()
    here.client.close()
