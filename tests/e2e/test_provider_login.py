"""A person logs in at a real provider with a real browser, and out again, under the portal's own policy."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.providers.replicas import Replicas, running_replicas

T = TypeVar("T")


@contextmanager
def beside(manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """An asynchronous context on a thread of its own: the browser holds this one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(manager.__aenter__(), loop).result(60)
    finally:
        asyncio.run_coroutine_threadsafe(manager.__aexit__(None, None, None), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Replicas]:
    with beside(running_replicas("", tmp_path, 1)) as running:
        yield running


def at_provider(page: Page, name: str) -> None:
    """The provider's own forms."""
    page.get_by_placeholder("Enter any login").fill(name)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_a_person_logs_in_at_the_provider_and_out_again(portal: Replicas, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda one: faults.append(one.text) if one.type == "error" else None)
    page.goto(f"{portal.urls[0]}/runs")
    page.get_by_role("link", name="Log in").click()
    page.get_by_role("link", name="company").click()
    at_provider(page, "alice")
    expect(page).to_have_url(f"{portal.urls[0]}/runs")
    expect(page.get_by_text("alice").first).to_be_visible()
    faults.clear()  # the first answer was a 401, which the browser tells

    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page).to_have_url(re.compile(r"/login\?state="))
    assert [one for one in faults if "Content Security Policy" in one] == []
    page.goto(f"{portal.urls[0]}/runs")
    expect(page.get_by_role("heading", name="Log in first")).to_be_visible()
    context.close()


def test_a_logout_at_the_provider_is_seen_on_the_open_page(portal: Replicas, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{portal.urls[0]}/login")
    page.get_by_role("link", name="company").click()
    at_provider(page, "bob")
    expect(page.locator("#liveness")).to_have_text("Live")
    other = context.new_page()
    other.goto(f"{portal.idp.issuer}/session/end")
    other.get_by_role("button", name="Yes, sign me out").click()
    expect(page.locator("#liveness")).not_to_have_text("Live")
    context.close()
