from __future__ import annotations

import json

import pytest

from sre_portal.web.body_size import LARGEST_BODY_BYTES
from tests.web.pages.conftest import Read
from tests.web.pages.flags_told import PRICES, SWITCH, cart
from tests.web.pages.markup import Markup
from tests.web.pages.posting import Post, definition, text_of
from tests.web.pages.scene import Scene

CART = "/flags/shop/new-cart"
HOSTILE = "<script>alert(1)</script>"


async def test_the_editor_holds_the_definition_and_the_answer_beside_it(read: Read) -> None:
    page = await read(f"{CART}/edit")
    assert page.faults == []
    assert json.loads(page.all("textarea")[0].text) == cart(25)
    assert page.fields(f"{CART}/review")["version"] == "3"
    [form] = page.all("form", data_preview=f"{CART}/preview")
    assert form.attributes["data-preview-by"] == "post"
    assert "What this user gets" in page.words
    assert "the shared rule is-staff" in page.by_id("preview").text


async def test_the_preview_tells_what_the_draft_would_give_and_what_decided(here: Scene, post: Post) -> None:
    draft = json.dumps({**cart(25), "variants": {"off": 0, "on": 7}})
    answer = await post(
        f"{CART}/preview", definition=draft, context="targetingKey = ada\nemail=a@shop.example"
    )
    page = Markup(answer.text)
    assert answer.text.startswith('<section id="preview"')
    assert 'email ends with "@shop.example"' in page.by_id("preview").text
    decided = [one for one in page.all("li") if "data-decided" in one.attributes]
    assert ["and decided" in one.text for one in decided] == [True]
    assert page.all("pre")[0].text == "7"
    assert definition(here, "shop/new-cart")["variants"] == {"off": False, "on": True}


async def test_the_preview_of_a_draft_takes_a_context_in_json(post: Post) -> None:
    draft = json.dumps({**SWITCH, "targeting": {"if": [{">": [{"var": "age"}, 17]}, "on", "off"]}})
    answer = await post(f"{CART}/preview", definition=draft, context='{"age": 12, "targetingKey": "ada"}')
    page = Markup(answer.text)
    assert "age > 17" in page.by_id("preview").text
    assert page.all("b")[0].text == "off"
    assert "Nobody is named" not in page.words


async def test_the_preview_says_which_prerequisite_is_not_met(read: Read, post: Post) -> None:
    needs = {**SWITCH, "metadata": {"prerequisites": "checkout-open=on, layout=rich"}}
    answer = await post(f"{CART}/preview", definition=json.dumps(needs), context="ada")
    told = Markup(answer.text).by_id("preview").text
    assert "a prerequisite is not met: layout=rich" in told
    [decided] = [one.text for one in Markup(answer.text).all("li") if "data-decided" in one.attributes]
    assert "it needs layout=rich" in decided
    await post(f"{CART}/save", definition=json.dumps(needs), version="3", reason="after the layout")
    page = await read(CART)
    assert {"/flags/shop/checkout-open", "/flags/shop/layout"} <= page.links()
    assert "new-cart" in (await read("/flags/shop/layout")).by_id("flag-needs").text
    removed = await post("/flags/shop/layout/remove", version="1", reason="gone")
    assert removed.status_code == 422
    assert "new-cart" in Markup(removed.text).words


@pytest.mark.parametrize(
    ("draft", "context", "told"),
    [
        ("{", "ada", ["line 1"]),
        ("[]", "ada", ["an object"]),
        (
            '{"state": "ON", "variants": {"a": 1}, "defaultVariant": "b"}',
            "",
            ["flags.new-cart.state", "defaultVariant"],
        ),
        (json.dumps(SWITCH), '{"a": ', ["context"]),
        (json.dumps(SWITCH), "a = 1\na = 2", ["line 2", "each attribute once"]),
    ],
)
async def test_the_preview_lists_every_problem_with_its_path(
    draft: str, context: str, told: list[str], post: Post
) -> None:
    answer = await post(f"{CART}/preview", definition=draft, context=context)
    assert answer.status_code == 200
    page = Markup(answer.text)
    assert page.faults == []
    assert "This cannot be used yet" in page.words
    for text in told:
        assert text in page.words


async def test_the_preview_says_what_is_right_and_probably_not_meant(post: Post) -> None:
    split = {
        **SWITCH,
        "targeting": {"fractional": [["on", 100], ["off", 0]]},
        "metadata": {"kill_switch": True},
    }
    page = Markup((await post(f"{CART}/preview", definition=json.dumps(split), context="ada")).text)
    told = page.by_id("preview").text
    assert page.faults == []
    assert "flags.new-cart.targeting.fractional: One bucket has all the weight" in told
    assert "killSwitch" in told


@pytest.mark.parametrize(
    "said", [{"killSwitch": "yes"}, {"staleAfterDays": -3}, {"drillEveryDays": "weekly"}, {"protected": 1}]
)
async def test_metadata_of_the_wrong_kind_is_a_problem_while_it_is_written(
    said: dict[str, object], post: Post
) -> None:
    draft = json.dumps({**SWITCH, "metadata": said})
    for path in ("preview", "edit", "review"):
        page = Markup((await post(f"{CART}/{path}", definition=draft, context="ada", version="3")).text)
        assert f"flags.new-cart.metadata.{next(iter(said))}" in page.by_id("preview").text, path


async def test_the_editor_knows_how_much_it_may_send(read: Read) -> None:
    page = await read(f"{CART}/edit")
    [form] = page.all("form", data_preview=f"{CART}/preview")
    assert form.attributes["data-largest"] == str(LARGEST_BODY_BYTES)
    notes = [one for one in page.all("p") if "data-not-previewed" in one.attributes]
    assert [(one.attributes["data-not-previewed"], "hidden" in one.attributes) for one in notes] == [
        ("large", True),
        ("failed", True),
    ]


async def test_without_script_a_button_shows_the_preview_and_keeps_what_was_typed(post: Post) -> None:
    draft = json.dumps(SWITCH) + HOSTILE
    answer = await post(f"{CART}/edit", definition=draft, context=HOSTILE, version="3")
    page = Markup(answer.text)
    assert page.faults == []
    assert [one.text.strip() for one in page.all("textarea")] == [draft, HOSTILE]
    assert "This cannot be used yet" in page.words
    assert HOSTILE not in answer.text


async def test_what_is_too_large_is_told_to_people_on_a_page(post: Post) -> None:
    answer = await post(f"{CART}/review", definition="x" * LARGEST_BODY_BYTES, version="3")
    page = Markup(answer.text)
    assert (answer.status_code, page.faults) == (413, [])
    assert "what you typed is still there" in page.words
    assert page.links() >= {"/flags"}


async def test_a_definition_of_more_than_a_megabyte_is_read(post: Post) -> None:
    answer = await post(f"{CART}/edit", definition="x" * 1_500_000, context="", version="3")
    assert answer.status_code == 200
    assert "This cannot be used yet" in Markup(answer.text).words


async def test_a_review_shows_what_differs_who_moves_and_asks_for_the_reason(post: Post) -> None:
    draft = json.dumps(cart(75))
    answer = await post(
        f"{CART}/review", definition=draft, version="3", keys="ada bo cy", attribute="targetingKey"
    )
    page = Markup(answer.text)
    assert (answer.status_code, page.faults) == (200, [])
    words = page.words.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "on 25 %, off 75 %" in words
    assert "on 75 %, off 25 %" in words
    assert "50 %" in page.words
    assert "of 3 move" in page.by_id("people").text
    assert json.loads(page.fields(f"{CART}/save")["definition"]) == cart(75)


async def test_keys_that_cannot_be_counted_are_a_problem_at_their_field(post: Post) -> None:
    keys = " ".join(map(str, range(100_001)))
    answer = await post(f"{CART}/review", definition=json.dumps(cart(75)), version="3", keys=keys)
    page = Markup(answer.text)
    assert answer.status_code == 422
    assert page.by_id("problem-keys").text.startswith("expected at most 100000")


async def test_what_is_saved_is_what_was_reviewed(here: Scene, read: Read, post: Post) -> None:
    review = Markup((await post(f"{CART}/review", definition=json.dumps(cart(75)), version="3")).text)
    hidden = review.fields(f"{CART}/save")
    without = await post(f"{CART}/save", **hidden)
    assert without.status_code == 422
    assert Markup(without.text).by_id("problem-reason").text == "expected why, in a few words"
    saved = await post(f"{CART}/save", **{**hidden, "reason": HOSTILE})
    assert (saved.status_code, saved.headers["location"]) == (303, CART)
    assert definition(here, "shop/new-cart")["targeting"] == cart(75)["targeting"]
    page = await read(CART)
    assert f"Version 4, 0 s ago, omar: {HOSTILE}" in page.words.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert HOSTILE not in page.source


async def test_a_save_at_an_instant_is_a_planned_change(here: Scene, post: Post) -> None:
    fields = {"definition": json.dumps(cart(75)), "version": "3", "reason": "in the morning"}
    wrong = await post(f"{CART}/save", **fields, at="tomorrow")
    assert Markup(wrong.text).by_id("problem-at").text.startswith("expected an instant in UTC")
    far = await post(f"{CART}/save", **fields, at="2031-01-01 10:00")
    assert Markup(far.text).by_id("problem-at").text.startswith("expected an instant to come")
    done = await post(f"{CART}/save", **fields, at="06:00")
    assert done.headers["location"] == "/flag-plans/3"
    plan = await here.ports.flag_plans.get(3)
    assert plan.not_before is not None
    assert plan.not_before.isoformat() == "2026-11-24T06:00:00+00:00"
    assert definition(here, "shop/new-cart")["targeting"] == cart(25)["targeting"]


async def test_a_change_of_a_protected_flag_says_so_and_becomes_a_proposal(here: Scene, post: Post) -> None:
    draft = json.dumps({**PRICES, "defaultVariant": "new"})
    review = await post("/flags/shop/prices/review", definition=draft, version="1")
    assert "a second person" in Markup(review.text).words
    hidden = Markup(review.text).fields("/flags/shop/prices/save")
    done = await post("/flags/shop/prices/save", **{**hidden, "reason": "new prices"})
    assert done.headers["location"] == "/flag-plans/3"
    assert definition(here, "shop/prices") == PRICES


async def test_who_saved_meanwhile_is_shown_beside_what_was_typed(here: Scene, post: Post) -> None:
    mine = json.dumps(cart(75))
    review = Markup((await post(f"{CART}/review", definition=mine, version="3")).text)
    await post(f"{CART}/toggle", who="ada", enabled="no", reason="carts are lost")
    answer = await post(f"{CART}/save", **{**review.fields(f"{CART}/save"), "reason": "more of them"})
    page = Markup(answer.text)
    assert (answer.status_code, page.faults) == (409, [])
    assert "ada, 0 s ago: carts are lost" in page.words.replace("\N{NARROW NO-BREAK SPACE}", " ")
    parts = {
        one.attributes["aria-label"]: one.text
        for one in page.all("div", role="group")
        if "aria-label" in one.attributes
    }
    assert "DISABLED" in parts["Theirs"]
    assert "DISABLED" not in parts["Yours"]
    assert "75" in parts["Yours"]
    assert definition(here, "shop/new-cart")["state"] == "DISABLED"

    hidden = page.fields(f"{CART}/edit")
    assert (json.loads(hidden["definition"]), hidden["version"], hidden["reason"]) == (
        cart(75),
        "4",
        "more of them",
    )
    over = Markup((await post(f"{CART}/review", **hidden)).text)
    assert "more of them" in [one.attributes.get("value") for one in over.all("input", inputmode="text")]
    saved = await post(f"{CART}/save", **{**over.fields(f"{CART}/save"), "reason": "more of them"})
    assert saved.status_code == 303
    assert definition(here, "shop/new-cart")["state"] == "ENABLED"


async def test_a_flag_that_somebody_made_meanwhile_is_a_conflict_too(post: Post) -> None:
    fields = {"definition": json.dumps(SWITCH), "version": "0", "reason": "mine"}
    assert (await post("/flags/shop/fresh/save", **fields)).status_code == 303
    answer = await post("/flags/shop/fresh/review", **{**fields, "definition": json.dumps(PRICES)})
    assert answer.status_code == 409
    assert "omar" in Markup(answer.text).words


async def test_a_definition_with_problems_comes_back_to_the_editor_with_everything(
    here: Scene, post: Post
) -> None:
    before = text_of(here, "shop/new-cart")
    for path in ("review", "save"):
        answer = await post(
            f"{CART}/{path}", definition='{"state": "ON"}', version="3", reason="x", context="ada"
        )
        page = Markup(answer.text)
        assert (answer.status_code, page.faults) == (422, [])
        assert page.all("textarea")[0].text.strip() == '{"state": "ON"}'
        assert "flags.new-cart.variants" in page.words
    assert text_of(here, "shop/new-cart") == before


async def test_a_version_that_is_none_is_refused(post: Post) -> None:
    answer = await post(f"{CART}/save", definition=json.dumps(SWITCH), version="three", reason="x")
    assert answer.status_code in {409, 422}


async def test_a_drill_is_reviewed_before_it_starts(here: Scene, read: Read, post: Post) -> None:
    switch = "/flags/shop/checkout-open"
    page = await read(f"{switch}/drill")
    assert page.faults == []
    assert [one.text for one in page.all("option")] == ["off", "on"]
    typed = {one.attributes.get("name"): one.attributes.get("value") for one in page.all("input")}
    assert (typed["percent"], typed["seconds"], typed["within"]) == ("20", "30", "2")
    wrong = await post(f"{switch}/drill/review", variant="", percent="900", seconds="long", within="-1")
    assert wrong.status_code == 422
    found = {one.attributes.get("id", "").removeprefix("problem-") for one in Markup(wrong.text).elements}
    assert {"variant", "percent", "seconds", "within"} <= found
    asked = {"variant": "off", "percent": "10", "seconds": "20", "within": "5"}
    review = await post(f"{switch}/drill/review", **asked, reason=HOSTILE)
    told = Markup(review.text)
    assert (review.status_code, told.faults) == (200, [])
    assert "10" in told.words
    assert HOSTILE in told.words
    assert "within 5 s" in told.words.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "up to no data" not in told.words
    assert "not predicted" in told.words
    assert told.fields(f"{switch}/drill")["percent"] == "10"
    assert told.fields(f"{switch}/drill")["within"] == "5"
    assert not any(run.drills for run in here.runs.held.values())
