"""The supervisor with real child programs: small ones in Python."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from sre_portal.demo.kept import Back, CannotStart, Ended, Event, Line, how_it_ended, pause_after
from sre_portal.demo.program import Program
from sre_portal.demo.supervisor import Limits, Supervisor

WAITS = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
while True:
    signal.pause()
"""


def program(name: str, source: str, answers: Callable[[], bool] = lambda: True, *arguments: str) -> Program:
    async def answered() -> bool:
        return answers()

    argv = (sys.executable, "-I", "-S", "-c", source, *arguments)
    return Program(name, argv, {"PATH": os.defpath}, answered)


class Told:
    """Everything the supervisor told, and a way to wait for it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(self, condition: Callable[[Event], bool]) -> Event:
        while True:
            for event in self.events:
                if condition(event):
                    return event
            self._changed.clear()
            await self._changed.wait()

    async def until_up(self, name: str) -> None:
        await self.until(lambda event: event == Line(name, "up"))


def children() -> list[psutil.Process]:
    """The programs of these tests that run. Other tests may have left a database server in this process."""
    found = psutil.Process().children(recursive=True)
    return [one for one in found if one.is_running() and _words(one)[:2] == [sys.executable, "-I"]]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has just ended
        return []


async def test_a_start_is_over_once_every_program_has_answered() -> None:
    told = Told()
    open_for_business = False
    programs = [program("fast", WAITS), program("slow", WAITS, lambda: open_for_business)]
    async with Supervisor(programs, told) as supervisor:
        starting = asyncio.create_task(supervisor.until_ready())
        await told.until_up("slow")
        assert not starting.done()
        open_for_business = True
        await starting
    assert children() == []


async def test_a_program_that_dies_is_started_again_and_that_is_told() -> None:
    told = Told()
    async with Supervisor([program("shop", WAITS)], told) as supervisor:
        await supervisor.until_ready()
        await told.until_up("shop")
        (child,) = children()
        child.kill()
        ended = await told.until(lambda event: isinstance(event, Ended))
        back = await told.until(lambda event: isinstance(event, Back))
        (new,) = children()
    assert str(ended) == f"shop (pid {child.pid}) was ended by SIGKILL, restart 1 in 0.2 s"
    assert str(back) == f"shop is back (pid {new.pid}, restart 1)"


async def test_programs_stop_in_the_reverse_order_and_leave_nothing_behind(tmp_path: Path) -> None:
    log = tmp_path / "stops"
    source = (
        "import signal, sys\n"
        "def stop(*_):\n"
        "    with open(sys.argv[1], 'a') as log: log.write(sys.argv[2] + '\\n')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print('up', flush=True)\n"
        "while True: signal.pause()\n"
    )
    told = Told()
    names = ("portal", "payments", "shop", "traffic")
    programs = [program(name, source, lambda: True, str(log), name) for name in names]
    async with Supervisor(programs, told):
        for name in names:
            await told.until_up(name)
    assert log.read_text().split() == ["traffic", "shop", "payments", "portal"]
    assert children() == []


async def test_a_program_that_ignores_the_stop_is_killed() -> None:
    told = Told()
    limits = Limits(step_seconds=0.01, grace_seconds=0.05)
    async with Supervisor([program("a", STUBBORN), program("b", STUBBORN)], told, limits):
        await told.until_up("a")
        await told.until_up("b")
    assert children() == []
    assert not any(isinstance(event, Ended) for event in told.events)


async def test_a_stop_before_the_programs_are_up_leaves_nothing_behind() -> None:
    async with Supervisor([program("a", WAITS), program("b", WAITS)], Told()):
        pass
    assert children() == []


async def test_a_program_that_keeps_dying_before_it_answers_has_failed_to_start() -> None:
    told = Told()
    supervisor = Supervisor(
        [program("portal", "print('no database'); raise SystemExit(1)", lambda: False)], told
    )
    with pytest.raises(CannotStart, match=r"portal ended with exit status 1 before it answered") as failed:
        async with supervisor:
            await supervisor.until_ready()
    assert failed.value.lines == ("no database",)
    assert len([event for event in told.events if isinstance(event, Ended)]) == 2


@pytest.mark.parametrize("status", [2, 5])
async def test_a_program_that_says_why_it_cannot_start_is_not_tried_again(status: int) -> None:
    told = Told()
    supervisor = Supervisor([program("portal", f"raise SystemExit({status})", lambda: False)], told)
    with pytest.raises(CannotStart) as failed:
        async with supervisor:
            await supervisor.until_ready()
    assert failed.value.status == status
    assert not any(isinstance(event, Ended) for event in told.events)


async def test_a_program_that_never_answers_has_failed_to_start() -> None:
    supervisor = Supervisor([program("portal", WAITS, lambda: False)], Told(), Limits(start_seconds=0.01))
    with pytest.raises(CannotStart, match="portal has not answered"):
        async with supervisor:
            await supervisor.until_ready()
    assert children() == []


async def test_lines_of_any_length_are_told_and_do_not_stop_the_reading() -> None:
    told = Told()
    source = "print('x' * 300_000); print('y', end='', flush=True); import signal; signal.pause()"
    async with Supervisor([program("shop", source)], told):
        long = await told.until(lambda event: isinstance(event, Line))
    assert isinstance(long, Line)
    assert set(long.text) == {"x"}
    assert told.events[-1] == Line("shop", "y")


SUPERVISES = """
import asyncio, os, sys
from sre_portal.demo.program import Program
from sre_portal.demo.supervisor import Limits, Supervisor

async def main():
    argv = (sys.executable, "-I", "-S", "-c", sys.argv[1])
    programs = [Program(name, argv, {}) for name in "ab"]
    async with Supervisor(programs, lambda event: print(event.text, flush=True)):
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_children_die_with_a_supervisor_that_is_killed() -> None:
    source = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
    command = [sys.executable, "-c", SUPERVISES, source]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        pids = [int(supervisor.stdout.readline()) for _ in range(2)]
        watched = [psutil.Process(pid) for pid in pids]
        supervisor.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(watched, timeout=10)
    assert alive == []


def test_a_program_whose_parent_is_gone_already_does_not_start() -> None:
    leash = Program("a", (), {}).leashed()[:4]
    done = subprocess.run(
        [*leash, "1", sys.executable, "-c", "print('up')"], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.parametrize(
    ("deaths", "pause"), [(1, 0.2), (2, 0.4), (3, 0.8), (4, 1.6), (5, 3.2), (6, 5), (900, 5)]
)
def test_the_pause_before_a_restart_doubles_up_to_five_seconds(deaths: int, pause: float) -> None:
    assert pause_after(deaths) == pytest.approx(pause)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, "ended with exit status 0"),
        (3, "ended with exit status 3"),
        (-9, "was ended by SIGKILL"),
        (-70, "was ended by signal 70"),
    ],
)
def test_an_end_is_told_in_words(status: int, text: str) -> None:
    assert how_it_ended(status) == text
