"""What an agent tells of flags in its reports: versions in force, and how often each variant was given."""

from __future__ import annotations

from sre_portal.agent.flags.use import MOST_KEYS, Uses
from sre_portal.contract.report import FlagUse
from tests.agent.flagged import DISABLED, EMPTY_DEFAULT, OFF, SWITCH, Flagged, change, flagged, whole
from tests.agent.portal import Wire
from tests.agent.timepiece import Timepiece


def counted(one: Flagged) -> dict[tuple[str, str, str], int]:
    """Everything the portal has taken of uses."""
    found: dict[tuple[str, str, str], int] = {}
    for report in one.portal.stored:
        for use in report["flag_uses"]:
            name = (use["flag_set"], use["key"], use["variant"])
            found[name] = found.get(name, 0) + use["count"]
    return found


async def test_a_version_is_told_once_with_the_instant_it_was_in_force() -> None:
    time = Timepiece()
    async with flagged(whole(3, a=SWITCH), EMPTY_DEFAULT, clock=time.clock) as one:
        first = await one.report_with_seen("shop", 3)
        assert {one["flag_set"]: one["version"] for one in first["flags_seen"]} == {"shop": 3, "default": 0}
        mapped = [one.provider._portal_clock.offset_ns]
        time.advance(2)
        await one.portal.flags(change(3, a=OFF))
        second = await one.report_with_seen("shop", 4)
        mapped.append(one.provider._portal_clock.offset_ns)  # it may have been mapped anew meanwhile
        told = {one["flag_set"]: one["at"] for one in second["flags_seen"]}
        assert set(told) == {"shop"}
        assert min(mapped) - 1e6 <= told["shop"] * 1e9 - time.monotonic_ns <= max(mapped) + 1e6
        await one.portal.reported(lambda report: report["seq"] > second["seq"] and not report["flags_seen"])


async def test_nothing_is_told_before_the_portals_clock_is_known() -> None:
    async with flagged(whole(3, a=SWITCH), EMPTY_DEFAULT) as one:
        await one.report_with_seen("shop", 3)
        assert all(report["clock"] is not None for report in one.portal.reports if report["flags_seen"])


async def test_what_a_lost_report_told_is_told_again() -> None:
    async with flagged(whole(3, a=SWITCH), EMPTY_DEFAULT) as one:
        await one.report_with_seen("shop", 3)
        one.portal.report_status = 503
        one.client.get_boolean_value("a", False)
        await one.portal.flags(change(3, a=OFF))
        lost = await one.report_with_seen("shop", 4)
        one.client.get_boolean_value("a", False)
        one.portal.report_status = 200

        def again(report: Wire) -> bool:
            return report["seq"] > lost["seq"] and any(seen["version"] == 4 for seen in report["flags_seen"])

        await one.portal.reported(again)
        await one.portal.until(lambda: sum(counted(one).values()) == 2)
        assert sum(counted(one).values()) == 2


async def test_a_report_that_is_rejected_is_not_told_for_ever() -> None:
    async with flagged(whole(3, a=SWITCH), EMPTY_DEFAULT) as one:
        await one.report_with_seen("shop", 3)
        one.portal.report_status = 422
        await one.portal.flags(change(3, a=OFF))
        rejected = await one.report_with_seen("shop", 4)
        one.portal.report_status = 200
        later = await one.portal.reported(lambda report: report["seq"] > rejected["seq"])
        assert later["flags_seen"] == []


async def test_uses_are_told_as_what_came_since() -> None:
    async with flagged(whole(a=SWITCH, b=DISABLED), EMPTY_DEFAULT) as one:
        for _ in range(3):
            one.client.get_boolean_value("a", False)
        one.client.get_boolean_value("b", False)
        one.client.get_boolean_value("unknown", False)
        one.client.get_string_value("a", "of another type")
        await one.portal.until(lambda: sum(counted(one).values()) == 4)
        one.client.get_boolean_value("a", False)
        await one.portal.until(lambda: sum(counted(one).values()) == 5)
        assert counted(one) == {("shop", "a", "on"): 4, ("shop", "b", ""): 1}


async def test_a_stop_tells_the_last_uses() -> None:
    async with flagged(whole(a=SWITCH), EMPTY_DEFAULT) as one:
        await one.report_with_seen("shop", 1)
        one.client.get_boolean_value("a", False)
    assert counted(one) == {("shop", "a", "on"): 1}


def test_no_more_than_so_many_uses_are_counted() -> None:
    uses = Uses()
    for number in range(2 * MOST_KEYS):
        uses.count("shop", f"flag-{number}", "on")
    uses.count("shop", "flag-0", "on")
    assert len(uses.untold()) == MOST_KEYS
    assert uses.untold()[0] == FlagUse("shop", "flag-0", "on", 2)
    uses.told(uses.untold())
    assert uses.untold() == []
