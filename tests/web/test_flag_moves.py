"""Whom a change would move, over the API and from the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner, Result

from sre_portal.cli.app import app
from sre_portal.core.flag.flag_set import parse_flags
from tests.operations.world import World
from tests.providers.served import served
from tests.web.door import SECRETS, Door

ON_OFF = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
CART = "/api/v1/flags/shop/new-cart"
KEYS = [f"user-{number}" for number in range(2000)]


def split(on: int, epoch: int = 3) -> dict[str, object]:
    rule = {"fractional": [["on", on], ["off", 100 - on]]}
    return {**ON_OFF, "targeting": rule, "metadata": {"bucketingEpoch": epoch}}


def variants(definition: object, keys: list[str] = KEYS) -> dict[str, str | None]:
    """Who gets what, by the evaluator."""
    flags = parse_flags({"flags": {"new-cart": definition}})
    return {key: flags.evaluate("new-cart", {"targetingKey": key}).variant for key in keys}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path, agents=[]).open()
    yield opened
    await opened.close()


@pytest.fixture
async def omar(door: Door) -> httpx2.AsyncClient:
    """With a flag that a quarter of people get."""
    client = door.client("omar")
    made = await client.post(CART, json={"definition": split(25), "reason": "a first try"})
    assert made.status_code == 200
    return client


async def asked(client: httpx2.AsyncClient, **body: object) -> dict[str, object]:
    answer = await client.post(f"{CART}/moves", json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, object] = answer.json()
    return told


async def test_a_share_that_grows_moves_exactly_those_who_have_to(omar: httpx2.AsyncClient) -> None:
    told = await asked(omar, share={"variant": "on", "percent": 40}, keys=KEYS)
    assert (told["share_ratio"], told["exact"]) == (pytest.approx(0.15), True)
    assert told["statement"] == ["Of everybody with a targeting key, 15 % move: 15 % from 'off' to 'on'."]
    before, after = variants(split(25)), variants(split(40))
    expected = [
        {"key": key, "before": before[key], "after": after[key]} for key in KEYS if before[key] != after[key]
    ]
    assert expected
    assert (told["asked"], told["moved"]) == (len(KEYS), expected)
    assert (await omar.get(CART)).json()["version"] == 1


async def test_an_epoch_is_compared_by_chance_and_by_keys(omar: httpx2.AsyncClient) -> None:
    told = await asked(omar, epoch=2, keys="\n".join(KEYS))
    assert (told["share_ratio"], told["exact"]) == (pytest.approx(2 * 0.25 * 0.75), False)
    before, after = variants(split(25)), variants(split(25, 2))
    moved = told["moved"]
    assert isinstance(moved, list)
    assert [one["key"] for one in moved] == [key for key in KEYS if before[key] != after[key]]


async def test_a_definition_is_compared_with_what_is_in_force(omar: httpx2.AsyncClient) -> None:
    rule = {"if": [{"==": [{"var": "tier"}, "gold"]}, "on", split(25)["targeting"]]}
    told = await asked(omar, definition={**split(25), "targeting": rule}, contexts=[
        {"targetingKey": "u", "tier": "gold"}, {"targetingKey": "v"}, {"tier": "gold"},
    ])  # fmt: skip
    assert (told["share_ratio"], told["asked"]) == (None, 3)
    assert told["moved"] == [
        {"key": key, "before": "off", "after": "on"}
        for key, was in (("u", variants(split(25), ["u"])["u"]), ("", "off"))
        if was == "off"
    ]
    assert "who come to flags.new-cart.targeting.if[1]" in str(told["statement"])


async def test_keys_are_put_where_the_split_reads(omar: httpx2.AsyncClient) -> None:
    rule = {"fractional": [{"var": "user.id"}, ["on", 100], ["off", 0]]}
    told = await asked(
        omar, definition={**split(25), "targeting": rule}, keys=["k"], attribute="user.id", context={"a": 1}
    )
    assert told["moved"] == [{"key": "k", "before": "off", "after": "on"}]
    assert told["share_ratio"] is None


async def test_others_that_need_the_flag_are_named(omar: httpx2.AsyncClient) -> None:
    needing = {**ON_OFF, "metadata": {"prerequisites": "new-cart=on", "offVariant": "off"}}
    await omar.post("/api/v1/flags/shop/pay", json={"definition": needing, "reason": "x"})
    assert (await asked(omar, epoch=1))["needed_by"] == ["pay"]


async def test_a_flag_that_is_not_there_yet_moves_nobody(omar: httpx2.AsyncClient) -> None:
    answer = await omar.post("/api/v1/flags/shop/other/moves", json={"definition": split(5), "keys": ["u"]})
    assert answer.json()["statement"] == ["The flag is new: it gave nobody anything before."]
    for body in ({"share": {"variant": "on", "percent": 5}}, {"epoch": 2}):
        assert (await omar.post("/api/v1/flags/shop/other/moves", json=body)).status_code == 404


async def test_changes_say_what_they_moved(omar: httpx2.AsyncClient) -> None:
    put = await omar.post(CART, json={"definition": split(50), "reason": "more", "version": 1})
    assert put.json()["moves"]["share_ratio"] == pytest.approx(0.25)
    file = {"flags": {"new-cart": split(60), "else": ON_OFF}}
    for path, body in (("diff", {}), ("import", {"reason": "from Git"})):
        told = (await omar.post(f"/api/v1/flag-sets/shop/{path}", json={"document": file, **body})).json()
        assert list(told["moves"]) == ["new-cart"]
        assert told["moves"]["new-cart"]["statement"] == [
            "Of everybody with a targeting key, 10 % move: 10 % from 'off' to 'on'."
        ]


async def test_a_flag_that_others_need_is_not_removed_and_keeps_the_variant(
    omar: httpx2.AsyncClient,
) -> None:
    needing = {**ON_OFF, "metadata": {"prerequisites": "new-cart=on"}}
    await omar.post("/api/v1/flags/shop/pay", json={"definition": needing, "reason": "x"})
    gone = await omar.post(f"{CART}/remove", json={"reason": "x", "version": 1})
    less = {"state": "ENABLED", "variants": {"off": False}, "defaultVariant": "off"}
    lost = await omar.post(CART, json={"definition": less, "reason": "x", "version": 1})
    around = await omar.post(f"{CART}/moves", json={"definition": less})
    loop = {**ON_OFF, "metadata": {"prerequisites": "pay=on"}}
    cycle = await omar.post(CART, json={"definition": loop, "reason": "x", "version": 1})
    for answer in (gone, lost, around, cycle):
        assert answer.status_code == 422
        assert [one["path"] for one in answer.json()["problems"]] in (
            ["flags.pay.metadata.prerequisites"], ["flags.new-cart.metadata.prerequisites"],
        )  # fmt: skip
    assert (await omar.get(CART)).json()["version"] == 1


async def test_a_preview_begins_with_the_prerequisites(omar: httpx2.AsyncClient) -> None:
    needing = {**ON_OFF, "metadata": {"prerequisites": "new-cart=on"}}
    await omar.post("/api/v1/flags/shop/pay", json={"definition": needing, "reason": "x"})
    told = (await omar.post("/api/v1/flags/shop/pay/preview", json={"context": {}})).json()
    path = "flags.pay.metadata.prerequisites"
    assert (told["branch"], told["looked"]) == (path, [{"path": path, "rule": "new-cart=on", "value": "off"}])


def deep(levels: int) -> object:
    rule: object = {"var": "x"}
    for _ in range(levels):
        rule = {"!": [rule]}
    return rule


BAD_DEFINITIONS: dict[str, tuple[object, list[str]]] = {
    "no schema": ({"state": 1, "variants": [], "targeting": 3}, ["state", "variants", "targeting"]),
    "reference to nowhere": (
        {**ON_OFF, "targeting": {"if": [{"$ref": "gone"}, "on"]}}, ["targeting.if[0].$ref"],
    ),
    "negative weight": (
        {**ON_OFF, "targeting": {"fractional": [["on", -1], ["off", 1]]}}, ["targeting.fractional[0][1]"],
    ),
    "too much weight": (
        {**ON_OFF, "targeting": {"fractional": [["on", 2**31 - 1], ["off", 1]]}}, ["targeting.fractional"],
    ),
    "unknown default": ({**ON_OFF, "defaultVariant": "of"}, ["defaultVariant"]),
    "all at once": (
        {"state": "ENABLED", "variants": {"on": True, "off": "no"}, "defaultVariant": "x",
         "targeting": {"and": [{"$ref": "gone"}, {"fractional": [["on", -5]]}]},
         "metadata": {"prerequisites": "gone=on"}},
        ["variants.off", "defaultVariant", "targeting.and[0].$ref", "targeting.and[1].fractional[0][1]",
         "metadata.prerequisites"],
    ),
    "deep": ({**ON_OFF, "targeting": deep(100)}, [""]),
    "very deep": ({**ON_OFF, "targeting": deep(400)}, [""]),
    "huge": ({**ON_OFF, "targeting": {"in": [{"var": "x"}, ["y" * 1000] * 1000]}}, ["targeting"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_DEFINITIONS)
@pytest.mark.parametrize("way", ["put", "moves", "diff", "import"])
async def test_a_bad_definition_is_refused_with_every_path(
    omar: httpx2.AsyncClient, name: str, way: str
) -> None:
    definition, paths = BAD_DEFINITIONS[name]
    file = {"document": {"flags": {"new-cart": definition}}}
    path, body = {
        "put": (CART, {"definition": definition, "reason": "x", "version": 1}),
        "moves": (f"{CART}/moves", {"definition": definition}),
        "diff": ("/api/v1/flag-sets/shop/diff", file),
        "import": ("/api/v1/flag-sets/shop/import", {**file, "reason": "x"}),
    }[way]
    answer = await omar.post(path, json=body)
    assert answer.status_code == 422, answer.text[:500]
    told = [one["path"] for one in answer.json()["problems"]]
    if paths == [""]:
        assert all(one.startswith("flags.new-cart") for one in told)
        assert told
    else:
        assert told == [f"flags.new-cart.{one}" for one in paths]
    assert (await omar.get(CART)).json()["version"] == 1


BAD_BODIES: dict[str, str] = {
    "nothing": "{}",
    "no JSON": "{",
    "a list": "[]",
    "two things": json.dumps({"epoch": 2, "definition": ON_OFF}),
    "an epoch there is none of": '{"epoch": 4}',
    "true as an epoch": '{"epoch": true}',
    "NaN": '{"share": {"variant": "on", "percent": NaN}}',
    "infinity": '{"share": {"variant": "on", "percent": 1e999}}',
    "a text that is no number": '{"share": {"variant": "on", "percent": "x"}}',
    "more than everybody": '{"share": {"variant": "on", "percent": 100.01}}',
    "less than nobody": '{"share": {"variant": "on", "percent": -1}}',
    "too fine": '{"share": {"variant": "on", "percent": 33.333}}',
    "too fine by far": '{"share": {"variant": "on", "percent": "1e-999999"}}',
    "an unknown variant": '{"share": {"variant": "onn", "percent": 1}}',
    "a variant that is none": '{"share": {"variant": {}, "percent": 1}}',
    "more than it knows": '{"epoch": 2, "version": 3}',
    "keys and contexts": '{"epoch": 2, "keys": [], "contexts": []}',
    "keys that are no texts": '{"epoch": 2, "keys": [1]}',
    "half a surrogate": '{"epoch": 2, "keys": ["\\ud800"]}',
    "half a surrogate in a context": '{"epoch": 2, "contexts": [{"targetingKey": "\\ud800"}]}',
    "contexts that are none": '{"epoch": 2, "contexts": [1]}',
    "no attribute": '{"epoch": 2, "keys": [], "attribute": ""}',
    "too many people": json.dumps({"epoch": 2, "keys": "a\n" * 100_001}),
    "too many contexts": json.dumps({"epoch": 2, "contexts": [{}] * 100_001}),
    "deep": '{"epoch": 2, "context": ' + '{"a":' * 5000 + "1" + "}" * 5000 + "}",
    "deep definition": '{"definition": ' + '{"a":' * 5000 + "1" + "}" * 5000 + "}",
    "deep contexts": '{"epoch": 2, "contexts": ' + "[" * 100_000 + "]" * 100_000 + "}",
}


@pytest.mark.parametrize("name", BAD_BODIES)
async def test_a_bad_question_is_told_what_is_wrong(omar: httpx2.AsyncClient, name: str) -> None:
    answer = await omar.post(
        f"{CART}/moves", content=BAD_BODIES[name], headers={"content-type": "application/json"}
    )
    assert answer.status_code in {400, 422}, answer.text[:500]
    assert answer.json().get("problems") or answer.json()["detail"]


async def test_people_as_odd_as_they_come_are_asked_for(omar: httpx2.AsyncClient) -> None:
    nested: object = "x"
    for _ in range(60):
        nested = [nested]
    rule = {"fractional": [{"var": "odd"}, ["on", 50], ["off", 50]]}
    contexts = [
        {"odd": nested},
        {"odd": {"a": nested}},
        {"targetingKey": 7},
        {"odd": 1e308},
        {"odd": None},
        {},
    ]
    told = await asked(omar, definition={**split(25), "targeting": rule}, contexts=contexts)
    assert told["asked"] == len(contexts)


async def test_a_body_over_the_bound_is_refused(omar: httpx2.AsyncClient) -> None:
    answer = await omar.post(f"{CART}/moves", json={"epoch": 2, "keys": "k" * (2 * 1024 * 1024)})
    assert answer.status_code == 413


@pytest.mark.usefixtures("omar")
async def test_a_viewer_may_ask(door: Door) -> None:
    assert (await asked(door.client("vera"), epoch=3))["statement"] == ["Nobody gets another variant."]


@pytest.mark.usefixtures("omar")
async def test_the_command_line_says_who_moves(door: Door, tmp_path: Path) -> None:
    keys, file = tmp_path / "keys.txt", tmp_path / "cart.json"
    keys.write_text("\n".join(KEYS))
    file.write_text(json.dumps(split(40)))
    before, after = variants(split(25)), variants(split(40))
    moved = [key for key in KEYS if before[key] != after[key]]
    async with served(door.app) as url:
        given = {"SRE_PORTAL_URL": url, "SRE_PORTAL_TOKEN": SECRETS["vera"][0]}

        async def run(*arguments: str) -> Result:
            command = ["flags", "moves", "shop", "new-cart", *arguments]
            return await asyncio.to_thread(CliRunner().invoke, app, command, env=given)

        by_share = await run("--share", "on=40", "--keys", str(keys))
        by_file = await run("--definition", str(file), "--keys", str(keys))
        assert by_share.exit_code == 0, by_share.output
        lines = by_share.stdout.splitlines()
        assert lines[:2] == [
            "Of everybody with a targeting key, 15 % move: 15 % from 'off' to 'on'.",
            f"{len(moved)} of the {len(KEYS)} given move.",
        ]
        assert [line.split() for line in lines[3:]] == [[key, "off", "on"] for key in moved]
        assert by_file.stdout == by_share.stdout
        epoch = json.loads((await run("--epoch", "2", "--json")).stdout)
        assert (epoch["exact"], epoch["asked"]) == (False, None)
        refused = await run("--share", "onn=40")
        assert (refused.exit_code, "'on' comes close" in refused.output) == (2, True)


async def test_half_a_surrogate_in_a_preview_is_told_as_text(omar: httpx2.AsyncClient) -> None:
    rule = {"if": [{"==": [{"var": "x"}, "y"]}, "on", "off"]}
    await omar.post(CART, json={"definition": {**ON_OFF, "targeting": rule}, "reason": "x", "version": 1})
    body = '{"context": {"x": "\\ud800", "targetingKey": "\\udfff"}}'
    answer = await omar.post(f"{CART}/preview", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text
