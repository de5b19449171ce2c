"""Every replica answers; one that stands by says so, and sends agents elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.replicas.pair import Pair, running_pair
from tests.web.door import Door

WHERE = {"service": "shop", "instance": "shop-2"}


@pytest.fixture
async def pair(fresh_postgres_url: str, tmp_path: Path) -> AsyncIterator[Pair]:
    async with running_pair(fresh_postgres_url, tmp_path) as running:
        yield running


async def test_both_are_ready_and_one_says_that_it_stands_by(pair: Pair) -> None:
    async with Door(pair.driver) as here, Door(pair.standby) as there:
        driver, standby = await here.client().get("/readyz"), await there.client().get("/readyz")
    assert (driver.status_code, driver.text) == (200, "ready\n")
    assert (standby.status_code, standby.text) == (200, "ready, stands by\n")


async def test_a_standby_that_does_not_follow_is_not_ready(pair: Pair) -> None:
    pair.standby.clock.move(60)
    async with Door(pair.standby) as there:
        answer = await there.client().get("/readyz")
    assert (answer.status_code, answer.text) == (503, "the loop has not passed for 60 s\n")


async def test_a_standby_sends_agents_elsewhere(pair: Pair) -> None:
    async with Door(pair.standby) as there:
        answer = await there.client("agent").get("/agents/v1/plan", params=WHERE)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert "stands by" in answer.text


async def test_somebody_who_logs_in_at_one_is_known_to_the_other(pair: Pair) -> None:
    async with Door(pair.driver) as here, Door(pair.standby) as there:
        browser = await there.browser()
        other = here.client()
        other.cookies = browser.cookies
        other.headers["accept"] = "text/html"
        pages = [(await one.get("/")).text for one in (browser, other)]
    assert ["Stands by" in page for page in pages] == [True, False]


async def test_a_standby_shows_the_active_fault_and_its_stop_button_works(pair: Pair) -> None:
    run = await pair.driver.start()
    await pair.step(2)
    async with Door(pair.standby) as there:
        page = (await (await there.browser()).get("/")).text
        assert "active fault</span>" in page
        stopped = await there.client("omar").post("/api/v1/stop-all")
    assert stopped.json() == {"ended": [run.id]}
    assert pair.driver.ports.desk.active() == {}


async def test_a_stop_that_nobody_confirms_is_no_success(pair: Pair) -> None:
    await pair.driver.start()
    await pair.driver.store.close()
    async with Door(pair.standby) as there:
        answer = await there.client("omar").post("/api/v1/stop-all")
    assert answer.status_code == 503
    assert "ends by itself in 5 s" in answer.json()["detail"]


async def test_metrics_say_which_one_drives(pair: Pair) -> None:
    async with Door(pair.driver) as here, Door(pair.standby) as there:
        told = [(await one.client("ada").get("/metrics")).text for one in (here, there)]
    assert ["sre_portal_drives 1.0" in one for one in told] == [True, False]
