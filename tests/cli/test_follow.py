"""Staying with a run: what takes too long for a test of the whole command, with less patience."""

import asyncio

import pytest

from sre_portal.cli.display import Quiet
from sre_portal.cli.exits import Code, CommandFailed
from sre_portal.cli.follow import Follower, Interrupts, Patience
from sre_portal.cli.portal import Portal
from tests.cli.stub import NO_ANSWER, TOKEN, Reply, StubPortal, run_json

BEGIN = ("/runs", {"document": "kind: Experiment"})
SHORT = Patience(poll_seconds=0.01, lost_seconds=0.1, judge_seconds=0.05)


async def test_a_portal_that_stays_lost_ends_the_command_and_says_that_leases_end(portal: StubPortal) -> None:
    portal.on("POST /runs", Reply(201, run_json("inject")))
    portal.on("GET /runs/7", NO_ANSWER)
    async with Portal(portal.url, TOKEN) as asked:
        with pytest.raises(CommandFailed, match="Leases end by themselves within 5 s") as lost:
            await Follower(asked, Quiet(), Interrupts(), SHORT).run(*BEGIN)
    assert lost.value.code is Code.UNREACHABLE


async def test_the_verdict_of_a_reverted_run_is_waited_for_only_a_moment(portal: StubPortal) -> None:
    interrupts = Interrupts()
    interrupts.arrive()
    portal.on("POST /runs", Reply(201, run_json("observe")))
    portal.on("POST /runs/7/abort", Reply(200, run_json("revert")))
    portal.on("GET /runs/7", Reply(200, run_json("recover")))
    async with Portal(portal.url, TOKEN) as asked, asyncio.timeout(30):
        ended = await Follower(asked, Quiet(), interrupts, SHORT).run(*BEGIN)
    assert (ended.interrupted, ended.run.verdict, ended.run.reverted) == (True, None, True)


async def test_a_start_without_an_answer_is_not_tried_twice(portal: StubPortal) -> None:
    portal.on("POST /runs", NO_ANSWER)
    async with Portal(portal.url, TOKEN) as asked:
        with pytest.raises(CommandFailed, match="If a run was started all the same, it ends by itself"):
            await Follower(asked, Quiet(), Interrupts(), SHORT).run(*BEGIN)
    assert len(portal.asked) == 1
