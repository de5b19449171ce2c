"""What holds for every page: sound markup, STOP ALL, no style or script inside, nothing unescaped."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi import FastAPI

from sre_portal.core.document import Metadata
from tests.web.pages.conftest import Read
from tests.web.pages.paths import FLAG_PAGES
from tests.web.pages.scene import Scene

PAGES = (
    "/",
    "/?show=risk&q=pay",
    "/services",
    "/services/payments",
    "/services/payments?range=1h",
    "/services/payments?range=1d",
    "/services/notifications",
    "/experiments",
    "/experiments/slow-payments",
    "/experiments/aborts-for-some",
    "/runs",
    "/runs?show=failed",
    "/runs?experiment=slow-payments",
    "/runs/2417",
    "/runs/2416",
    "/runs/2413",
    "/runs/2411",
    "/runs/2406",
    "/runs/2402",
    "/runs/2398",
    "/runs/2417/journal",
    "/runs/2417/abort",
    "/stop-all",
    *FLAG_PAGES,
)
PUBLIC = ("/login", "/status")
HOSTILE = "</title><script>alert(1)</script>'\"&"


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_sound_and_has_the_stop_button(path: str, read: Read) -> None:
    page = await read(path)
    assert page.faults == []
    assert page.fields("/stop-all") == {"csrf": "csrf-of-omar"}
    assert page.by_id("harm-now").text.split() == ["1", "active", "fault"]
    assert len(page.all("h1")) == 1
    assert len(page.all("main")) == 1


@pytest.mark.parametrize("path", PUBLIC)
async def test_a_public_page_is_sound_and_names_nobody(path: str, read: Read) -> None:
    page = await read(path, who="nobody")
    assert page.faults == []
    assert page.all("form") == []
    for name in ("omar", "payments-7c9f4", "error-rate", "2417"):
        assert name not in page.source


@pytest.mark.parametrize("path", PAGES)
async def test_every_form_that_posts_carries_the_token_of_the_session(path: str, read: Read) -> None:
    page = await read(path)
    for form in page.all("form", method="post"):
        assert page.fields(form.attributes["action"])["csrf"] == "csrf-of-omar"


@pytest.mark.parametrize(
    ("path", "stream"),
    [
        ("/?show=risk", "/live/overview?show=risk"),
        ("/services/payments?range=1h", "/live/services/payments?range=1h"),
        ("/runs/2417", "/live/runs/2417"),
        ("/runs/2416", None),
        ("/experiments", None),
    ],
)
async def test_a_page_that_is_kept_fresh_names_its_stream(path: str, stream: str | None, read: Read) -> None:
    page = await read(path)
    assert page.all("body")[0].attributes.get("data-stream") == stream
    assert page.by_id("as-of").text == "12:08:02 UTC"


async def test_the_navigation_holds_only_pages_that_exist(read: Read) -> None:
    page = await read("/")
    links = [one.attributes["href"] for one in page.all("a") if one.inside("nav")]
    assert links == ["/", "/services", "/experiments", "/runs", "/flags", "/status"]
    for link in links:
        await read(link)


async def test_a_viewer_sees_the_buttons_disabled_with_the_role_that_may(read: Read) -> None:
    for path, words in (
        ("/", "STOP ALL"),
        ("/runs/2417", "Abort run"),
        ("/services/shop", "Review and start"),
        ("/experiments/aborts-for-some", "Start run"),
    ):
        page = await read(path, who="vera")
        button = next(one for one in page.all("button", aria_disabled="true") if one.text == words)
        said = button.attributes.get("title", "") + page.words
        assert "operator" in said
        assert "type" in button.attributes


async def test_whoever_has_no_role_gets_a_page_that_says_so(read: Read) -> None:
    page = await read("/runs", who="nils", status=403)
    assert page.faults == []
    assert "viewer" in page.words


async def test_nobody_is_told_how_to_log_in(read: Read) -> None:
    page = await read("/", who="nobody", status=401)
    assert "/login" in page.links()


async def test_what_is_not_there_is_said_to_be_missing(read: Read) -> None:
    for path in ("/runs/999", "/services/nothing", "/experiments/nothing"):
        page = await read(path, status=404)
        assert page.faults == []
        assert page.fields("/stop-all")


async def test_hostile_names_are_text(here: Scene, read: Read) -> None:
    run = here.live()
    metadata = Metadata(name="slow-payments", title=HOSTILE, description=HOSTILE)
    hostile = run.experiment.model_copy(update={"metadata": metadata})
    here.watch.live[run.id] = run.model_copy(
        update={"experiment": hostile, "actor": HOSTILE, "reasons": (HOSTILE,)}
    )
    here.runs.held[run.id] = here.watch.live[run.id]
    await here.journal.append(run.id, here.clock.now(), HOSTILE, HOSTILE, {HOSTILE: HOSTILE})
    for path in ("/", f"/runs/{run.id}", f"/runs/{run.id}/journal", "/runs", f"/runs/{run.id}/abort"):
        page = await read(path)
        assert page.faults == []
        assert "<script>alert" not in page.source


async def test_sample_history_is_labelled_wherever_it_shows(app: FastAPI, here: Scene, read: Read) -> None:
    app.state.ports = replace(here.ports, seeded=True)
    paths = ("/", "/services/payments", "/status")
    seen = {path: (await read(path)).words for path in paths}
    assert [path for path, words in seen.items() if "includes sample history" not in words] == []
