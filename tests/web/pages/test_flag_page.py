from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

import pytest

from sre_portal.core.drill import DrillName, Wrapper, wrap
from sre_portal.core.flag_plan import PlanState
from sre_portal.core.flag_step import Put, Share
from sre_portal.operations.flags import FlagOrder, change_flag
from tests.web.pages.conftest import Read
from tests.web.pages.flags_told import PRICES, SWITCH, cart
from tests.web.pages.markup import Markup
from tests.web.pages.memory_flags import FlagUses
from tests.web.pages.posting import Post, definition, text_of
from tests.web.pages.scene import OMAR, Scene

CART = "/flags/shop/new-cart"


async def test_a_flag_says_everything_that_is_known_of_it(read: Read) -> None:
    page = await read(CART)
    assert page.faults == []
    words = page.words.replace("\N{NARROW NO-BREAK SPACE}", " ")
    for told in (
        "Version 3, 12 m ago, omar: no error more than before, INC-2041 is closed",
        "by its rule, with a split",
        "on 25 %, off 75 %",
        "1 of 2 in 41 ms",
        "shop/shop-7c9f4-2",
        'if the shared rule is-staff then "on"',
        "41 200",
        "copy demo to staging",
        "give on to 50 %",
        "2 lines new, 2 gone",
        "the cart that keeps its place",
        "shop team",
    ):
        assert told in words, told
    assert page.all("body")[0].attributes["data-stream"] == "/live/flags/shop/new-cart"


async def test_a_kill_switch_shows_its_drills_and_their_certificates(read: Read) -> None:
    page = await read("/flags/shop/checkout-open")
    assert "drilled" in page.by_id("flag-drill").text
    assert {"/runs/2398", "/api/v1/runs/2398/certificates/shop/checkout-open"} <= page.links()
    assert "/flags/shop/checkout-open/drill" in page.links()
    assert "hidden" in (await read(CART)).by_id("flag-drill").attributes


async def test_event_streams_that_were_told_are_counted(here: Scene, read: Read) -> None:
    assert "event stream" not in (await read(CART)).words
    here.ports.watch.flag_listeners.update({("shop", 6): 3, ("shop", 5): 1, ("payments", 1): 9})
    assert "3 of 4 event streams over OFREP" in (await read(CART)).by_id("flag-seen").text


async def test_what_error_budgets_turned_is_told(read: Read) -> None:
    page = await read("/flags/shop/layout")
    assert "checkout-availability.burn_1h > 6 holds" in page.by_id("flag-turns").text


async def test_a_fact_that_no_slo_has_is_said(here: Scene, read: Read, post: Post) -> None:
    rule = {"if": [{"<": [{"var": ["$slo.checkout-availabilty.budget_remaining", 1]}, 0.2]}, "off"]}
    draft = {"definition": json.dumps({**SWITCH, "targeting": rule}), "version": "0"}
    told = "No SLO of this portal has $slo.checkout-availabilty.budget_remaining"
    for path in ("preview", "review", "edit"):
        answer = await post(f"/flags/shop/fresh/{path}", **draft, context="ada")
        assert told in Markup(answer.text).words, path
    saved = await post("/flags/shop/fresh/save", **draft, reason="spare what is left")
    assert saved.status_code == 303
    assert told in (await read("/flags/shop/fresh")).words
    right = json.dumps({**SWITCH, "targeting": rule}).replace("availabilty", "availability")
    answer = await post("/flags/shop/fresh/preview", definition=right, context="ada")
    assert "No SLO" not in Markup(answer.text).words
    assert "No SLO" not in (await read(CART)).words


async def test_a_flag_is_counted_from_when_it_was_made(here: Scene, read: Read, post: Post) -> None:
    await post("/flags/shop/fresh/save", definition=json.dumps(SWITCH), version="0", reason="new")
    here.clock.move(60)
    words = (await read("/flags/shop/fresh")).words.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "Nobody asked for it since it was made, 1 m ago." in words
    uses = here.ports.flag_uses
    assert isinstance(uses, FlagUses)
    uses.since = here.clock.now() - timedelta(minutes=5)
    words = (await read("/flags/shop/prices")).words.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "Nobody asked for it. Counted since 5 m ago." in words


async def test_of_a_removed_flag_it_is_not_said_that_everybody_gets_the_same(read: Read) -> None:
    page = await read("/flags/shop/old-banner")
    assert "everybody gets the same" not in page.words
    assert "the code takes its own default" in page.by_id("flag-rule").text


async def test_a_toggle_is_asked_once_with_a_reason_and_then_made(
    here: Scene, read: Read, post: Post
) -> None:
    asked = await read(f"{CART}/toggle")
    assert asked.faults == []
    assert "everybody: the default in the code" in asked.words
    assert asked.fields(f"{CART}/toggle")["enabled"] == "no"

    again = await post(f"{CART}/toggle", enabled="no", reason=" ")
    assert again.status_code == 422
    assert "why, in a few words" in again.text
    done = await post(f"{CART}/toggle", enabled="no", reason="carts are lost")
    assert (done.status_code, done.headers["location"]) == (303, CART)
    assert definition(here, "shop/new-cart")["state"] == "DISABLED"
    page = await read(CART)
    assert "omar: carts are lost" in page.words
    assert "Enable" in [one.text for one in page.all("a", href=f"{CART}/toggle")]


async def test_a_toggle_of_a_protected_flag_becomes_a_proposal(here: Scene, read: Read, post: Post) -> None:
    assert "a second person" in (await read("/flags/shop/prices/toggle")).words
    done = await post("/flags/shop/prices/toggle", enabled="yes", reason="new year")
    assert done.headers["location"] == "/flag-plans/3"
    assert definition(here, "shop/prices")["state"] == "DISABLED"
    assert "waits for approval" in (await read("/flag-plans/3")).words


async def test_a_flag_that_was_removed_keeps_its_page_and_can_be_put_back(
    here: Scene, read: Read, post: Post
) -> None:
    banner = "/flags/payments/banner"
    asked = await read(f"{banner}/remove")
    fields = asked.fields(f"{banner}/remove")
    assert fields["version"] == "1"
    done = await post(f"{banner}/remove", version="1", reason="nobody reads it")
    assert done.headers["location"] == banner
    page = await read(banner)
    assert "removed" in page.by_id("flag-state").text
    assert not page.all("a", href=f"{banner}/remove")

    before = await read(f"{banner}/versions/1")
    back = before.fields(f"{banner}/review")
    review = await post(f"{banner}/review", **{name: back[name] for name in ("definition", "version")})
    assert review.status_code == 200
    hidden = Markup(review.text).fields(f"{banner}/save")
    saved = await post(f"{banner}/save", **{**hidden, "csrf": "csrf-of-omar", "reason": "it was read"})
    assert saved.status_code == 303, saved.text
    assert definition(here, "payments/banner")["state"] == "ENABLED"


async def test_removing_what_somebody_changed_meanwhile_asks_again(read: Read, post: Post) -> None:
    await post("/flags/payments/banner/toggle", enabled="no", reason="first")
    answer = await post("/flags/payments/banner/remove", version="1", reason="second")
    assert answer.status_code == 422
    page = Markup(answer.text)
    assert page.fields("/flags/payments/banner/remove")["version"] == "2"
    assert "version 2 by omar: first" in page.words
    assert "disabled" in (await read("/flags/payments/banner")).by_id("flag-state").text


async def test_each_version_has_a_permanent_address_with_what_it_changed(read: Read) -> None:
    page = await read(f"{CART}/versions/2")
    assert page.faults == []
    marks = [one.text for one in page.all("li") if one.attributes.get("data-is") in {"gone", "new"}]
    assert [" ".join(one.split()) for one in marks] == ["- 0", "+ 10", "- 100", "+ 90"]
    assert "omar, 22 Nov 06:08 UTC: ten percent" in page.words
    assert {f"{CART}/versions/1", f"{CART}/versions/3"} <= page.links()
    first = await read(f"{CART}/versions/1")
    assert "made" in first.words
    await read(f"{CART}/versions/99", status=404)
    await read(f"{CART}/versions/x", status=422)


async def test_a_viewer_sees_everything_and_may_press_nothing(here: Scene, read: Read, post: Post) -> None:
    page = await read(CART, who="vera")
    disabled = [one.text for one in page.all("button", aria_disabled="true")]
    assert {"Disable", "Remove", "Review"} <= set(disabled)
    assert f"{CART}/edit" in page.links()
    before = text_of(here, "shop/new-cart")
    for path in (
        "toggle",
        "remove",
        "save",
        "review",
        "share",
        "plan",
        "plan/review",
        "drill",
        "drill/review",
    ):
        answer = await post(f"{CART}/{path}", who="vera", reason="no", version="3", enabled="no")
        assert answer.status_code == 403, path
    assert text_of(here, "shop/new-cart") == before
    preview = await post(f"{CART}/preview", who="vera", definition=before, context="ada")
    assert preview.status_code == 200


async def test_a_form_without_the_token_of_the_session_does_nothing(here: Scene, post: Post) -> None:
    answer = await post(f"{CART}/toggle", csrf="another", enabled="no", reason="forged")
    assert answer.status_code == 403
    assert definition(here, "shop/new-cart")["state"] == "ENABLED"


async def test_a_flag_that_is_not_there_is_said_to_be_missing(read: Read) -> None:
    for path in ("/flags/shop/nothing", "/flags/nowhere/nothing", f"{CART}x/toggle", "/flags/shop/x/plan"):
        page = await read(path, status=404)
        assert page.faults == []
        assert "Back to the flags" in [one.text for one in page.all("a", href="/flags")]
    assert "flag_set" in (await read("/flags/Shop/x", status=422)).words


async def test_another_share_is_reviewed_with_who_moves_and_saved(here: Scene, post: Post) -> None:
    wrong = await post(f"{CART}/share", variant="on", percent="1000")
    assert wrong.status_code == 422
    assert Markup(wrong.text).faults == []
    review = await post(f"{CART}/share", variant="on", percent="40")
    page = Markup(review.text)
    assert page.faults == []
    assert "15 %" in page.words
    hidden = page.fields(f"{CART}/save")
    saved = await post(f"{CART}/save", **{**hidden, "reason": "forty"})
    assert saved.status_code == 303, saved.text
    assert await shares(here) == {"on": 40, "off": 60}


async def test_a_rollout_is_planned_share_by_share_from_the_page_of_the_flag(
    here: Scene, read: Read, post: Post
) -> None:
    for percent, at in (("50", "+1h"), ("100", "+2h")):
        review = await post(f"{CART}/share", variant="on", percent=percent)
        again = await post(f"{CART}/review", **Markup(review.text).fields(f"{CART}/save"), keys="ada")
        hidden = Markup(again.text).fields(f"{CART}/save")
        assert (hidden["variant"], hidden["percent"]) == ("on", percent)
        planned = await post(f"{CART}/save", **{**hidden, "at": at, "reason": "slowly"})
        assert planned.status_code == 303, planned.text
    steps = [(await here.ports.flag_plans.get(number)).step for number in (3, 4)]
    assert steps == [Share("on", 50), Share("on", 100)]
    await post(f"{CART}/toggle", enabled="no", reason="for the night")
    assert "would fail" not in (await read("/flag-plans/4")).words
    edit = await post(f"{CART}/edit", definition=text_of(here, "shop/new-cart"), variant="on", percent="50")
    assert "percent" not in Markup(edit.text).fields(f"{CART}/review")


async def test_a_share_that_was_reviewed_before_somebody_else_saved_is_a_conflict(
    here: Scene, post: Post
) -> None:
    hidden = Markup((await post(f"{CART}/share", variant="on", percent="50")).text).fields(f"{CART}/save")
    await post(f"{CART}/toggle", enabled="no", reason="for the night")
    for at in ("", "+1h"):
        answer = await post(f"{CART}/save", **{**hidden, "at": at, "reason": "half"})
        assert answer.status_code == 409
    assert len(await here.ports.flag_plans.some()) == 2


async def shares(here: Scene) -> dict[str, int]:
    rule = definition(here, "shop/new-cart")["targeting"]
    assert isinstance(rule, dict)
    buckets = rule["if"][2]["fractional"]
    total = sum(weight for _, weight in buckets)
    return {name: sum(w for n, w in buckets if n == name) * 100 // total for name, _ in buckets}


async def test_a_flag_is_copied_into_another_environment_after_a_review(
    here: Scene, read: Read, post: Post
) -> None:
    page = await read(f"{CART}/copy?to=staging")
    assert page.faults == []
    assert "shop@staging" in page.words
    hidden = page.fields("/flags/shop@staging/new-cart/save")
    assert hidden["version"] == "2"
    saved = await post("/flags/shop@staging/new-cart/save", **{**hidden, "reason": "as it is"})
    assert saved.headers["location"] == "/flags/shop@staging/new-cart"
    assert definition(here, "shop@staging/new-cart")["targeting"] == cart(25)["targeting"]
    await read(f"{CART}/copy?to=demo", status=422)
    await read(f"{CART}/copy?to=Not%20One", status=422)
    await read("/flags/shop@staging/new-cart/copy?to=demo")


async def test_a_copy_brings_the_shared_rule_that_it_needs_first(here: Scene, read: Read, post: Post) -> None:
    page = await read(f"{CART}/copy?to=night")
    assert page.faults == []
    assert "Bring is-staff to shop@night first?" in page.words
    assert 'email ends with "@shop.example"' in page.words
    hidden = page.fields(f"{CART}/copy")
    assert (hidden["to"], hidden["version"]) == ("night", "0")
    without = await post(f"{CART}/copy", **hidden)
    assert without.status_code == 422
    assert Markup(without.text).by_id("problem-reason").text == "expected why, in a few words"
    brought = await post(f"{CART}/copy", **{**hidden, "reason": "for the night"})
    assert brought.headers["location"] == f"{CART}/copy?to=night"
    review = await read(brought.headers["location"])
    fields = review.fields("/flags/shop@night/new-cart/save")
    saved = await post("/flags/shop@night/new-cart/save", **{**fields, "reason": "as it is"})
    assert saved.status_code == 303
    assert definition(here, "shop@night/new-cart")["targeting"] == cart(25)["targeting"]
    late = await post(f"{CART}/copy", to="staging", version="1", reason="for all")
    assert late.status_code == 422
    assert (await post(f"{CART}/copy", who="vera", **{**hidden, "reason": "x"})).status_code == 403


async def test_steps_are_planned_after_a_review_of_each(here: Scene, post: Post) -> None:
    steps = {"do_0": "share", "at_0": "+1h", "variant_0": "on", "percent_0": "50"}
    steps |= {"do_1": "share", "at_1": "+1d", "variant_1": "on", "percent_1": "100"}
    review = Markup((await post(f"{CART}/plan/review", **steps)).text)
    assert review.faults == []
    assert "23 Nov 2026, 13:08:02.500 UTC" in review.words
    assert (
        len([one for one in review.all("div", role="group") if "Step" in one.attributes["aria-label"]]) == 2
    )
    hidden = review.fields(f"{CART}/plan")
    here.clock.move(30)
    done = await post(f"{CART}/plan", **{**hidden, "reason": "slowly"})
    assert done.headers["location"] == f"{CART}#plans"
    plans = await here.ports.flag_plans.some(flag_set="shop", key="new-cart", limit=2)
    assert [one.state for one in plans] == [PlanState.SCHEDULED] * 2
    assert [one.not_before.isoformat()[:16] for one in plans if one.not_before] == [
        "2026-11-24T12:08",
        "2026-11-23T13:08",
    ]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "at least one step"),
        ({"do_0": "on", "at_0": "soon"}, "an instant in UTC"),
        ({"do_0": "on", "at_0": "2020-01-01 10:00"}, "an instant to come"),
        ({"do_0": "share", "variant_0": "on", "percent_0": "many"}, "a percentage"),
        ({"do_0": "share", "variant_0": "blue", "percent_0": "10"}, "expected"),
        ({"do_0": "explode"}, "one of on, off, share"),
    ],
)
async def test_a_plan_that_makes_no_sense_says_what_would(
    fields: Mapping[str, str], told: str, post: Post
) -> None:
    answer = await post(f"{CART}/plan/review", **fields)
    assert answer.status_code == 422
    page = Markup(answer.text)
    assert page.faults == []
    assert told in page.words


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"do_0": "share", "variant_0": "on", "percent_0": "500", "at_0": "soon"}, {"at_0", "percent_0"}),
        ({"do_0": "on", "at_1": "+2h", "at_2": "soon", "percent_3": "12"}, {"do_1", "do_2", "do_3", "at_2"}),
        ({"do_0": "on", "at_0": "+2h", "do_3": "off", "at_3": "+1h"}, {"at_3"}),
        ({"do_0": "on", "at_0": "later", "do_1": "off", "at_1": "2020-01-01 10:00"}, {"at_0", "at_1"}),
        ({"do_1": "share", "variant_1": "blue", "percent_1": "10"}, {"variant_1"}),
    ],
)
async def test_every_problem_of_a_plan_stands_at_its_field(
    fields: Mapping[str, str], at: set[str], post: Post
) -> None:
    page = Markup((await post(f"{CART}/plan/review", **fields)).text)
    found = {
        one.attributes.get("id", "").removeprefix("problem-") for one in page.all("span", _class="problem")
    }
    assert found == at


async def test_a_second_person_sees_exactly_what_will_be_made_and_approves_it(
    here: Scene, read: Read, post: Post
) -> None:
    page = await read("/flag-plans/1")
    assert page.faults == []
    assert "Another person has to approve: anybody who is operator on shop." in page.words
    buttons = [one for one in page.all("button") if one.inside("main")]
    pressed_by_enter = next(one for one in buttons if one.attributes.get("type", "submit") == "submit")
    assert "disabled" in pressed_by_enter.attributes
    own = await read("/flag-plans/1", who="ada")
    assert own.faults == []
    assert [one.text for one in own.all("button", aria_disabled="true")] == ["Approve"]
    assert own.by_id("why-not-approve").text == "you proposed this"
    assert "Cancel the plan" in [one.text for one in own.all("button")]
    assert "Refuse" not in [one.text for one in own.all("button")]
    assert '"state": "ENABLED"' in page.by_id("main").text
    refused = await post("/flag-plans/1/approve", who="ada", reason="I want it")
    assert refused.status_code == 403
    assert "Nobody approves their own change" in refused.text
    without = await post("/flag-plans/1/approve", reason="")
    assert without.status_code == 422
    done = await post("/flag-plans/1/approve", reason="looks right")
    assert done.headers["location"] == "/flag-plans/1"
    assert definition(here, "shop/prices")["state"] == "ENABLED"
    assert "done" in (await read("/flag-plans/1")).words
    late = await post("/flag-plans/1/refuse", who="omar", reason="too late")
    assert late.status_code == 409
    assert "decided by omar" in Markup(late.text).words


async def test_a_plan_that_would_fail_is_marked_everywhere_and_shows_what_was_proposed(
    here: Scene, read: Read, post: Post
) -> None:
    fields = {"definition": json.dumps({**cart(25), "variants": {"off": 0, "on": 7}}), "version": "3"}
    planned = await post(f"{CART}/save", **fields, at="2026-12-01 08:00", reason="numbers")
    assert planned.headers["location"] == "/flag-plans/3"
    page = await read("/flag-plans/3")
    assert "would fail" not in page.words
    assert "What it makes" in page.words
    await post(f"{CART}/toggle", enabled="no", reason="carts are lost")
    for path in ("/flag-plans/3", "/flag-plans", CART):
        page = await read(path)
        assert page.faults == []
        assert "would fail" in page.words, path
    for path in ("/flag-plans", CART):
        assert "1 Dec 2026, 08:00 UTC" in (await read(path)).words
    page = await read("/flag-plans/3")
    assert "found version 4 by omar: carts are lost" in page.words
    proposed = next(one.text for one in page.all("div", role="group", aria_label="What was proposed"))
    assert '"on": 7' in proposed
    assert "DISABLED" not in proposed


async def test_a_plan_is_refused_or_cancelled(here: Scene, read: Read, post: Post) -> None:
    await post("/flag-plans/1/refuse", reason="not yet")
    await post("/flag-plans/2/cancel", reason="the night was not quiet")
    assert definition(here, "shop/prices")["state"] == PRICES["state"]
    assert "Nothing is planned" in (await read("/flag-plans")).words
    page = await read("/flag-plans?show=all")
    assert "refused by omar" in page.words
    assert "cancelled by omar: the night was not quiet" in page.words
    assert (await read("/flag-plans/77", status=404)).faults == []


async def test_a_viewer_of_a_plan_may_decide_nothing(read: Read, post: Post) -> None:
    page = await read("/flag-plans/1", who="vera")
    assert [one.text for one in page.all("button", aria_disabled="true")][-1] == "Approve"
    for act in ("approve", "refuse", "cancel"):
        assert (await post(f"/flag-plans/1/{act}", who="vera", reason="x")).status_code == 403


async def test_a_drill_that_goes_on_is_said_until_the_clock_ends_it(here: Scene, read: Read) -> None:
    until = int(here.clock.now().timestamp()) + 60
    name = DrillName(1, "shop", "checkout-open")
    wrapped = wrap(definition(here, "shop/checkout-open"), Wrapper(name, until, True, "off"))
    order = FlagOrder("shop", "checkout-open", "drill in run 1", is_drill=True)
    await change_flag(here.ports, OMAR, order, Put(wrapped))
    page = await read("/flags/shop/checkout-open")
    assert page.faults == []
    told = page.by_id("flag-drilling").text
    assert "A drill gives off to some users. It ends by the clock at 12:09:02 UTC" in told
    here.clock.move(61)
    assert "hidden" in (await read("/flags/shop/checkout-open")).by_id("flag-drilling").attributes


async def test_changes_of_flags_have_a_pace(post: Post, read: Read) -> None:
    answers = [(await post(f"{CART}/toggle", reason="again", enabled="x")).status_code for _ in range(201)]
    assert answers == [422] * 200 + [429]
    assert (await read(CART)).faults == []
