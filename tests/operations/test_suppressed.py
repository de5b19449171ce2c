"""Refusals for being too many are all told: also the last ones, and those the database did not take."""

from __future__ import annotations

from sre_portal.loops.schedule import SCHEDULE
from sre_portal.operations.suppressed import note_suppressed, tell_suppressed
from tests.operations.world import World


async def told(world: World) -> list[tuple[str, str]]:
    events = await world.ports.audit.recent(100)
    return [(one.object, one.detail) for one in reversed(events) if one.action == "request:limit"]


async def test_a_loop_tells_what_no_later_refusal_tells(world: World) -> None:
    for number in range(5):
        await note_suppressed(world.ports, "login", f"203.0.113.{number}")
    await note_suppressed(world.ports, "token", "203.0.113.9")
    await tell_suppressed(world.ports)
    first = [("login", "suppressed 1 from 203.0.113.0"), ("token", "suppressed 1 from 203.0.113.9")]
    assert await told(world) == first
    world.clock.move(61)
    for _ in range(2):
        await tell_suppressed(world.ports)
    rest = ("login", "suppressed 4 from 203.0.113.1, 203.0.113.2, 203.0.113.3, 203.0.113.4")
    assert await told(world) == [*first, rest]
    assert tell_suppressed in [operation for _, operation in SCHEDULE]


async def test_what_could_not_be_told_is_told_with_the_next(world: World) -> None:
    world.fail("audit", "record")
    await note_suppressed(world.ports, "login", "203.0.113.1")
    await note_suppressed(world.ports, "login", "203.0.113.2")
    assert await told(world) == []
    world.clock.move(61)
    await tell_suppressed(world.ports)
    assert await told(world) == [("login", "suppressed 2 from 203.0.113.1, 203.0.113.2")]
