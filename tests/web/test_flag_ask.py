"""The token of a program asks for the flags of its services, and is good for nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from sre_portal.core.access import Grant, Role
from sre_portal.core.account import LOCAL, Account, GivenGrant
from sre_portal.core.ports import Token
from sre_portal.operations.flag_import import ImportOrder, import_flags
from sre_portal.operations.sessions import digest_of
from sre_portal.web.ofrep import EVENTS
from sre_portal.web.ofrep_quick import QuickFlags
from sre_portal.web.walls import WalledApp
from tests.operations.world import OMAR, START, World
from tests.web.door import Door
from tests.web.listener import listening_to
from tests.web.pages.markup import Markup

ALL = "/ofrep/v1/evaluate/flags"
ONE = f"{ALL}/new-cart"
SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
SETS = ("default", "shop", "shop@staging", "payments", "shopping")
LONG_WAY = {"origin": "https://nowhere.example"}
SHOP = frozenset({"shop"})
SECRET = "page-secret-0123456789abcdef"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path, agents=[]).open()
    for name in SETS:
        await import_flags(opened.ports, OMAR, ImportOrder(name, "test"), {"flags": {"new-cart": SWITCH}})
    yield opened
    await opened.close()


async def page(door: Door, role: Role = Role.PROGRAM, services: frozenset[str] | None = SHOP) -> Token:
    """The token of a browser program, of which everybody knows the secret."""
    token = Token("page", digest_of(SECRET), role, None, START, services=services)
    await door.world.ports.tokens.replace_settings([token])
    return token


def asking(door: Door) -> httpx2.AsyncClient:
    client = door.client()
    client.headers["x-api-key"] = SECRET
    return client


async def statuses(door: Door, headers: dict[str, str]) -> dict[str, set[int]]:
    """What a question for each set is answered with, for one flag and for all."""
    client = asking(door)
    return {
        name: {
            (await client.post(path, json={}, headers={"x-flag-set": name, **headers})).status_code
            for path in (ONE, ALL)
        }
        for name in (*SETS, "nothing", "SHOP", "@shop", "")
    }


@pytest.mark.parametrize("headers", [{}, LONG_WAY])
@pytest.mark.parametrize("role", [Role.PROGRAM, Role.VIEWER, Role.OPERATOR])
async def test_a_token_of_a_service_asks_for_its_sets_and_for_that_of_everybody(
    door: Door, role: Role, headers: dict[str, str]
) -> None:
    await page(door, role)
    told = await statuses(door, headers)
    assert told == {
        "default": {200},
        "": {200},
        "shop": {200},
        "shop@staging": {200},
        "payments": {403},
        "shopping": {403},
        "nothing": {403},
        "SHOP": {403},
        "@shop": {403},
    }


async def test_such_a_token_is_issued_and_known_like_any_other(door: Door) -> None:
    ada = door.client("ada")
    order = {"name": "shop-page", "days": 7, "role": "program", "services": ["shop"], "reason": "a page"}
    issued = await ada.post("/api/v1/tokens", json=order)
    assert issued.status_code == 201, issued.text
    headers = {"x-api-key": issued.json()["secret"]}
    for flag_set, status in (("shop", 200), ("payments", 403)):
        asked = await door.client().post(ALL, json={}, headers={"x-flag-set": flag_set, **headers})
        assert asked.status_code == status
    question = {
        "subject": {"type": "token", "id": "shop-page"},
        "resource": {"type": "service", "id": "shop"},
    }
    told = (await ada.post("/access/v1/search/action", json=question)).json()
    assert told["results"] == [{"name": "flag:ask"}]
    who = (await ada.get("/api/v1/access/who", params={"permission": "flag:ask", "service": "shop"})).json()
    places = {one["id"]: one["where"] for one in who}
    assert (places["shop-page"], places["pia"]) == ("shop", "everywhere")


@pytest.mark.parametrize("headers", [{}, LONG_WAY])
async def test_a_token_for_everywhere_asks_for_any_set(door: Door, headers: dict[str, str]) -> None:
    await page(door, services=None)
    told = await statuses(door, headers)
    assert {name for name, status in told.items() if status == {200}} == {*SETS, ""}
    assert told["nothing"] == {400}


async def test_only_what_is_refused_goes_the_long_way(door: Door) -> None:
    await page(door)
    assert isinstance(door.app, WalledApp)
    assert isinstance(door.app.entrance, QuickFlags)
    quick, gone = door.app.entrance, list[str]()
    long_way = quick.long_way

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        gone.append(scope["path"])
        await long_way(scope, receive, send)

    quick.long_way = counted
    for name in ("shop", "default", "shop@staging"):
        assert (await asking(door).post(ONE, json={}, headers={"x-flag-set": name})).status_code == 200
    assert gone == []
    assert (await asking(door).post(ONE, json={}, headers={"x-flag-set": "payments"})).status_code == 403
    assert gone == [ONE]


@pytest.mark.parametrize("headers", [{}, LONG_WAY])
async def test_a_refusal_has_the_form_of_the_protocol_and_is_written_down(
    door: Door, world: World, headers: dict[str, str]
) -> None:
    await page(door)
    answer = await asking(door).post(ALL, json={}, headers={"x-flag-set": "payments", **headers})
    assert answer.json() == {
        "errorCode": "GENERAL",
        "errorDetails": "this needs the permission flag:ask, which program on payments has",
    }
    denied = [one for one in await world.ports.audit.recent(10) if one.outcome == "denied"]
    assert [(one.actor, one.action, one.object) for one in denied] == [("page", "flag:ask", f"POST {ALL}")]


async def test_it_reads_no_definition_no_page_and_no_metric(door: Door) -> None:
    pia = door.client("pia")
    for path in ("/", "/flags", "/flags/shop/new-cart", "/metrics", "/api/v1/flags", "/api/v1/me", "/runs"):
        assert (await pia.get(path)).status_code == 403, path
    assert (await pia.get("/api/v1/flag-sets/shop/export")).status_code == 403
    assert (await pia.post("/api/v1/flags/shop/new-cart/preview", json={"context": {}})).status_code == 403


async def test_a_role_on_a_service_that_ends_leaves_the_others(door: Door, world: World) -> None:
    """What is remembered of a token is so until the first of its roles ends, not until the last."""
    ports = world.ports
    account = await ports.accounts.log_in(Account(0, "service", "service", LOCAL, "service:ci", "ci"), START)
    hour = START + timedelta(hours=1)
    for grant in (Grant(Role.PROGRAM, SHOP), Grant(Role.PROGRAM, frozenset({"payments"}), hour)):
        await ports.accounts.give(GivenGrant(0, account.id, grant, "a test", "ada", START))
    await ports.tokens.add(
        Token("ci", digest_of(SECRET), Role.PROGRAM, None, START, account=account, origin="issued")
    )
    client = asking(door)

    async def asked() -> list[int]:
        return [
            (await client.post(ONE, json={}, headers={"x-flag-set": name})).status_code
            for name in ("shop", "payments")
        ]

    world.clock.move(3599)
    assert await asked() == [200, 200]
    world.clock.move(1)
    assert await asked() == [200, 403]


# Event streams


async def stream_of(door: Door, flag_set: str) -> str:
    answer = await asking(door).post(ALL, json={}, headers={"x-flag-set": flag_set})
    return str(answer.json()["eventStreams"][0]["url"])


async def test_a_stream_ends_with_the_permission_on_its_service_and_no_other_does(
    door: Door, world: World
) -> None:
    await page(door, services=frozenset({"shop", "payments"}))
    shop, payments = await stream_of(door, "shop"), await stream_of(door, "payments")
    async with listening_to(door.app, shop) as stays, listening_to(door.app, payments) as ends:
        await stays.word()
        await ends.word()
        await page(door)
        await ends.end()
        order = {"flags": {"new-cart": {**SWITCH, "defaultVariant": "off"}}}
        await import_flags(world.ports, OMAR, ImportOrder("shop", "test"), order)
        assert (await stays.word()).etag == '"2"'
        async with listening_to(door.app, payments) as refused:
            assert refused.status == 403
    denied = [one.action for one in await world.ports.audit.recent(10) if one.outcome == "denied"]
    assert denied == ["flag:listen"]
    assert (await door.client().get(EVENTS)).status_code == 401


# People


async def test_a_person_whose_only_role_is_for_programs_is_told_so_and_where_to_go(door: Door) -> None:
    browser = await door.browser("pia", Role.PROGRAM)
    answer = await browser.get("/")
    told = Markup(answer.text)
    assert (answer.status_code, told.faults) == (403, [])
    assert "Your only role is program, which is for tokens" in told.words
    assert "/account" in told.links()
    account = await browser.get("/account")
    assert account.status_code == 200
    assert "1 of 13 permissions" in Markup(account.text).words
