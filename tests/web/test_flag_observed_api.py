"""What is seen of flags at work, over the API; and a budget that turns a flag for everybody who asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from sre_portal.core.parse import parse_slo
from sre_portal.operations.flag_import import ImportOrder, import_flags
from sre_portal.operations.flag_turns import look_at_turns
from sre_portal.operations.flag_use import count, write_uses
from tests.operations.world import OMAR, SLO, STEP, World
from tests.web.door import Door

LEFT = "$slo.shop-availability.budget_remaining"
SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
RULE = {**SWITCH, "targeting": {"if": [{"<": [{"var": [LEFT, 1]}, 0.8]}, "off", "on"]}}
SHORT = {**SWITCH, "metadata": {"staleAfterDays": 1}}
FLAGS = {"flags": {"recommendations": RULE, "short": SHORT}}
DAY = 86400


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path, slos=(parse_slo(SLO.replace("30d", "1h"), "slo"),)).open()
    await import_flags(opened.ports, OMAR, ImportOrder("shop", "test"), FLAGS)
    await opened.warm()
    yield opened
    await opened.close()


@pytest.fixture
def vera(door: Door) -> httpx2.AsyncClient:
    return door.client("vera")


async def burn(world: World, seconds: float = 15) -> None:
    """Every request fails."""
    await look_at_turns(world.ports)
    world.agents[0].organic_bad = world.agents[0].rate
    for _ in range(int(seconds / STEP)):
        await world.step()
        await look_at_turns(world.ports)


async def test_a_budget_turns_a_flag_for_everybody_and_all_can_see_why(
    world: World, vera: httpx2.AsyncClient
) -> None:
    forged = {"context": {"$slo": {"shop-availability": {"budget_remaining": 0.1}}}}
    one = "/ofrep/v1/evaluate/flags/recommendations?set=shop"
    assert (await vera.post(one, json=forged)).json()["value"] is True
    await burn(world)
    forged["context"]["$slo"]["shop-availability"]["budget_remaining"] = 1
    assert (await vera.post(one, json=forged)).json()["value"] is False
    whole = (await vera.post("/ofrep/v1/evaluate/flags?set=shop", json={})).json()["flags"]
    assert {flag["key"]: flag["value"] for flag in whole} == {"recommendations": False, "short": True}
    preview = await vera.post("/api/v1/flags/shop/recommendations/preview", json={"context": {}})
    assert preview.json()["variant"] == "off"
    [turn] = (await vera.get("/api/v1/flags/shop/recommendations/turns")).json()
    assert turn["words"] == f"{LEFT} < 0.8 holds"
    assert [(one["before"], one["after"]) for one in turn["turned"]] == [(False, True)]
    assert 0.7 < turn["facts"]["shop-availability.budget_remaining"] < 0.8
    assert (await vera.get("/api/v1/flag-sets/shop/turns")).json() == [turn]
    page = await vera.get("/services/shop", headers={"accept": "text/html"})
    assert f"{LEFT} &lt; 0.8 holds," in page.text
    assert 'href="/flags/shop/recommendations"' in page.text


async def test_whoever_names_a_fact_that_is_not_there_is_told(door: Door) -> None:
    definition = {
        **RULE,
        "targeting": {"if": [{"<": [{"var": ["$slo.shop.budget_remaining", 1]}, 0.8]}, "off"]},
    }
    body = {"definition": definition, "reason": "a slip", "version": 1}
    answer = await door.client("omar").post("/api/v1/flags/shop/recommendations", json=body)
    assert answer.json()["unknown_facts"] == ["$slo.shop.budget_remaining"]
    body |= {"definition": RULE, "version": 2}
    answer = await door.client("omar").post("/api/v1/flags/shop/recommendations", json=body)
    assert answer.json()["unknown_facts"] == []


@pytest.mark.parametrize("path", ["diff", "import"])
async def test_a_file_tells_of_facts_that_are_not_there_also_of_flags_it_leaves_alone(
    door: Door, path: str
) -> None:
    slip = {**RULE, "targeting": {"if": [{"<": [{"var": ["$slo.shop.budget_remaining", 1]}, 0.8]}, "off"]}}
    omar, at = door.client("omar"), f"/api/v1/flag-sets/shop/{path}"
    reason = {"reason": "a slip"} if path == "import" else {}
    answer = await omar.post(at, json={"document": {"flags": {**FLAGS["flags"], "slip": slip}}, **reason})
    assert answer.json()["added"] == ["slip"]
    assert answer.json()["unknown_facts"] == {"slip": ["$slo.shop.budget_remaining"]}
    again = await omar.post(at, json={"document": {"flags": {"slip": slip}}, **reason})
    assert again.json()["unknown_facts"] == {"slip": ["$slo.shop.budget_remaining"]}


async def test_uses_are_told_and_what_is_stale_is_found(world: World, vera: httpx2.AsyncClient) -> None:
    assert (await vera.get("/api/v1/flags/shop/short/use")).json()["variants"] == {}
    await vera.post("/ofrep/v1/evaluate/flags/short?set=shop", json={})
    await write_uses(world.ports)
    for _ in range(25):
        world.clock.move(DAY / 24)
        count(world.ports, "shop", "short", "on")
        await write_uses(world.ports)
    told = (await vera.get("/api/v1/flags/shop/short/use")).json()
    assert (told["count"], list(told["variants"])) == (26, ["on"])
    assert told["stale"] == {"days": 1, "variant": "on", "words": "always variant on for 1 day"}
    uses = (await vera.get("/api/v1/flag-uses", params={"set": "shop"})).json()
    assert [one["key"] for one in uses] == ["recommendations", "short"]
    for path in ("/api/v1/flag-uses", "/api/v1/flags"):
        assert [one["key"] for one in (await vera.get(path, params={"stale": "true"})).json()] == ["short"]


async def test_a_stranger_to_a_set_cannot_grow_what_is_counted(
    world: World, vera: httpx2.AsyncClient
) -> None:
    for n in range(20):
        await vera.post(f"/ofrep/v1/evaluate/flags/made-up-{n}?set=shop", json={})
        await vera.post(f"/ofrep/v1/evaluate/flags/short?set=made-up-{n}", json={})
    assert world.ports.watch.flag_uses == {}


@pytest.mark.parametrize("path", ["flags/shop/gone/use", "flags/gone/short/use", "flag-uses?set=gone"])
async def test_what_is_not_there_is_not_found(vera: httpx2.AsyncClient, path: str) -> None:
    assert (await vera.get(f"/api/v1/{path}")).status_code == 404


async def test_stale_flags_and_evaluations_are_in_the_metrics(world: World, vera: httpx2.AsyncClient) -> None:
    await vera.post("/ofrep/v1/evaluate/flags/short?set=shop", json={})
    world.ports.watch.flags_stale = {"shop": 3}
    text = (await vera.get("/metrics")).text
    assert 'sre_portal_flags_stale{set="shop"} 3.0' in text
    assert 'sre_portal_flag_evaluations_total{set="shop"} 1.0' in text
    await write_uses(world.ports)
    assert 'sre_portal_flag_evaluations_total{set="shop"} 1.0' in (await vera.get("/metrics")).text


@pytest.mark.parametrize(
    "path", ["flags/shop/nosuch/turns", "flags/nosuch/a/turns", "flag-sets/nosuch/turns"]
)
async def test_turns_of_what_never_was_are_not_found(vera: httpx2.AsyncClient, path: str) -> None:
    assert (await vera.get(f"/api/v1/{path}")).status_code == 404
