"""Whom a change moves is counted within bounds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sre_portal.core.errors import InvalidInput, RateLimited
from sre_portal.core.flag_moves.people import Moved
from sre_portal.core.flag_step import Put, Remove
from sre_portal.operations import flag_moves
from sre_portal.operations.flag_moves import MOST_PEOPLE, People, moves_made, moves_of
from sre_portal.operations.flags import FlagOrder, change_flag, kept_now
from sre_portal.operations.ports import Ports
from tests.operations.world import OMAR, START, World

SPLIT = {
    "state": "ENABLED",
    "variants": {"on": True, "off": False},
    "defaultVariant": "off",
    "targeting": {"fractional": [["on", 25], ["off", 75]]},
}
ALL = {**SPLIT, "targeting": {"fractional": [["on", 100], ["off", 0]]}}


@pytest.fixture
async def ports(tmp_path: Path) -> AsyncIterator[Ports]:
    world = await World(tmp_path, agents=[]).open()
    await change_flag(world.ports, OMAR, FlagOrder("shop", "cart", "x", version=0), Put(SPLIT))
    yield world.ports
    await world.close()


@dataclass
class Hurrying:
    """A clock on which a second passes whenever somebody looks."""

    instant: datetime = START

    def now(self) -> datetime:
        self.instant += timedelta(seconds=1)
        return self.instant


async def test_a_count_that_takes_too_long_ends_and_says_how_far_it_came(ports: Ports) -> None:
    many = People(["u"] * 20_000)
    with pytest.raises(InvalidInput, match=r"\b\d of 20000 people in 20 s; expected fewer people at once"):
        await moves_of(replace(ports, clock=Hurrying()), "shop", "cart", ALL, many)
    found = await moves_of(ports, "shop", "cart", ALL, many)
    assert found.asked == len(many.who)
    assert not ports.watch.counting.locked()


async def test_a_count_does_not_wait_for_others_without_end(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flag_moves, "PATIENCE_SECONDS", 0.01)
    async with ports.watch.counting:
        with pytest.raises(RateLimited):
            await moves_of(ports, "shop", "cart", ALL, People(["u"]))
        assert (await moves_of(ports, "shop", "cart", ALL)).asked is None
    assert (await moves_of(ports, "shop", "cart", ALL, People(["u"]))).asked == 1


async def test_people_are_bounded(ports: Ports) -> None:
    with pytest.raises(InvalidInput, match=f"at most {MOST_PEOPLE}"):
        await moves_of(ports, "shop", "cart", ALL, People(["u"] * (MOST_PEOPLE + 1)))


async def test_without_people_nobody_is_asked(ports: Ports) -> None:
    found = await moves_of(ports, "shop", "cart", ALL)
    assert (found.asked, found.moved, float(found.told.share or 0)) == (None, (), 0.75)


async def test_removing_a_flag_moves_everybody_to_their_default(ports: Ports) -> None:
    found = await moves_of(ports, "shop", "cart", None, People(["u", "v"]))
    assert [(one.key, one.after) for one in found.moved] == [("u", None), ("v", None)]
    needing = {**SPLIT, "targeting": None, "metadata": {"prerequisites": "cart=on"}}
    await change_flag(ports, OMAR, FlagOrder("shop", "pay", "x", version=0), Put(needing))
    with pytest.raises(InvalidInput, match=r"flags\.pay\.metadata\.prerequisites"):
        await moves_of(ports, "shop", "cart", None)
    with pytest.raises(InvalidInput, match=r"flags\.pay\.metadata\.prerequisites"):
        await change_flag(ports, OMAR, FlagOrder("shop", "cart", "x"), Remove())
    assert (await moves_of(ports, "shop", "cart", ALL)).needed_by == ["pay"]


async def test_a_set_that_is_not_there_has_nobody_to_move(ports: Ports) -> None:
    found = await moves_of(ports, "pay", "cart", SPLIT, People(["u"]))
    assert found.told.notes
    assert found.moved == [Moved("u", None, "off")] or found.moved == [Moved("u", None, "on")]


async def test_what_a_change_has_moved_is_told_afterwards(ports: Ports) -> None:
    before = await kept_now(ports, "shop")
    row = await change_flag(ports, OMAR, FlagOrder("shop", "cart", "x", version=1), Put(ALL))
    assert float(moves_made(before, row).share or 0) == 0.75
    gone = await change_flag(ports, OMAR, FlagOrder("shop", "cart", "x"), Remove())
    assert moves_made(await kept_now(ports, "pay"), gone).notes
    assert moves_made(before, gone).parts
