"""Who asks for what, and when: the pattern, the users and the open loop."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice, pairwise
from random import Random

import pytest

from sre_portal.demo.client import Answer, Busy, Client, Unreachable
from sre_portal.demo.pace import JITTER_RATIO, Timing, pace
from sre_portal.demo.pattern import USERS, Visit, visits
from sre_portal.demo.traffic import Crowd, Tally


def route_of(visit: Visit) -> str:
    return "/products/{id}" if visit.path.startswith("/products/") else visit.path


def test_routes_have_their_shares_in_every_ten_visits() -> None:
    queue = visits(Random(1))
    for _ in range(5):
        shares = Counter(f"{visit.method} {route_of(visit)}" for visit in islice(queue, 10))
        assert shares == {
            "GET /": 2,
            "GET /catalogue": 3,
            "GET /products/{id}": 3,
            "POST /cart": 1,
            "POST /checkout": 1,
        }


def test_each_user_comes_once_a_round_and_is_not_tied_to_a_route() -> None:
    many = list(islice(visits(Random(1)), USERS * 20))
    first = [visit.headers["x-user-id"] for visit in many[:USERS]]
    assert len(set(first)) == USERS
    paying = {visit.headers["x-user-id"] for visit in many if visit.path == "/checkout"}
    assert len(paying) > USERS / 2


def test_the_same_seed_gives_the_same_visits() -> None:
    assert list(islice(visits(Random(7)), 100)) == list(islice(visits(Random(7)), 100))


@dataclass
class Hours:
    """Time that moves only when somebody sleeps, or is made to move."""

    now: float = 100.0
    until: float = 110.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now > self.until:
            raise asyncio.CancelledError

    def timing(self) -> Timing:
        return Timing(lambda: self.now, self.sleep)


async def arrivals(
    rate: float, hours: Hours, on_arrival: Callable[[int], None] = lambda _: None
) -> list[float]:
    """The instants of arrivals until the hours are over."""
    instants: list[float] = []

    def arrive() -> None:
        instants.append(hours.now)
        on_arrival(len(instants))

    with pytest.raises(asyncio.CancelledError):
        await pace(rate, arrive, hours.timing(), Random(1))
    return instants


async def test_arrivals_are_even_with_a_small_jitter() -> None:
    instants = await arrivals(40, Hours())
    gaps = [later - earlier for earlier, later in pairwise(instants)]
    assert len(instants) == pytest.approx(400, abs=1)
    assert min(gaps) > (1 - 2 * JITTER_RATIO) / 40 - 1e-9
    assert max(gaps) < (1 + 2 * JITTER_RATIO) / 40 + 1e-9
    assert len(set(gaps)) > 100


async def test_arrivals_missed_in_a_short_hang_are_made_up_for() -> None:
    hours = Hours()

    def hang(number: int) -> None:
        if number == 100:
            hours.now += 0.5

    assert len(await arrivals(40, hours, hang)) == pytest.approx(400, abs=1)


async def test_arrivals_missed_in_a_long_stall_are_not_made_up_for_in_a_burst() -> None:
    hours = Hours()

    def stall(number: int) -> None:
        if number == 100:
            hours.now += 5

    instants = await arrivals(40, hours, stall)
    assert len(instants) == pytest.approx(200, abs=2)


OK = Answer(200, b"")


@dataclass(eq=False)
class FakeShop(Client):
    """A shop that answers when it is let."""

    host: str = "shop"
    port: int = 0
    outcome: Answer | Exception = OK
    asked: list[str] = field(default_factory=list)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def request(self, method: str, path: str, *_: object, **__: object) -> Answer:
        self.asked.append(path)
        await self.opened.wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


async def settled(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # the tally has no event: nothing in the product waits for it
        await asyncio.sleep(0)


async def test_a_shop_that_does_not_answer_does_not_slow_the_arrivals() -> None:
    shop = FakeShop()
    crowd = Crowd(shop, visits(Random(1)))
    for _ in range(50):
        crowd.arrive()
    await settled(lambda: len(shop.asked) == 50)
    assert crowd.tally == Tally()
    shop.opened.set()
    await settled(lambda: crowd.tally == Tally(ok=50))


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Answer(200, b""), Tally(ok=1)),
        (Answer(404, b""), Tally(ok=1)),
        (Answer(503, b""), Tally(failed=1)),
        (Unreachable("reset"), Tally(unanswered=1)),
        (TimeoutError(), Tally(late=1)),
        (Busy("256"), Tally(dropped=1)),
    ],
)
async def test_every_visit_is_counted_by_what_became_of_it(
    outcome: Answer | Exception, expected: Tally
) -> None:
    shop = FakeShop(outcome=outcome)
    shop.opened.set()
    crowd = Crowd(shop, visits(Random(1)))
    crowd.arrive()
    await settled(lambda: crowd.tally != Tally())
    assert crowd.tally == expected
