"""Starting a run on any replica: one that stands by asks the driver, and answers as the driver does."""

from __future__ import annotations

import asyncio
from secrets import token_hex

from sre_portal.core.access import Principal
from sre_portal.core.errors import InvalidInput, NotPermitted, PortalError, Refused, Unconfirmed
from sre_portal.core.experiment import Experiment
from sre_portal.core.replica import FRESH, AnswerWord, StartWord
from sre_portal.core.run import Run
from sre_portal.operations.behind import behind
from sre_portal.operations.ports import Ports
from sre_portal.operations.runs import STANDS_BY, start_run
from sre_portal.operations.words import fits, say

ANSWER_SECONDS = 5.0
"""So long a replica that stands by waits for the answer of the one that drives."""


async def start_anywhere(ports: Ports, actor: Principal, experiment: Experiment, address: str = "") -> Run:
    """As `start_run`, here or on the replica that drives.

    Raises also `Unconfirmed`, where that one does not answer: whether the run has started is not known then.
    """
    if ports.term():
        return await start_run(ports, actor, experiment, address)
    ask = token_hex(16)
    word = StartWord(at=ports.clock.now(), ask=ask, actor=actor, address=address, experiment=experiment)
    if not fits(word):
        raise Refused([STANDS_BY])
    answered = ports.watch.asked[ask] = asyncio.get_running_loop().create_future()
    try:
        await say(ports, word)
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await answered
    except TimeoutError:
        raise Unconfirmed(
            "This replica stands by, and none that drives has answered within "
            f"{ANSWER_SECONDS:.0f} s. Where the clocks of the two are more than {FRESH.seconds} s apart, it "
            "hears no start. The list of runs shows whether the run has started."
        ) from None
    finally:
        del ports.watch.asked[ask]
    return await _run_in(ports, answer)


def start_for(ports: Ports, word: StartWord) -> None:
    """Another replica was asked. Only the driver answers, and only once."""
    if word.ask in ports.watch.heard:
        return
    ports.watch.heard.append(word.ask)
    if ports.term():
        _ = behind(ports, _answer(ports, word))


def take_answer(ports: Ports, word: AnswerWord) -> None:
    """The driver has answered: maybe to this replica."""
    waiting = ports.watch.asked.get(word.ask)
    if waiting is not None and not waiting.done():
        waiting.set_result(word)


async def _answer(ports: Ports, word: StartWord) -> None:
    answer = await _started(ports, word)
    try:
        await say(ports, answer if fits(answer) else _failed(ports, word, "too much is wrong with it"))
    except PortalError:  # nobody can be told: whoever asked says that it is not known
        return


async def _started(ports: Ports, word: StartWord) -> AnswerWord:
    try:
        run = await start_run(ports, word.actor, word.experiment, word.address)
    except Refused as refused:
        return AnswerWord(at=ports.clock.now(), ask=word.ask, objections=refused.objections)
    except InvalidInput as invalid:
        return AnswerWord(at=ports.clock.now(), ask=word.ask, problems=invalid.problems)
    except NotPermitted as denied:
        return AnswerWord(at=ports.clock.now(), ask=word.ask, denied=(denied.permission, denied.needs))
    except PortalError as failed:
        return _failed(ports, word, str(failed)[:500])
    return AnswerWord(at=ports.clock.now(), ask=word.ask, run_id=run.id)


def _failed(ports: Ports, word: StartWord, why: str) -> AnswerWord:
    return AnswerWord(at=ports.clock.now(), ask=word.ask, failure=why)


async def _run_in(ports: Ports, answer: AnswerWord) -> Run:
    if answer.run_id is not None:
        return await ports.runs.get(answer.run_id)
    if answer.objections:
        raise Refused(answer.objections)
    if answer.problems:
        raise InvalidInput(answer.problems)
    if answer.denied is not None:
        raise NotPermitted(*answer.denied)
    raise Unconfirmed(f"The replica that drives could not start the run: {answer.failure}")
