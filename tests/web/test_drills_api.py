"""Drills over the JSON API: started, standing, certified, and shown on the page of the run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from sre_portal.core.certificate import open_certificate
from sre_portal.core.run import Phase
from sre_portal.core.signed_note import VerifierKey
from sre_portal.operations.certificates import issue_certificates, look_at_drills_due
from tests.operations.drilling import SWITCH, finish, go
from tests.operations.world import SimulatedAgent, World
from tests.web.door import Door

FLAG = "/api/v1/flags/shop/recommendations"
PLAIN = "/api/v1/flags/shop/plain"
BODY = {"variant": "off", "percent": 20, "duration": "8s", "reason": "a rehearsal"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path, agents=[SimulatedAgent(follows="shop")]).open()
    await opened.warm()
    yield opened
    await opened.close()


@pytest.fixture
async def omar(door: Door, world: World) -> httpx2.AsyncClient:
    """With a kill switch made, and seen."""
    client = door.client("omar")
    await client.post(FLAG, json={"definition": dict(SWITCH), "reason": "a first try"})
    await go(world, 2)
    return client


async def test_a_drill_is_started_and_stands_once_it_has_passed(
    door: Door, world: World, omar: httpx2.AsyncClient
) -> None:
    assert [one["standing"] for one in (await omar.get("/api/v1/drills")).json()] == ["never"]
    assert (await omar.get(FLAG)).json()["drill"] == "never"
    started = await omar.post(f"{FLAG}/drill", json=BODY)
    assert started.status_code == 201, started.text
    run_id = started.json()["id"]
    assert (await omar.get(f"/api/v1/runs/{run_id}/certificates")).json() == []
    run = await finish(world, await world.run(run_id))
    await issue_certificates(world.ports)
    [told] = (await omar.get(f"/api/v1/runs/{run_id}/certificates")).json()
    assert (told["flag_set"], told["flag"], told["verdict"]) == ("shop", "recommendations", "passed")
    found = (await omar.get(f"{FLAG}/drills")).json()
    assert found["standing"] | {"passed_at": None, "due_at": None} == {
        "flag_set": "shop",
        "flag": "recommendations",
        "standing": "drilled",
        "every_days": 30,
        "passed_at": None,
        "run": run_id,
        "due_at": None,
    }
    assert found["drills"] == [told]
    assert [one["drill"] for one in (await omar.get("/api/v1/flags")).json()] == ["drilled"]
    text = await omar.get(f"/api/v1/runs/{run_id}/certificates/shop/recommendations")
    assert text.text == told["certificate"]
    assert text.headers["content-disposition"] == f'attachment; filename="drill-{run_id}.txt"'
    keys = (await door.client("ada").get("/api/v1/audit/key")).json()["keys"]
    assert open_certificate(text.text, [VerifierKey.parse(one) for one in keys]) == told["says"]
    assert run.experiment.metadata.description == "a rehearsal"


PAGE = "/flags/shop/recommendations"


async def test_the_page_of_a_drill_says_what_is_flipped_and_who_saw_it(
    door: Door, world: World, omar: httpx2.AsyncClient
) -> None:
    run_id = (await omar.post(f"{FLAG}/drill", json=BODY)).json()["id"]
    await go(world, 3)
    browser = await door.browser()
    live = (await browser.get(f"/runs/{run_id}")).text
    assert "shop/recommendations off for 20 % of targeting keys" in live
    assert "recommendations: 1 of 1 subscriber" in live
    assert "Switch flipped" in live
    assert '<span class="count">1</span>' in live  # harm in the top bar
    await finish(world, await world.run(run_id))
    done = (await browser.get(f"/runs/{run_id}")).text
    assert f'href="/api/v1/runs/{run_id}/certificates/shop/recommendations"' in done
    assert "since the flip" in done
    assert "drill was active" in done
    assert "fault was active" not in done
    assert f'href="{PAGE}">recommendations in shop</a>' in done
    assert f'href="{PAGE}/drill">Drill again</a>' in done
    assert "no receipt" not in done.lower().replace("no receipts", "")


@pytest.mark.parametrize("who", ["vera", "nils", "nobody"])
@pytest.mark.usefixtures("omar")
async def test_a_drill_takes_who_may_start_runs(door: Door, who: str) -> None:
    client = door.client("" if who == "nobody" else who)
    assert (await client.post(f"{FLAG}/drill", json=BODY)).status_code in {401, 403}


async def test_what_is_wrong_with_a_drill_is_told(world: World, omar: httpx2.AsyncClient) -> None:
    wrong = await omar.post(f"{FLAG}/drill", json={**BODY, "variant": "of", "duration": "1s"})
    assert wrong.status_code == 422
    assert "spec.duration" in wrong.text
    wrong = await omar.post(f"{FLAG}/drill", json={**BODY, "variant": "of"})
    assert "a variant of recommendations: off, on" in wrong.text
    assert (await omar.post(f"{FLAG}/drill", json={**BODY, "percent": 101})).status_code == 422
    elsewhere = await omar.post("/api/v1/flags/nowhere/x/drill", json=BODY)
    assert elsewhere.status_code == 422
    assert [one.phase for one in world.ports.watch.live.values() if one.phase is not Phase.DONE] == []


async def test_what_is_not_there_is_not_found(omar: httpx2.AsyncClient) -> None:
    for path in (
        "/runs/99/certificates",
        "/runs/99/certificates/shop/recommendations",
        "/flags/shop/other/drills",
        "/flags/pay/recommendations/drills",
        "/drills?set=pay",
    ):
        assert (await omar.get(f"/api/v1{path}")).status_code == 404, path


@pytest.mark.usefixtures("omar")
async def test_switches_that_are_due_are_in_the_metrics(world: World, door: Door) -> None:
    await look_at_drills_due(world.ports)
    told = (await door.client("vera").get("/metrics")).text
    assert 'sre_portal_flags_drill_due{set="shop"} 1.0' in told


async def test_what_a_drill_does_not_take_is_told_in_plain_words(omar: httpx2.AsyncClient) -> None:
    answer = await omar.post(f"{FLAG}/drill", json={**BODY, "percent": 900, "seen_within": "x"})
    assert answer.status_code == 422
    told = {one["path"]: one["expected"] for one in answer.json()["problems"]}
    assert told["percent"] == "a percentage from 0 to 100"
    assert set(told) == {"percent", "seen_within"}
    assert "Value error" not in answer.text


async def test_flags_are_told_also_while_nobody_knows_how_a_switch_stands(world: World) -> None:
    certificates = world.fail("certificates", "last_passed", times=0)
    async with Door(world) as door:
        omar = door.client("omar")
        await omar.post(FLAG, json={"definition": dict(SWITCH), "reason": "a first try"})
        certificates.times = 2
        [listed] = (await omar.get("/api/v1/flags")).json()
        one = (await omar.get(FLAG)).json()
        assert (listed["drill"], one["drill"], one["version"]) == (None, None, 1)
        assert (await omar.get(FLAG)).json()["drill"] == "never"
        await omar.post(PLAIN, json={"definition": {**SWITCH, "metadata": {}}, "reason": "no switch"})
        assert (await omar.get(PLAIN)).json()["drill"] is None
