from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.requests import Request

from sre_portal.core.errors import NotFound
from sre_portal.core.flag_step import Toggle
from sre_portal.operations.flags import FlagOrder, change_flag
from sre_portal.web import live
from tests.web.pages.scene import OMAR, Scene
from tests.web.pages.test_live import request, stream_of, take


def of_flag(app: FastAPI, here: Scene, key: str) -> Request:
    return request(app, here, f"/live/flags/shop/{key}", flag_set="shop", key=key)


async def toggle(here: Scene, key: str) -> None:
    await change_flag(here.ports, OMAR, FlagOrder("shop", key, "a test"), Toggle(False))


async def test_the_list_is_fresh_as_soon_as_a_flag_changes_and_sends_its_line_alone(
    app: FastAPI, here: Scene
) -> None:
    stream = stream_of(await live.flags(request(app, here, "/live/flags")))
    first = (await take(stream, 1))[0]
    assert {"flags-summary", "no-flags", "plans-open", "rows"} <= first.fragments.keys()
    await toggle(here, "layout")
    second = (await take(stream, 1))[0]
    assert "disabled" in second.fragments["flag-shop/layout"]
    assert "flag-shop/prices" not in second.fragments
    assert "rows" not in second.fragments
    assert "2 disabled" in second.fragments["flags-summary"]


async def test_a_flag_page_is_fresh_as_soon_as_its_flag_changes(app: FastAPI, here: Scene) -> None:
    stream = stream_of(await live.flag(of_flag(app, here, "new-cart")))
    first = (await take(stream, 1))[0]
    assert {
        "flag-state",
        "flag-serves",
        "history",
        "plans",
        "flag-seen",
        "flag-use",
    } <= first.fragments.keys()
    await toggle(here, "new-cart")
    second = (await take(stream, 1))[0]
    assert "disabled" in second.fragments["flag-state"]
    assert "a test" in second.fragments["history"]
    assert "flag-metadata" not in second.fragments


async def test_fragments_of_flags_hold_no_form_and_have_their_id(app: FastAPI, here: Scene) -> None:
    for response in (
        await live.flags(request(app, here, "/live/flags")),
        await live.flag(of_flag(app, here, "new-cart")),
        await live.flag(of_flag(app, here, "checkout-open")),
    ):
        told = (await take(stream_of(response), 1))[0]
        for name, html in told.fragments.items():
            assert "<form" not in html
            assert "csrf" not in html
            assert f'id="{name}"' in html.partition(">")[0]


async def test_a_flag_that_is_not_there_has_no_stream(app: FastAPI, here: Scene) -> None:
    with pytest.raises(NotFound):
        await live.flag(of_flag(app, here, "none"))
