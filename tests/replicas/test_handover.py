"""A run can be started on any replica; the one that drives does it, once, and says what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sre_portal.core.access import Permission
from sre_portal.core.errors import InvalidInput, NotPermitted, Refused, Unconfirmed
from sre_portal.core.parse import parse_experiment
from sre_portal.core.replica import AnswerWord, StartWord
from sre_portal.core.run import Phase
from sre_portal.operations.handover import start_anywhere, start_for, take_answer
from tests.operations.world import EXPERIMENT, NILS, OMAR
from tests.replicas.pair import Pair, running_pair


@pytest.fixture
async def pair(fresh_postgres_url: str, tmp_path: Path) -> AsyncIterator[Pair]:
    async with running_pair(fresh_postgres_url, tmp_path) as running:
        yield running


async def test_a_run_that_is_started_on_a_standby_is_driven_by_the_driver(pair: Pair) -> None:
    run = await start_anywhere(pair.standby.ports, OMAR, pair.standby.experiment, "10.0.0.9")
    assert run.phase is Phase.INJECT
    assert run.actor == "omar"
    assert pair.driver.ports.desk.active().keys() == {"shop"}
    assert pair.standby.ports.watch.asked == {}
    started = [
        one for one in await pair.driver.ports.audit.recent() if one.action == Permission.RUN_START.value
    ]
    assert [(one.actor, one.address, one.outcome) for one in started] == [("omar", "10.0.0.9", "done")]


async def test_what_the_driver_objects_to_is_told_where_it_was_asked(pair: Pair) -> None:
    await start_anywhere(pair.standby.ports, OMAR, pair.standby.experiment)
    with pytest.raises(Refused) as refused:
        await start_anywhere(pair.standby.ports, OMAR, pair.standby.experiment)
    assert "overlap" in {one.guard for one in refused.value.objections}


async def test_what_is_wrong_with_the_experiment_is_told_where_it_was_asked(pair: Pair) -> None:
    unknown = parse_experiment(EXPERIMENT.replace("slo: shop-availability", "slo: unknown"), "document")
    with pytest.raises(InvalidInput) as invalid:
        await start_anywhere(pair.standby.ports, OMAR, unknown)
    assert {one.seen for one in invalid.value.problems}
    with pytest.raises(InvalidInput) as here:
        await start_anywhere(pair.driver.ports, OMAR, unknown)
    assert invalid.value.problems == here.value.problems


async def test_who_may_not_start_there_may_not_start_here(pair: Pair) -> None:
    with pytest.raises(NotPermitted, match="run:start"):
        await start_anywhere(pair.standby.ports, NILS, pair.standby.experiment)
    assert pair.driver.ports.desk.active() == {}


async def test_an_experiment_that_is_too_long_to_be_passed_on_is_refused(pair: Pair) -> None:
    long = EXPERIMENT.replace("status: 503", f"status: 503, body: {'é' * 4000}")
    with pytest.raises(Refused, match="stands by"):
        await start_anywhere(pair.standby.ports, OMAR, parse_experiment(long, "document"))


async def test_a_driver_that_does_not_answer_leaves_the_start_unconfirmed(pair: Pair) -> None:
    pair.driver.store.replica._told.clear()  # type: ignore[attr-defined]  # it hears nothing
    with pytest.raises(Unconfirmed, match="list of runs"):
        await start_anywhere(pair.standby.ports, OMAR, pair.standby.experiment)
    assert pair.standby.ports.watch.asked == {}


async def test_a_question_that_is_asked_twice_is_answered_once(pair: Pair) -> None:
    ports = pair.driver.ports
    word = StartWord(at=ports.clock.now(), ask="a", actor=OMAR, address="", experiment=pair.driver.experiment)
    start_for(ports, word)
    start_for(ports, word)
    await asyncio.gather(*ports.watch.behind)
    assert len(await ports.runs.recent()) == 1


async def test_an_answer_that_nobody_waits_for_is_left_alone(pair: Pair) -> None:
    ports = pair.standby.ports
    answer = AnswerWord(at=ports.clock.now(), ask="a", run_id=1)
    take_answer(ports, answer)
    waiting = ports.watch.asked["a"] = asyncio.get_running_loop().create_future()
    take_answer(ports, answer)
    take_answer(ports, AnswerWord(at=ports.clock.now(), ask="a", failure="late"))
    assert waiting.result() == answer
