"""Two real portals on one PostgreSQL: one drives, and harm ends whatever becomes of it."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from sre_portal.contract.lease import LEASE_SECONDS
from sre_portal.store.epoch import FRESH_SECONDS
from sre_portal.store.replica import DRIVE_LOCK
from tests.operations.world import EXPERIMENT
from tests.replicas.stage import Fleet, Portal, now, until
from tests.store.test_epoch import CUT

pytestmark = pytest.mark.live

HOLDERS = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND granted"
SLACK_SECONDS = 0.5
"""A machine that is busy with other tests notices late."""


async def done(portal: Portal, run_id: int) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        run: dict[str, Any] = await portal.get(f"/runs/{run_id}")
        return run if run["phase"] == "done" else None

    return await until(look)


async def test_a_standby_stops_the_harm_that_the_driver_does(fleet: Fleet) -> None:
    run_id = await fleet.start()
    standby = await fleet.other()
    refused = await standby.post("/runs", {"document": EXPERIMENT})
    assert refused.status_code == 409
    assert "overlap" in [one["guard"] for one in refused.json()["objections"]]

    async def shown() -> bool:
        services = await standby.get("/services")
        return any(one["active_leases"] for one in services if one["name"] == "shop")

    await until(shown)
    assert (await standby.post("/stop-all")).json() == {"ended": [run_id]}

    async def over() -> bool:
        return not fleet.instance.agent.plan.leases

    await until(over)
    run = await done(standby, run_id)
    assert run["verdict"] == "aborted"
    assert run["abortion"]["by"] == "admin"
    assert run["abortion"]["reason"] == "STOP ALL"
    events = await standby.get("/audit")
    assert [one["action"] for one in events].count("harm:stop") == 1


async def test_no_lease_is_renewed_after_the_connection_of_the_driver_is_cut(
    fleet: Fleet, fresh_postgres_url: str
) -> None:
    run_id = await fleet.start()
    most = 0
    async with await psycopg.AsyncConnection.connect(fresh_postgres_url, autocommit=True) as connection:

        async def count() -> None:
            nonlocal most
            while True:
                standing = await asyncio.gather(*(portal.stands_by() for portal in fleet.portals))
                most = max(most, standing.count(False))

        counting = asyncio.create_task(count())
        cut_at = now()
        await connection.execute(CUT)
        driver = await fleet.driver()
        run = await done(driver, run_id)
        counting.cancel()
        await asyncio.wait({counting})
        holders = await (await connection.execute(HOLDERS, [DRIVE_LOCK])).fetchall()
    assert len(holders) == 1
    assert most == 1
    assert fleet.instance.harm_ends_at() <= cut_at + FRESH_SECONDS + LEASE_SECONDS + SLACK_SECONDS
    assert run["verdict"] == "aborted"
    assert any("nobody watched" in reason for reason in run["reasons"]), run["reasons"]


async def test_when_the_driver_is_killed_the_other_one_ends_its_run(fleet: Fleet) -> None:
    run_id = await fleet.start()
    standby, driver = await fleet.other(), await fleet.driver()
    killed_at = now()
    driver.program.kill()

    async def drives() -> bool:
        return await standby.stands_by() is False

    await until(drives)
    run = await done(standby, run_id)
    assert fleet.instance.harm_ends_at() <= killed_at + LEASE_SECONDS + SLACK_SECONDS
    assert run["verdict"] == "aborted"
    assert any("restart" in reason for reason in run["reasons"]), run["reasons"]
    await until(lambda: fed(fleet))


async def fed(fleet: Fleet) -> bool:
    """Whether the instance reads plans again, and its reports are taken."""
    before, seq = fleet.instance.reported, fleet.instance.agent.plan.seq
    await asyncio.sleep(1.5)
    return fleet.instance.reported > before and fleet.instance.agent.plan.seq != seq
