"""The account of whoever looks: devices, own tokens, and the glass, by forms of a real session."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import httpx2
import pytest

from sre_portal.core.access import Permission, Role
from sre_portal.core.errors import LoginRefused, ProviderUnavailable
from sre_portal.core.ports import LoginProvider
from sre_portal.operations.sessions import Origin, new_session
from sre_portal.operations.tokens import own_tokens, principal_with, token_of
from sre_portal.web.pages.browser import browser_words
from sre_portal.web.pages.login import why_down
from tests.operations.people import person
from tests.operations.world import World
from tests.web.door import Door, csrf_in
from tests.web.pages.markup import Markup

WHY = "the checkout burns and nobody answers"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A portal without traffic: nothing here needs any."""
    opened = await World(tmp_path).open()
    yield opened
    await opened.close()


async def account(browser: httpx2.AsyncClient, status: int = 200) -> Markup:
    answer = await browser.get("/account")
    assert answer.status_code == status, answer.text[:500]
    page = Markup(answer.text)
    assert page.faults == []
    return page


async def post(browser: httpx2.AsyncClient, path: str, **fields: str) -> httpx2.Response:
    csrf = csrf_in((await browser.get("/account")).text)
    return await browser.post(path, data={"csrf": csrf, **fields})


async def test_a_person_sees_who_they_are_and_by_whose_word_they_may(door: Door) -> None:
    page = await account(await door.browser("omar", Role.OPERATOR))
    for words in ("omar", "login link", "start runs", "run:start", "operator everywhere", "this one"):
        assert words in page.words, words
    assert "give and take roles" not in page.words
    assert "9 of 13 permissions" in page.words


async def test_the_name_leads_to_the_account_and_logging_out_is_a_form(door: Door) -> None:
    browser = await door.browser("vera", Role.VIEWER)
    page = Markup((await browser.get("/")).text)
    assert "/account" in page.links()
    assert page.fields("/logout")["csrf"]


async def test_a_token_has_no_account_page(door: Door) -> None:
    client = door.client("ada")
    answer = await client.get("/account", headers={"accept": "text/html"})
    assert answer.status_code == 401
    assert "/account" not in Markup((await client.get("/", headers={"accept": "text/html"})).text).links()


async def test_another_device_is_signed_out(door: Door) -> None:
    here, there = await door.browser("omar", Role.OPERATOR), await door.browser("omar", Role.OPERATOR)
    there.headers["user-agent"] = "Firefox/131.0 (X11; Linux x86_64)"
    page = await account(here)
    ids = re.findall(r"/account/sessions/([0-9a-f]+)/end", page.source)
    own = next(one for one in ids if "this one" in page.source.split(one)[0][-400:])
    other = next(one for one in ids if one != own)
    assert (await post(here, f"/account/sessions/{other}/end")).headers["location"] == "/account#devices"
    assert (await there.get("/")).status_code == 401
    assert (await here.get("/")).status_code == 200
    answer = await post(here, f"/account/sessions/{own}/end")
    assert answer.headers["location"] == "/login"
    assert (await here.get("/")).status_code == 401


async def test_nobody_signs_out_the_device_of_somebody_else(door: Door) -> None:
    ada, omar = await door.browser("ada"), await door.browser("omar", Role.OPERATOR)
    theirs = re.findall(r"/account/sessions/([0-9a-f]+)/end", (await account(ada)).source)[0]
    assert (await post(omar, f"/account/sessions/{theirs}/end")).status_code == 404
    assert (await ada.get("/")).status_code == 200


async def test_signing_out_everywhere_is_asked_for_once_more(door: Door) -> None:
    browsers = [await door.browser("omar", Role.OPERATOR) for _ in range(3)]
    asked = Markup((await browsers[0].get("/account/sign-out")).text)
    assert asked.faults == []
    assert asked.fields("/logout/everywhere")["csrf"]
    assert (await post(browsers[0], "/logout/everywhere")).status_code == 303
    assert [(await one.get("/")).status_code for one in browsers] == [401] * 3


async def test_an_own_token_is_shown_once_and_never_in_an_address(door: Door) -> None:
    browser = await door.browser("omar", Role.OPERATOR)
    answer = await post(
        browser, "/account/tokens", name="laptop", role="operator", days="30", services="shop"
    )
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    secret = re.findall(r"srp_[A-Za-z0-9_-]+", answer.text)[0]
    token = await token_of(door.world.ports, secret)
    assert token is not None
    who = principal_with(door.world.ports, token)
    assert who.may(Permission.RUN_START, "shop")
    assert not who.may(Permission.RUN_START, "payments")
    page = await account(browser)
    assert "laptop" in page.words
    assert secret not in page.source
    assert Markup((await browser.get("/account/tokens/laptop/revoke")).text).faults == []
    assert (await post(browser, "/account/tokens/laptop/revoke")).status_code == 303
    assert await token_of(door.world.ports, secret) is None


async def test_an_own_token_holds_where_its_owner_may_unless_it_is_said(door: Door) -> None:
    ports = door.world.ports
    sue = await person(ports, "sue", Role.OPERATOR, frozenset({"shop"}))
    secret, _ = await new_session(ports, sue, Origin())
    browser = door.client()
    browser.cookies.set("sre_portal_session", secret)
    answer = await post(browser, "/account/tokens", name="laptop", role="operator", days="30", services="")
    assert answer.status_code == 201
    assert [one.services for one in await own_tokens(ports, sue)] == [frozenset({"shop"})]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "Laptop!", "role": "operator", "days": "30"}, "lower case letters"),
        ({"name": "laptop", "role": "operator", "days": "9999"}, "1 to 366"),
        ({"name": "laptop", "role": "operator", "days": "many"}, "1 to 366"),
        ({"name": "laptop", "role": "admin", "days": "30"}, "at most what you have"),
        ({"name": "laptop", "role": "king", "days": "30"}, "one of program, viewer, operator, admin"),
        ({"name": "laptop", "role": "operator", "days": "30", "services": "shpo"}, "one of shop"),
        ({}, "1 to 366"),
    ],
)
async def test_a_wrong_order_comes_back_with_what_is_wrong(
    door: Door, fields: dict[str, str], told: str
) -> None:
    browser = await door.browser("omar", Role.OPERATOR)
    answer = await post(browser, "/account/tokens", **fields)
    page = Markup(answer.text)
    assert answer.status_code == 422
    assert page.faults == []
    assert told in page.words
    names = [one for one in page.all("input") if one.attributes.get("name") == "name"]
    assert [one.attributes["value"] for one in names] == [fields.get("name", "")]


async def test_somebody_of_one_service_issues_a_token_for_its_flags_without_naming_it(door: Door) -> None:
    ports = door.world.ports
    sue = await person(ports, "sue", Role.VIEWER, frozenset({"shop"}))
    secret, _ = await new_session(ports, sue, Origin())
    browser = door.client()
    browser.cookies.set("sre_portal_session", secret)
    page = await account(browser)
    roles = [one.attributes["value"] for one in page.all("option")]
    assert roles == ["program", "viewer"]
    for role in roles:
        answer = await post(browser, "/account/tokens", name=f"my-{role}", role=role, days="30")
        assert answer.status_code == 201
    assert {(one.role, one.services) for one in await own_tokens(ports, sue)} == {
        (Role.PROGRAM, frozenset({"shop"})),
        (Role.VIEWER, frozenset({"shop"})),
    }


async def test_a_name_that_is_taken_is_said_to_be(door: Door) -> None:
    browser = await door.browser("omar", Role.OPERATOR)
    order = {"name": "laptop", "role": "viewer", "days": "30"}
    assert (await post(browser, "/account/tokens", **order)).status_code == 201
    again = await post(browser, "/account/tokens", **order)
    assert again.status_code == 422
    assert "a token has this one" in Markup(again.text).words


async def test_an_own_token_is_shown_by_its_plain_name_and_the_other_one(door: Door) -> None:
    ports = door.world.ports
    sue = await person(ports, "sue", Role.OPERATOR)
    secret, _ = await new_session(ports, sue, Origin())
    browser = door.client()
    browser.cookies.set("sre_portal_session", secret)
    await post(browser, "/account/tokens", name="laptop", role="viewer", days="30")
    page = await account(browser)
    assert f"{sue.id}.laptop in the audit log" in page.words
    assert "Roles by your groups count for your tokens until 7 days after your last login" in page.words
    assert (await post(browser, f"/account/tokens/{sue.id}.laptop/revoke")).status_code == 303
    assert await own_tokens(ports, sue) == []


async def test_glass_that_is_broken_is_not_broken_again(door: Door) -> None:
    browser = await door.browser("omar", Role.OPERATOR)
    await post(browser, "/account/glass/break", reason=WHY, minutes="30")
    answer = await post(browser, "/account/glass/break", reason=WHY, minutes="60")
    assert answer.status_code == 422
    assert "broken already until 12:30 UTC" in Markup(answer.text).words
    assert len(door.world.ports.watch.glass) == 1


async def test_breaking_the_glass_gives_admin_and_a_new_secret_of_the_session(door: Door) -> None:
    browser = await door.browser("omar", Role.OPERATOR)
    await account(browser)
    before = browser.cookies["sre_portal_session"]
    assert (await browser.get("/access")).status_code == 403
    answer = await post(browser, "/account/glass/break", reason=WHY, minutes="30")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    page = await account(browser)
    during = browser.cookies["sre_portal_session"]
    assert during != before
    assert "Give it back now" in page.words
    assert (await browser.get("/access")).status_code == 200
    assert (await post(browser, "/account/glass/mend")).status_code == 303
    await account(browser)
    assert browser.cookies["sre_portal_session"] not in {before, during}
    assert (await browser.get("/access")).status_code == 403


async def test_the_secret_changes_also_when_broken_glass_ends_by_itself(door: Door) -> None:
    browser = await door.browser("omar", Role.OPERATOR)
    await post(browser, "/account/glass/break", reason=WHY, minutes="1")
    await account(browser)
    during = browser.cookies["sre_portal_session"]
    door.world.clock.move(61)
    await account(browser)
    assert browser.cookies["sre_portal_session"] != during
    door.world.clock.move(301)
    thief = door.client()
    thief.cookies.set("sre_portal_session", during)
    assert (await thief.get("/")).status_code == 401


async def test_everybody_sees_broken_glass_on_every_page_and_in_the_metrics(door: Door) -> None:
    omar, vera = await door.browser("omar", Role.OPERATOR), await door.browser("vera", Role.VIEWER)
    assert "sre_portal_broken_glass 0.0" in (await door.client("ada").get("/metrics")).text
    await post(omar, "/account/glass/break", reason=WHY, minutes="30")
    for path in ("/", "/services", "/runs", "/account"):
        page = Markup((await vera.get(path)).text)
        assert page.faults == []
        assert f"omar is admin everywhere until 12:30:00 UTC Reason: {WHY}" in page.words
    assert "sre_portal_broken_glass 1.0" in (await door.client("ada").get("/metrics")).text
    door.world.clock.move(1801)
    assert WHY not in (await vera.get("/")).text
    assert "sre_portal_broken_glass 0.0" in (await door.client("ada").get("/metrics")).text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"reason": "help", "minutes": "30"}, "a reason of 10 to 500 characters"),
        ({"reason": WHY, "minutes": "61"}, "1 to 60"),
        ({"reason": WHY, "minutes": "soon"}, "1 to 60"),
    ],
)
async def test_the_glass_holds_and_says_why(door: Door, fields: dict[str, str], told: str) -> None:
    browser = await door.browser("omar", Role.OPERATOR)
    answer = await post(browser, "/account/glass/break", **fields)
    assert answer.status_code == 422
    page = Markup(answer.text)
    assert page.faults == []
    assert told in page.words
    assert door.world.ports.watch.glass == ()


async def test_whoever_may_not_break_the_glass_sees_who_may(door: Door) -> None:
    vera = await door.browser("vera", Role.VIEWER)
    page = await account(vera)
    assert "This needs glass:break, which the role operator has" in page.words
    answer = await post(vera, "/account/glass/break", reason=WHY, minutes="30")
    assert answer.status_code == 403
    assert "which operator has" in Markup(answer.text).words


async def test_an_administrator_has_nothing_behind_the_glass(door: Door) -> None:
    page = await account(await door.browser("ada"))
    assert "nothing behind the glass" in page.words


class Sso:
    """A login provider that answers as a test says."""

    name, title, kind, issuer = "sso", "Example SSO", "oidc", "https://login.example.com"

    def __init__(self, down: str = "", *, hangs: bool = False) -> None:
        self.down, self.hangs = down, hangs

    async def ready(self) -> str:
        if self.hangs:
            await asyncio.Event().wait()
        return self.down

    async def begin(self, redirect_uri: str, return_to: str) -> object:
        raise ProviderUnavailable(self.title, "connection refused")

    async def finish(self, attempt: object, query: object) -> object:
        raise LoginRefused("nonce: it is of another login")


def with_providers(door: Door, *providers: Sso, links: bool = True) -> httpx2.AsyncClient:
    policy = replace(
        door.world.ports.policy,
        providers={f"sso{number or ''}": one for number, one in enumerate(providers)},  # type: ignore[misc]
        links=links,
    )
    door.app.state.ports = replace(door.world.ports, policy=policy)
    client = door.client()
    client.headers["accept"] = "text/html"
    return client


async def test_the_login_page_has_a_button_for_each_provider(door: Door) -> None:
    client = with_providers(door, Sso())
    page = Markup((await client.get("/login?to=/runs/7")).text)
    assert page.faults == []
    assert "/login/with/sso?to=%2Fruns%2F7" in page.links()
    assert "Log in with Example SSO" in page.words
    assert "It works once" in page.words


async def test_a_provider_that_is_down_is_said_to_be(door: Door) -> None:
    down = "Example SSO does not answer right now. Whoever is logged in stays logged in."
    client = with_providers(door, Sso(down), links=False)
    page = Markup((await client.get("/login")).text)
    assert down in page.words
    assert "/login/with/sso" in page.links()
    assert "It works once" not in page.words


async def test_a_provider_that_hangs_holds_up_nobody() -> None:
    assert "does not answer right now" in await why_down(cast(LoginProvider, Sso(hangs=True)), 0.01)
    assert await why_down(cast(LoginProvider, Sso()), 60) == ""


async def test_where_nobody_can_log_in_the_page_says_what_is_missing(door: Door) -> None:
    page = Markup((await with_providers(door, links=False).get("/login")).text)
    assert "No login provider is set up" in page.words


@pytest.mark.parametrize(
    "to", ["https://evil.example", "//evil.example", "/login", "/\\evil", "javascript:1"]
)
async def test_the_login_leads_to_no_other_place(door: Door, to: str) -> None:
    client = with_providers(door, Sso())
    page = Markup((await client.get("/login", params={"to": to})).text)
    assert "/login/with/sso" in page.links()


@pytest.mark.parametrize("path", ["/login/with/sso", "/login/callback/sso?state=x&code=y"])
async def test_a_login_that_is_not_accepted_says_so_and_leads_back(door: Door, path: str) -> None:
    answer = await with_providers(door, Sso()).get(path)
    assert answer.status_code in {403, 502}
    page = Markup(answer.text)
    assert page.faults == []
    assert "Start the login again" in page.words
    assert "/login" in page.links()
    assert "nonce" not in page.source


async def test_a_page_for_people_leads_to_the_login_and_back(door: Door) -> None:
    client = door.client()
    client.headers["accept"] = "text/html"
    answer = await client.get("/runs?show=failed")
    assert answer.status_code == 401
    assert "/login?to=%2Fruns%3Fshow%3Dfailed" in Markup(answer.text).links()
    used = await client.get("/login?token=unknown")
    assert used.status_code == 401
    assert "/login" in Markup(used.text).links()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/130.0 Safari/537.36", "Chrome on Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130.0 Safari/537.36 Edg/130.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Safari/604.1", "Safari on an iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/17 Safari/605", "Safari on a Mac"),
        ("curl/8.5.0", "curl"),
        ("something that nobody knows, and that goes on and on", "something that nobody knows, and that go"),
        ("", "unknown browser"),
    ],
)
def test_a_browser_reads_as_people_say_it(text: str, words: str) -> None:
    assert browser_words(text) == words
