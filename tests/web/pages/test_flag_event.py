"""What happened to a flag is a letter on the charts of its service."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sre_portal.core.flag_change import ChangedFlag, FlagEdit, FlagRow, SetChange
from sre_portal.core.flag_turn import FlagTurn, TurnedCondition
from sre_portal.web.pages.event import Event, Link
from sre_portal.web.pages.flag_event import FEW, change_events, change_words, turn_event
from sre_portal.web.pages.golden import RANGES
from sre_portal.web.pages.services import service_page
from tests.web.pages.conftest import Read
from tests.web.pages.memory import NOW
from tests.web.pages.scene import Scene

ON, OFF, OTHER = '{"state": "ENABLED"}', '{"state": "DISABLED"}', '{"state": "ENABLED", "targeting": {}}'
LOW = TurnedCondition("flags.f.targeting.if[0]", "$slo.checkout.budget_remaining < 0.2", False, True)


def changed(
    text: str | None = OFF, before: str | None = ON, key: str = "recommendations", **fields: object
) -> ChangedFlag:
    row = FlagRow("payments", key, 2, 7, text, NOW, "ana", "too slow")
    return ChangedFlag(replace(row, **fields), before)  # type: ignore[arg-type]  # fields of a row


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (None, ON, "made"),
        (ON, OFF, "off"),
        (OFF, ON, "on"),
        (ON, OTHER, "changed"),
        (ON, None, "removed"),
        ("{", ON, "on"),
    ],
)
def test_what_was_done_is_said_in_a_word(before: str | None, after: str | None, words: str) -> None:
    assert change_words(changed(after, before)) == words


def test_a_change_leads_to_the_flag() -> None:
    [event] = change_events([changed()])
    link = Link("/flags/payments/recommendations", "flag recommendations")
    assert event == Event(NOW.timestamp(), "off, ana,", link)
    [event] = change_events([changed(key="a b/c", flag_set="payments@staging")])
    link = Link("/flags/payments@staging/a%20b%2Fc", "flag payments@staging/a b/c")
    assert event.link == link
    [event] = change_events([changed(key="")])
    assert event.link == Link("/flags?set=payments", "what all flags of payments share")


def test_an_import_of_many_flags_is_one_event() -> None:
    many = [changed(key=f"flag-{n}") for n in range(FEW + 1)]
    by_hand = changed(set_version=6, version=1)
    told = [(one.text, one.link and one.link.words) for one in change_events([*many, by_hand])]
    assert told == [("4 flags changed, ana,", "set payments"), ("off, ana,", "flag recommendations")]
    assert len(change_events(many[:FEW])) == FEW
    [event] = change_events([changed(key=f"flag-{n}") for n in range(200)])
    assert event.text == "at least 200 flags changed, ana,"


def test_a_turn_says_what_turned() -> None:
    other = replace(LOW, words="$slo.checkout.burn_1h > 2", before=True)
    event = turn_event(FlagTurn("payments", "recommendations", NOW, (LOW, other), {}))
    assert event.text == "$slo.checkout.budget_remaining < 0.2 holds,"
    assert event.link == Link("/flags/payments/recommendations", "flag recommendations")


async def change(here: Scene, flag_set: str, version: int, text: str, age: timedelta) -> None:
    """Somebody made a flag be this, so long ago."""
    kept = here.ports.flag_book.get(flag_set)
    seen, edit = 0 if kept is None else kept.version, FlagEdit("carousel", version, text)
    done = SetChange(flag_set, seen, [edit], here.clock.now() - age, "ana", "a test")
    assert await here.ports.flags.change(done)
    await here.ports.flag_book.refresh(here.ports.flags)


@pytest.fixture
async def flagged(here: Scene) -> Scene:
    """A flag that somebody made a minute ago, and a budget turned half a minute ago."""
    for flag_set in ("payments", "shop"):
        await change(here, flag_set, 1, ON, timedelta(minutes=1))
    turned_at = here.clock.now() - timedelta(seconds=30)
    await here.ports.flag_turns.add(FlagTurn("payments", "carousel", turned_at, (LOW,), {}))
    return here


async def test_the_charts_of_a_service_have_its_flags(flagged: Scene, read: Read) -> None:
    view = await service_page(flagged.ports, "payments", RANGES[0])
    told = {one.text: one.letter for one in view.markers if one.link and one.link.words == "flag carousel"}
    assert list(told) == ["made, ana,", "$slo.checkout.budget_remaining < 0.2 holds,"]
    for chart in view.charts:
        assert {*told.values()} <= {flag.letter for flag in chart.plot.flags}
    page = (await read("/services/payments")).by_id("events").text
    assert "made, ana, flag carousel" in " ".join(page.split())


async def test_a_new_change_is_a_new_letter(flagged: Scene) -> None:
    before = await service_page(flagged.ports, "payments", RANGES[0])
    await change(flagged, "payments", 2, OFF, timedelta(seconds=2))
    after = await service_page(flagged.ports, "payments", RANGES[0])
    assert [one.text for one in after.markers if one not in before.markers] == ["off, ana,"]
