"""Who may do what, for administrators: the question, accounts, grants, tokens, each change by its form."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from sre_portal.core.access import Permission, Role
from sre_portal.core.account import Account
from sre_portal.core.grant_rule import Rule
from sre_portal.operations.directory import acting
from sre_portal.operations.sessions import Origin, new_session
from sre_portal.operations.token_order import Order
from sre_portal.operations.tokens import issue_own_token, token_of
from tests.operations.people import person, session_for
from tests.operations.world import World
from tests.web.door import Door, csrf_in
from tests.web.pages.markup import Element, Markup

SHOP = frozenset({"shop"})
RULES = (
    Rule(name="staff", group="staff", role=Role.VIEWER),
    Rule(name="sre", group="sre", role=Role.ADMIN, environments=("production",)),
)
HOSTILE = "</title><script>alert(1)</script>'\"&"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A portal without traffic, with two rules."""
    opened = await World(tmp_path).open()
    opened.ports = replace(opened.ports, policy=replace(opened.ports.policy, rules=RULES))
    yield opened
    await opened.close()


@pytest.fixture
async def omar(world: World) -> Account:
    return await person(world.ports, "omar", Role.OPERATOR, SHOP)


@pytest.fixture
async def ada(door: Door) -> httpx2.AsyncClient:
    """A browser of an administrator."""
    return await door.browser("ada")


async def read(browser: httpx2.AsyncClient, path: str, status: int = 200) -> Markup:
    answer = await browser.get(path)
    assert answer.status_code == status, answer.text[:500]
    page = Markup(answer.text)
    assert page.faults == []
    return page


async def post(browser: httpx2.AsyncClient, path: str, **fields: str) -> httpx2.Response:
    csrf = csrf_in((await browser.get("/account")).text)
    return await browser.post(path, data={"csrf": csrf, **fields})


def rows(page: Markup, label: str) -> list[str]:
    """The cells of each row of the table in a section, the empty ones left out."""
    found = []
    for row in page.all("tr"):
        if row.inside("tbody") and _section(row) == label:
            cells = [one for one in page.elements if one.parent is row]
            found.append(" | ".join(" ".join(one.text.split()) for one in cells if one.text.strip()))
    return found


def _section(element: Element) -> str:
    one = element.parent
    while one is not None and one.name != "section":
        one = one.parent
    return "" if one is None else one.attributes.get("aria-label", "")


async def test_who_can_is_answered_with_where_and_why(ada: httpx2.AsyncClient, omar: Account) -> None:
    page = await read(ada, "/access?permission=run%3Astart&service=shop")
    assert rows(page, "Who can do it") == [
        "ada | person | everywhere | login link | for good",
        "omar | person | shop | given by test | for good",
        "ada | token | everywhere | token ada | for good",
        "omar | token | everywhere | token omar | for good",
    ]
    assert f"/access/accounts/{omar.id}" in page.links()
    assert "It takes operator on shop" in page.words


async def test_a_question_nobody_can_answer_falls_back_to_the_usual_one(ada: httpx2.AsyncClient) -> None:
    page = await read(ada, "/access?permission=world%3Arule&service=nowhere")
    assert "may start runs" in page.words


async def test_accounts_are_found_by_what_they_are_known_by(ada: httpx2.AsyncClient, omar: Account) -> None:
    for query in ("omar", "OMAR@example", "staff", "sso"):
        found = rows(await read(ada, f"/access?q={query}"), "Accounts")
        assert [one.split("omar")[0] for one in found] == [""]
    assert "Nothing fits" in (await read(ada, "/access?q=nobody-at-all")).words


async def test_a_rule_is_shown_with_whom_it_fits(ada: httpx2.AsyncClient, omar: Account) -> None:
    assert rows(await read(ada, "/access"), "Rules") == [
        "staff | group staff | viewer everywhere | omar",
        "sre | group sre, in production | admin everywhere | nobody yet",
    ]


async def test_an_account_is_explained_rule_by_rule(
    ada: httpx2.AsyncClient, omar: Account, world: World
) -> None:
    await session_for(world.ports, omar)
    page = await read(ada, f"/access/accounts/{omar.id}")
    assert rows(page, "Rules") == [
        "staffgroup staff | viewer everywhere | fits",
        (
            "sregroup sre, in production | admin everywhere | does not fit | "
            "not in the group sre; this is demo, not production"
        ),
    ]
    assert "start runsrun:start | shop | given by test" in rows(page, "What the account may")
    assert "Firefox on Linux" in page.words
    assert "https://login.example.com" in page.words


async def test_a_role_is_given_and_withdrawn_by_form(
    ada: httpx2.AsyncClient, omar: Account, world: World
) -> None:
    path = f"/access/accounts/{omar.id}"
    answer = await post(ada, f"{path}/grants", role="admin", until="8h", services="", reason="game day")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}#grants")
    assert acting(world.ports, await world.ports.accounts.get(omar.id)).may(Permission.ACCESS_CHANGE)
    page = await read(ada, path)
    assert any(one.startswith("admin everywhere | in force | in 8 h |") for one in rows(page, "Grants"))
    grant = next(one for one in await world.ports.accounts.given(omar.id) if one.reason == "game day")
    asked = await read(ada, f"/access/grants/{grant.id}/withdraw")
    assert "Withdraw admin everywhere from omar?" in asked.words
    assert (await post(ada, f"/access/grants/{grant.id}/withdraw", reason="")).status_code == 422
    assert (await post(ada, f"/access/grants/{grant.id}/withdraw", reason="it is over")).status_code == 303
    assert not acting(world.ports, await world.ports.accounts.get(omar.id)).may(Permission.ACCESS_CHANGE)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"role": "admin", "until": "", "reason": ""}, "why, in a few words"),
        ({"role": "king", "until": "", "reason": "x"}, "one of program, viewer, operator, admin"),
        ({"role": "admin", "until": "3y", "reason": "x"}, "one of , 1h"),
        ({"role": "operator", "until": "", "reason": "x", "services": "shop, shpo"}, "one of shop"),
        ({}, "one of program, viewer"),
    ],
)
async def test_a_wrong_grant_comes_back_with_what_is_wrong(
    ada: httpx2.AsyncClient, omar: Account, fields: dict[str, str], told: str
) -> None:
    answer = await post(ada, f"/access/accounts/{omar.id}/grants", **fields)
    page = Markup(answer.text)
    assert (answer.status_code, page.faults) == (422, [])
    assert told in page.words


async def test_an_account_is_blocked_unblocked_and_signed_out_by_form(
    ada: httpx2.AsyncClient, omar: Account, world: World
) -> None:
    path = f"/access/accounts/{omar.id}"
    session = await session_for(world.ports, omar)
    assert "1 session" in (await read(ada, f"{path}/sign-out")).words
    assert (await post(ada, f"{path}/sign-out", reason="")).status_code == 422
    assert (await post(ada, f"{path}/sign-out", reason="a lost laptop")).status_code == 303
    assert await world.ports.sessions.find(session.digest) is None
    assert "Block omar?" in (await read(ada, f"{path}/block")).words
    assert (await post(ada, f"{path}/block", reason="")).status_code == 422
    assert (await post(ada, f"{path}/block", reason="left")).status_code == 303
    page = await read(ada, path)
    assert "This account is blocked" in page.words
    assert f"{path}/unblock" in page.links()
    assert "Unblock omar?" in (await read(ada, f"{path}/unblock")).words
    assert (await post(ada, f"{path}/unblock", reason="")).status_code == 422
    assert (await post(ada, f"{path}/unblock", reason="is back")).status_code == 303
    assert not (await world.ports.accounts.get(omar.id)).blocked


async def test_nobody_is_offered_to_block_themselves(ada: httpx2.AsyncClient, world: World) -> None:
    own = (await world.ports.accounts.named("link:ada"))[0]
    page = await read(ada, f"/access/accounts/{own.id}")
    assert f"/access/accounts/{own.id}/block" not in page.links()
    answer = await post(ada, f"/access/accounts/{own.id}/block", reason="by mistake")
    assert answer.status_code == 422
    assert "ask another administrator" in Markup(answer.text).words


async def test_tokens_are_issued_rotated_and_revoked_by_form(ada: httpx2.AsyncClient, world: World) -> None:
    order = {
        "name": "ci",
        "role": "operator",
        "services": "shop",
        "days": "30",
        "owner": "",
        "reason": "runs",
    }
    answer = await post(ada, "/access/tokens", **order)
    assert answer.status_code == 201
    first = re.findall(r"srp_[A-Za-z0-9_-]+", answer.text)[0]
    page = await read(ada, "/access/tokens")
    assert first not in page.source
    assert any(
        one.startswith("ciof ci, by ada | operator on shop | in force | never | 23 Dec 2026")
        for one in rows(page, "Tokens")
    )
    assert rows(page, "Service accounts") == ["ci | operator on shop | 1 token | open"]
    asked = await read(ada, "/access/tokens/ci/rotate")
    assert "ci-2" in [one.attributes.get("value") for one in asked.all("input")]
    answer = await post(ada, "/access/tokens/ci/rotate", name="ci-2", overlap="24")
    assert answer.status_code == 201
    assert "ci is good until 24 Nov 2026" in Markup(answer.text).words
    assert await token_of(world.ports, first) is not None
    assert "Revoke the token ci?" in (await read(ada, "/access/tokens/ci/revoke")).words
    assert (await post(ada, "/access/tokens/ci/revoke", reason="rotated")).status_code == 303
    assert await token_of(world.ports, first) is None


async def test_a_rotated_token_is_said_to_be_good_until_its_own_end(
    ada: httpx2.AsyncClient, world: World
) -> None:
    order = {"name": "ci", "role": "viewer", "days": "1"}
    assert (await post(ada, "/access/tokens", **order)).status_code == 201
    answer = await post(ada, "/access/tokens/ci/rotate", name="ci-2", overlap="240")
    assert "ci is good until 24 Nov 2026" in Markup(answer.text).words


async def test_only_what_an_administrator_may_rotate_is_offered(
    ada: httpx2.AsyncClient, omar: Account, world: World, door: Door
) -> None:
    ports = world.ports
    for name, days in (("ci", 90), ("old", 1)):
        order = {"name": name, "role": "viewer", "days": str(days)}
        assert (await post(ada, "/access/tokens", **order)).status_code == 201
    await issue_own_token(ports, acting(ports, omar), omar, Order("laptop", 90, Role.VIEWER), "")
    world.clock.move(86_400)
    again = await door.browser("ada")
    page = await read(again, "/access/tokens")
    assert [one for one in page.links() if one.endswith("/rotate")] == ["/access/tokens/ci/rotate"]
    own = f"{omar.id}.laptop"
    assert f"/access/tokens/{own}/revoke" in page.links()
    answer = await post(again, f"/access/tokens/{own}/rotate", name="mine", overlap="1")
    assert answer.status_code == 422
    assert "people issue their own" in Markup(answer.text).words


async def test_a_token_whose_owner_has_to_log_in_is_marked(omar: Account, world: World, door: Door) -> None:
    ports = world.ports
    await issue_own_token(ports, acting(ports, omar), omar, Order("laptop", 90, Role.VIEWER), "")
    for days, said in ((0, "in force"), (8, "owner has to log in")):
        world.clock.move(days * 86_400)
        found = rows(await read(await door.browser("ada"), "/access/tokens"), "Tokens")
        assert said in next(one for one in found if "laptop" in one)


async def test_power_for_a_while_blocks_no_administrator_by_form(world: World, door: Door) -> None:
    bea = await person(world.ports, "bea", Role.ADMIN)
    omar = await door.browser("omar", Role.OPERATOR)
    why = "the checkout burns and nobody answers"
    assert (await post(omar, "/account/glass/break", reason=why, minutes="30")).status_code == 303
    for act in ("block", "sign-out"):
        answer = await post(omar, f"/access/accounts/{bea.id}/{act}", reason=why)
        assert answer.status_code == 422
        assert "bea is admin everywhere" in Markup(answer.text).words
    assert not (await world.ports.accounts.get(bea.id)).blocked


async def test_an_answer_that_leaves_accounts_off_says_so(
    ada: httpx2.AsyncClient, omar: Account, door: Door
) -> None:
    few = replace(door.world.ports.policy, most_accounts=1)
    door.app.state.ports = replace(door.world.ports, policy=few)
    said = "There are more accounts: only the first 1, by name, are in this answer."
    for path in ("/access", "/access/tokens"):
        assert said in (await read(ada, path)).words
    who = await ada.get("/api/v1/access/who?permission=run:start")
    assert who.headers["x-left-off"] == said
    door.app.state.ports = door.world.ports
    assert said not in (await read(ada, "/access")).words


async def test_an_agent_s_token_is_for_one_service(ada: httpx2.AsyncClient, world: World) -> None:
    order = {"name": "agents-1", "role": "agent", "services": "shop", "days": "90"}
    answer = await post(ada, "/access/tokens", **order)
    assert answer.status_code == 201
    secret = re.findall(r"srp_[A-Za-z0-9_-]+", answer.text)[0]
    assert (found := await token_of(world.ports, secret)) is not None
    assert found.service == "shop"
    for services in ("", "shop, payments"):
        wrong = await post(ada, "/access/tokens", **order | {"name": "agents-2", "services": services})
        assert wrong.status_code == 422
        assert "the one service of the agent" in Markup(wrong.text).words


@pytest.mark.parametrize(
    ("path", "fields", "told"),
    [
        ("/access/tokens", {"name": "ci", "role": "viewer", "days": "1"}, "a token has this one"),
        ("/access/tokens", {"name": "CI", "role": "viewer", "days": "0"}, "lower case letters"),
        ("/access/tokens", {}, "one of program, viewer"),
        ("/access/tokens/ci/rotate", {"name": "ci", "overlap": "1"}, "a token has this one"),
        ("/access/tokens/ci/rotate", {"name": "ci-2", "overlap": "9999"}, "0 to 720 hours"),
        ("/access/tokens/ci/rotate", {"name": "ci-2", "overlap": "long"}, "0 to 720 hours"),
    ],
)
async def test_a_wrong_order_comes_back_with_what_is_wrong(
    ada: httpx2.AsyncClient, path: str, fields: dict[str, str], told: str
) -> None:
    assert (await post(ada, "/access/tokens", name="ci", role="viewer", days="30")).status_code == 201
    answer = await post(ada, path, **fields)
    page = Markup(answer.text)
    assert (answer.status_code, page.faults) == (422, [])
    assert told in page.words


async def test_what_is_not_there_is_said_to_be_missing(ada: httpx2.AsyncClient) -> None:
    for path in ("/access/accounts/404", "/access/grants/404/withdraw", "/access/tokens/none/rotate"):
        await read(ada, path, 404)
    for path in ("/access/accounts/none", "/access/accounts/99999999999999999999", "/access/accounts/7/7"):
        assert (await ada.get(path)).status_code in {404, 422}


async def test_only_who_may_sees_the_way_there(door: Door) -> None:
    for name, role, links in (("ada", Role.ADMIN, True), ("omar", Role.OPERATOR, False)):
        page = await read(await door.browser(name, role), "/")
        assert ("/access" in page.links()) is links
    omar = await door.browser("omar", Role.OPERATOR)
    page = await read(omar, "/access", 403)
    assert "access:read, which admin everywhere has" in page.words


async def test_an_admin_of_one_service_changes_no_access(world: World, door: Door, omar: Account) -> None:
    await person(world.ports, "sue", Role.ADMIN, SHOP)
    token = door.client("ada")
    body = {"name": "sue", "days": 3, "role": "admin", "services": ["shop"], "owner": "sue-robot"}
    secret = (await token.post("/api/v1/tokens", json=body)).json()["secret"]
    scoped = door.client()
    scoped.headers["authorization"] = f"Bearer {secret}"
    assert (await scoped.get("/services/shop")).status_code == 200
    for method, path in (
        ("GET", "/access"),
        ("POST", f"/access/accounts/{omar.id}/grants"),
        ("POST", f"/access/accounts/{omar.id}/block"),
        ("POST", "/access/tokens"),
        ("POST", "/api/v1/tokens"),
        ("POST", f"/api/v1/access/accounts/{omar.id}/grants"),
        ("POST", "/access/v1/evaluation"),
    ):
        assert (await scoped.request(method, path)).status_code == 403, path


async def test_hostile_names_are_text(ada: httpx2.AsyncClient, world: World) -> None:
    told = Account(0, "person", HOSTILE, HOSTILE, HOSTILE, HOSTILE, "", (HOSTILE, "staff"))
    account = await world.ports.accounts.log_in(told, world.clock.now())
    await session_for(world.ports, account, HOSTILE)
    for path in ("/access", f"/access/accounts/{account.id}", f"/access/accounts/{account.id}/block"):
        assert "<script>alert" not in (await read(ada, path)).source


@pytest.mark.parametrize("path", ["/services/shop", "/experiments/errors-shop"])
async def test_a_button_about_a_service_obeys_the_service(world: World, door: Door, path: str) -> None:
    """A grant on another service is no grant on this one, and the page says what would be."""
    for name, service, refused in (("sue", "payments", True), ("tom", "shop", False)):
        account = await person(world.ports, name, Role.OPERATOR, frozenset({service}))
        secret, _ = await new_session(world.ports, account, Origin())
        browser = door.client()
        browser.cookies.set("sre_portal_session", secret)
        page = await read(browser, path)
        said = "This needs run:start, which the role operator on shop has." in page.words
        assert said is refused
