"""Runs are kept whole, and two drivers cannot both move one."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sre_portal.contract.report import LeaseStatus
from sre_portal.core.condition import Outcome, Reading
from sre_portal.core.errors import Conflict, NotFound
from sre_portal.core.run import Abortion, ExpectationResult, Phase, PhaseMark, Receipt, Run, Verdict
from sre_portal.store.database import SqlStore, open_store
from tests.store.samples import NOW, at, experiment, saved


def _full(run: Run) -> Run:
    """A run in which every kind of field holds something."""
    reading = Reading("errors", Outcome.BREACHED, float("inf"), 0.05, "ratio", "over", -0.5)
    return run.model_copy(
        update={
            "phase": Phase.JUDGE,
            "marks": (*run.marks, PhaseMark(phase=Phase.INJECT, at=at(1.000001))),
            "granted_at": at(0.999999),
            "steady_before": (reading,),
            "abortion": Abortion(at=at(3), by="omar", reason="enough", verdict=Verdict.INVALID),
            "receipts": (
                Receipt(
                    instance="payments-1",
                    lease_id="lease-1",
                    status=LeaseStatus("lease-1", 1, 3, 1.5, 2.5, 3.25, "withdrawn"),
                    bounded_by=at(8),
                ),
            ),
            "results": (ExpectationResult(label="fires", outcome="met", observed_s=12.25),),
            "costs": (("checkout-availability", 0.1 + 0.2),),
            "reasons": ("eins", "zw\N{LATIN SMALL LETTER O WITH DIAERESIS}lf"),
        }
    )


async def test_a_new_run_is_in_preflight(store: SqlStore) -> None:
    run = await store.runs.add(experiment(), "omar", NOW)
    assert (run.phase, run.marks) == (Phase.PREFLIGHT, (PhaseMark(phase=Phase.PREFLIGHT, at=NOW),))
    assert (run.experiment, run.actor, run.created_at) == (experiment(), "omar", NOW)
    assert await store.runs.get(run.id) == run


async def test_a_run_comes_back_as_it_was_saved(url: str) -> None:
    async with await open_store(url) as store:
        told = await saved(store, _full(await store.runs.add(experiment(), "omar", NOW)))
        assert await store.runs.get(told.id) == told
    async with await open_store(url) as store:
        assert await store.runs.get(told.id) == told
        assert told.receipts[0].status == LeaseStatus("lease-1", 1, 3, 1.5, 2.5, 3.25, "withdrawn")


async def test_an_instant_of_another_zone_is_the_same_instant(store: SqlStore) -> None:
    local = datetime(2027, 1, 15, 9, 0, 0, 123456, tzinfo=timezone(timedelta(hours=-7)))
    run = await store.runs.add(experiment(), "omar", local)
    assert (await store.runs.get(run.id)).created_at == local.astimezone(UTC)


async def test_each_save_moves_the_revision_by_one(store: SqlStore) -> None:
    run = await store.runs.add(experiment(), "omar", NOW)
    again = await saved(store, await saved(store, run))
    assert again.revision == run.revision + 2


async def test_a_save_over_somebody_elses_is_a_conflict(store: SqlStore) -> None:
    run = await store.runs.add(experiment(), "omar", NOW)
    first = await saved(store, run.model_copy(update={"reasons": ("first",)}))
    with pytest.raises(Conflict) as conflict:
        await saved(store, run.model_copy(update={"reasons": ("second",)}))
    assert str(conflict.value) == f"expected run {run.id} at revision 1, found revision 2"
    assert await store.runs.get(run.id) == first


async def test_of_many_who_save_at_once_one_wins(store: SqlStore) -> None:
    run = await store.runs.add(experiment(), "omar", NOW)
    outcomes = await asyncio.gather(*(saved(store, run) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(one, Run) for one in outcomes) == 1
    assert sum(isinstance(one, Conflict) for one in outcomes) == 7


@pytest.mark.parametrize("run_id", [1, 2**40])
async def test_a_run_that_is_not_there_is_not_found(store: SqlStore, run_id: int) -> None:
    with pytest.raises(NotFound, match=f"no run '{run_id}'"):
        await store.runs.get(run_id)


async def test_a_run_that_was_never_added_cannot_be_saved(store: SqlStore) -> None:
    run = await store.runs.add(experiment(), "omar", NOW)
    with pytest.raises(NotFound):
        await saved(store, run.model_copy(update={"id": run.id + 1}))


async def test_live_runs_are_those_not_done_oldest_first(store: SqlStore) -> None:
    runs = [await store.runs.add(experiment(), "omar", NOW) for _ in range(3)]
    done = {"phase": Phase.DONE, "verdict": Verdict.PASSED}
    await saved(store, runs[1].model_copy(update=done))
    assert await store.runs.live() == [runs[0], runs[2]]


async def test_recent_runs_come_newest_first_and_by_experiment(store: SqlStore) -> None:
    ids = [(await store.runs.add(experiment(name), "omar", NOW)).id for name in ("a", "b", "a", "b")]
    assert [run.id for run in await store.runs.recent()] == ids[::-1]
    assert [run.id for run in await store.runs.recent(limit=2)] == [ids[3], ids[2]]
    assert [run.id for run in await store.runs.recent(experiment="a")] == [ids[2], ids[0]]
    assert await store.runs.recent(experiment="c") == []
