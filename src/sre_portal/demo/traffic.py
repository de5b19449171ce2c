"""The demo's customers: `python -m sre_portal.demo.traffic --shop http://127.0.0.1:9001 --rate 40`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from sre_portal.demo.address import parse_address
from sre_portal.demo.client import Busy, Client, Pool, Unreachable
from sre_portal.demo.pace import Timing, pace
from sre_portal.demo.pattern import Visit, visits
from sre_portal.demo.probe import until_answers

TELL_SECONDS = 60.0
POOL = Pool(most_connections=256, timeout_seconds=5.0)


@dataclass(slots=True)
class Tally:
    """What became of the visits. Every visit is counted once."""

    ok: int = 0
    failed: int = 0
    """Answered with a status of 500 and above."""
    unanswered: int = 0
    late: int = 0
    """Given up on after the client's timeout."""
    dropped: int = 0
    """Not sent: too many were under way."""

    def __str__(self) -> str:
        return (
            f"{self.ok} ok, {self.failed} failed, {self.unanswered} unanswered, "
            f"{self.late} timed out, {self.dropped} dropped"
        )


@dataclass(slots=True)
class Crowd:
    """Sends visits. `arrive` returns at once, so a slow shop does not slow the arrivals."""

    shop: Client
    queue: Iterator[Visit]
    tally: Tally = field(default_factory=Tally)
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    def arrive(self) -> None:
        task = asyncio.create_task(self._visit(next(self.queue)))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _visit(self, visit: Visit) -> None:
        try:
            answer = await self.shop.request(visit.method, visit.path, visit.headers, visit.body)
        except Busy:
            self.tally.dropped += 1
        except Unreachable:
            self.tally.unanswered += 1
        except TimeoutError:
            self.tally.late += 1
        else:
            if answer.status >= 500:
                self.tally.failed += 1
            else:
                self.tally.ok += 1


async def run(shop_url: str, wait_for: Sequence[str], rate: float, seed: int) -> None:
    """Sends traffic until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    draw = Random(seed)
    address = parse_address(shop_url)
    crowd = Crowd(Client(address.reachable_host, address.port, POOL), visits(draw))
    stop = asyncio.create_task(stopped.wait())
    work = asyncio.create_task(_send(crowd, wait_for, rate, Random(seed + 1)))
    await asyncio.wait({stop, work}, return_when=asyncio.FIRST_COMPLETED)
    if work.done():
        work.result()  # sending never ends by itself: this raises what went wrong
    work.cancel()
    crowd.shop.close()


async def _send(crowd: Crowd, wait_for: Sequence[str], rate: float, draw: Random) -> None:
    # Nobody visits a shop that has not opened: a request refused at the start would say nothing about it.
    await asyncio.gather(*(until_answers(parse_address(url)) for url in wait_for))
    async with asyncio.TaskGroup() as group:
        group.create_task(
            pace(rate, crowd.arrive, Timing(asyncio.get_running_loop().time, asyncio.sleep), draw)
        )
        group.create_task(_tell(crowd.tally))


async def _tell(tally: Tally) -> None:
    while True:
        await asyncio.sleep(TELL_SECONDS)
        print(f"since the start: {tally}", file=sys.stderr)  # noqa: T201  # its log


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Sends evenly paced visits to the demo's shop.")
    parser.add_argument("--shop", required=True, help="address of the shop")
    parser.add_argument("--wait-for", action="append", default=[], help="address that has to answer first")
    parser.add_argument("--rate", type=float, default=40.0, help="visits a second")
    parser.add_argument("--seed", type=int, default=1, help="seed of everything random")
    given = parser.parse_args(arguments)
    import uvloop  # noqa: PLC0415  # only the program needs it

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(given.shop, given.wait_for, given.rate, given.seed))


if __name__ == "__main__":
    main()
