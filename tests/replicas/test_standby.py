"""A replica that stands by shows what the driver does, passes stops on, and takes over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sre_portal.core.access import Permission
from sre_portal.core.errors import NotFound, NotPermitted, Refused, Unconfirmed
from sre_portal.core.ports import Token
from sre_portal.core.replica import LateWord, StartWord, StopWord, dump_word, parse_word
from sre_portal.core.run import Phase, Verdict
from sre_portal.operations.board import refresh_board
from sre_portal.operations.ingest import ingest
from sre_portal.operations.keys import REPLICA_WORDS, Keys
from sre_portal.operations.runs import start_run
from sre_portal.operations.standby import driving, hear, pass_time, standing_by
from sre_portal.operations.stop import abort_run, stop_all
from tests.operations.world import NILS, OMAR, START, MovableClock, World
from tests.replicas.pair import Pair, running_pair
from tests.store.samples import KEYS, report, second


@pytest.fixture
async def pair(fresh_postgres_url: str, tmp_path: Path) -> AsyncIterator[Pair]:
    async with running_pair(fresh_postgres_url, tmp_path) as running:
        yield running


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path).open()
    yield opened
    await opened.close()


async def test_a_standby_shows_runs_leases_alerts_and_instances_of_the_driver(pair: Pair) -> None:
    run = await pair.driver.start()
    await pair.step(3)
    here, there = pair.standby.ports, pair.driver.ports
    assert here.watch.live.keys() == {run.id}
    assert [lease.id for lease in here.desk.active()["shop"]] == [f"{run.id}-0"]
    assert here.desk.holders(run.id) == {"shop-1"}
    assert here.watch.alerts.keys() == there.watch.alerts.keys()
    assert {key: one.value for key, one in here.watch.alerts.items()} == {
        key: one.value for key, one in there.watch.alerts.items()
    }
    assert here.watch.instances == there.watch.instances
    boards = [one.board.sli("shop-availability").counts(0, here.watch.followed) for one in (here, there)]
    assert boards[0] == boards[1]


async def test_a_standby_moves_no_run_and_puts_no_lease_out(pair: Pair) -> None:
    run = await pair.driver.start()
    await pair.step(1)
    before = await pair.driver.ports.runs.get(run.id)
    pair.driver.clock.move(1)
    await pass_time(pair.standby.ports)
    assert await pair.driver.ports.runs.get(run.id) == before
    with pytest.raises(Refused, match="stands by"):
        await start_run(pair.standby.ports, OMAR, pair.standby.experiment)
    plans = [plan async for plan in pair.standby.ports.desk.plans("shop", "shop-1")]
    assert [plan.leases for plan in plans] == [()]


async def test_an_abort_on_a_standby_ends_the_run_on_the_driver(pair: Pair) -> None:
    run = await pair.driver.start()
    ended = await abort_run(pair.standby.ports, OMAR, run.id, "enough", "10.0.0.9")
    assert ended.abortion is not None
    assert (ended.abortion.by, ended.abortion.reason) == ("omar", "enough")
    assert pair.driver.ports.desk.active() == {}
    assert (await pair.driver.finish(run.id)).verdict is Verdict.ABORTED
    await pair.step(2)
    told = [one for one in await pair.driver.ports.audit.recent() if one.action == Permission.RUN_ABORT.value]
    assert [(one.actor, one.address, one.reason, one.outcome) for one in told] == [
        ("omar", "10.0.0.9", "enough", "done")
    ]


async def test_stop_all_on_a_standby_also_ends_what_it_has_not_seen_yet(pair: Pair) -> None:
    run = await pair.driver.start()
    assert pair.standby.ports.watch.live == {}
    assert await stop_all(pair.standby.ports, OMAR) == [run.id]
    assert pair.driver.ports.desk.active() == {}
    assert pair.driver.ports.watch.stop_alls == 1


async def test_a_stop_on_a_standby_takes_the_same_permission(pair: Pair) -> None:
    run = await pair.driver.start()
    with pytest.raises(NotPermitted):
        await stop_all(pair.standby.ports, NILS)
    with pytest.raises(NotPermitted):
        await abort_run(pair.standby.ports, NILS, run.id, "no")
    with pytest.raises(NotFound):
        await abort_run(pair.standby.ports, OMAR, run.id + 1, "what?")
    assert pair.driver.ports.desk.active()


async def test_a_run_that_is_over_is_returned_as_it_is(pair: Pair) -> None:
    run = await pair.driver.start()
    await abort_run(pair.driver.ports, OMAR, run.id, "first")
    done = await pair.driver.finish(run.id)
    assert await abort_run(pair.standby.ports, OMAR, run.id, "second") == done


async def test_a_stop_that_nobody_confirms_says_so_and_is_kept_for_the_next_driver(pair: Pair) -> None:
    run = await pair.driver.start()
    await pair.driver.until(Phase.OBSERVE, run.id)
    await pair.step(1)
    deaf = pair.driver.store.replica._told  # type: ignore[attr-defined]  # it hears and does nothing
    deaf.clear()
    with pytest.raises(Unconfirmed, match="within 2 s"):
        await stop_all(pair.standby.ports, OMAR)
    assert pair.standby.ports.watch.stops.keys() == {run.id}
    await pair.driver_leaves()
    ended = await pair.standby.finish(run.id)
    assert ended.abortion is not None
    assert ended.abortion.by == "omar"


async def test_whoever_takes_over_ends_the_runs_it_did_not_start(pair: Pair) -> None:
    run = await pair.driver.start()
    await pair.driver.until(Phase.OBSERVE, run.id)
    await pair.driver_leaves()
    ended = await pair.standby.finish(run.id)
    assert ended.verdict is Verdict.ABORTED
    assert pair.standby.ports.desk.active() == {}


async def test_an_agent_that_reports_to_a_standby_keeps_its_leases(pair: Pair) -> None:
    """The driver sees in the database that it is heard of."""
    await pair.driver.start()
    pair.driver.agents[0].silent = True
    for _ in range(8):
        await pair.step(1)
        await report_to(pair.standby, pair.driver)
    pair.driver.ports.desk.define({"shop": []})  # every agent gets a new plan
    await pair.step(0.25)
    assert pair.driver.agents[0].plan.slis == ()
    assert pair.driver.agents[0].plan.leases


async def report_to(standby: World, driver: World) -> None:
    """The agent of the driver tells a second to the standby."""
    agents, standby.agents = standby.agents, driver.agents
    driver.agents[0].silent = False
    await standby.report(int(standby.clock.now().timestamp()))
    driver.agents[0].silent = True
    standby.agents = agents


async def test_what_a_standby_is_told_of_a_new_lease_is_kept(pair: Pair) -> None:
    run = await pair.driver.start()
    assert run.id not in pair.standby.ports.watch.live
    await report_to(pair.standby, pair.driver)
    assert await pair.driver.ports.reports.injections(run.id)


async def test_a_second_that_a_standby_is_told_late_reaches_the_driver(pair: Pair) -> None:
    late = int(START.timestamp()) - 100
    told = report(second(0), service="shop", instance="shop-9")
    told.seconds[0].at = late
    told.seconds[0].slis[0].name = "shop-availability"
    before = pair.driver.ports.board.sli("shop-availability").counts(late, late + 1)
    await ingest(pair.standby.ports, Token("agent", "", None, "shop", START), told)
    async with asyncio.timeout(10):
        while pair.driver.ports.watch.late_from is None:  # noqa: ASYNC110  # it comes from the database
            await asyncio.sleep(0.01)
    await refresh_board(pair.driver.ports)
    after = pair.driver.ports.board.sli("shop-availability").counts(late, late + 1)
    assert after.total == before.total + 10


async def test_some_work_is_done_by_the_driver_alone_and_some_by_the_others(pair: Pair) -> None:
    done: list[str] = []

    async def work(ports: object) -> None:
        done.append("driver" if ports is pair.driver.ports else "standby")

    for ports in (pair.driver.ports, pair.standby.ports):
        await driving(work)(ports)
    assert done == ["driver"]
    for ports in (pair.driver.ports, pair.standby.ports):
        await standing_by(work)(ports)
    assert done == ["driver", "standby"]


def test_words_come_back_as_they_were_told() -> None:
    words = (
        StopWord(run_ids=(1, 2), at=START, ask="a" * 32, by="omar", reason="é" * 500),
        StopWord(run_ids=None, at=START, ask="b", by="o" * 200, reason=""),
        LateWord(at=START, second=5),
    )
    assert [parse_word(dump_word(word)) for word in words] == list(words)
    assert all(len(KEYS.seal(dump_word(word))) < 8000 for word in words)


@pytest.mark.parametrize("text", ["", "{}", "stop", '{"kind":"stop"}', '{"kind":"dance"}', "[1]"])
async def test_what_is_not_understood_is_left_alone(world: World, text: str) -> None:
    hear(world.ports, world.ports.keys.seal(text, REPLICA_WORDS))
    assert world.ports.watch.stop_alls == 0


async def test_whoever_may_connect_to_the_database_is_not_believed_for_that(world: World) -> None:
    """In PostgreSQL anybody who may connect may notify, and may listen and say it again."""
    word = dump_word(StopWord(run_ids=None, at=world.clock.now(), ask="a", by="eve", reason="mine"))
    hear(world.ports, word)
    hear(world.ports, Keys.drawn().seal(word, REPLICA_WORDS))
    hear(world.ports, world.ports.keys.seal(word))
    assert world.ports.watch.stop_alls == 0
    sealed = world.ports.keys.seal(word, REPLICA_WORDS)
    hear(world.ports, sealed)
    assert world.ports.watch.stop_alls == 1
    hear(world.ports, sealed)
    world.clock.move(31)
    hear(world.ports, sealed)
    assert world.ports.watch.stop_alls == 1


@pytest.mark.parametrize("apart", [-3600, -31, 31, 3600])
async def test_a_stop_is_obeyed_however_far_the_clocks_of_replicas_are_apart(pair: Pair, apart: int) -> None:
    run = await pair.driver.start()
    said_at = pair.driver.clock.now() + timedelta(seconds=apart)
    pair.standby.ports = replace(pair.standby.ports, clock=MovableClock(said_at))
    assert await stop_all(pair.standby.ports, OMAR) == [run.id]
    assert pair.driver.ports.desk.active() == {}
    stopped_at = pair.driver.clock.now()
    ended = await pair.driver.finish(run.id)
    assert ended.abortion is not None
    assert ended.abortion.at == stopped_at


async def test_a_start_that_was_said_long_ago_is_not_heard_and_that_is_logged(
    pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody who overheard it says it again."""
    now, experiment = pair.driver.clock.now(), pair.driver.experiment
    word = StartWord(at=now, ask="a", actor=OMAR, address="", experiment=experiment)
    older = word.model_copy(update={"at": now - timedelta(seconds=31)})
    hear(pair.driver.ports, pair.driver.ports.keys.seal(dump_word(older), REPLICA_WORDS))
    assert not pair.driver.ports.watch.behind
    assert "clocks differ" in "".join(capsys.readouterr())
    hear(pair.driver.ports, pair.driver.ports.keys.seal(dump_word(word), REPLICA_WORDS))
    await asyncio.gather(*pair.driver.ports.watch.behind)
    assert pair.driver.ports.desk.active()


async def test_a_stop_where_nobody_knows_what_is_live_is_passed_on_and_is_no_success(pair: Pair) -> None:
    """The database answers again a moment later. Who was stopped then is a guess."""
    await pair.driver.start()
    pair.standby.fail("runs", "live")
    with pytest.raises(Unconfirmed, match="ends by itself in 5 s"):
        await stop_all(pair.standby.ports, OMAR)
    assert pair.driver.ports.desk.active() == {}
    await pair.step(2)
    (told,) = [
        one for one in await pair.driver.ports.audit.recent() if one.action == Permission.HARM_STOP.value
    ]
    assert told.object == "runs not known"
