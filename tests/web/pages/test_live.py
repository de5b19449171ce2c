from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from fastapi import FastAPI
from starlette.requests import Request

from sre_portal.core.access import Principal, Role, everywhere
from sre_portal.core.errors import StoreUnavailable
from sre_portal.core.ports import SessionSecrets
from sre_portal.core.run import Phase, Verdict
from sre_portal.operations.sessions import digest_of
from sre_portal.web import live
from sre_portal.web.app import build_app
from sre_portal.web.live import BACKLOG, Drawing, Topic
from tests.web.pages.scene import OMAR, VERA, Scene


@dataclass
class Told:
    """One event of a stream."""

    kind: str
    at: str = ""
    fragments: dict[str, str] = field(default_factory=dict)


def parsed(chunk: bytes) -> Told:
    lines = dict(line.split(": ", 1) for line in chunk.decode().splitlines() if ": " in line)
    body = json.loads(lines.get("data", "{}"))
    return Told(lines.get("event", "message"), body.get("at", ""), body.get("fragments", {}))


def request(app: FastAPI, here: Scene, path: str, who: Principal = OMAR, **params: str) -> Request:
    """A request of somebody who is logged in, whose connection stays open."""
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [],
        "path_params": params,
        "app": app,
        "principal": who,
        "session": here.session_store.held[digest_of(here.sessions[who.name])],
    }

    async def silence() -> dict[str, str]:
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return Request(scope, silence)


async def stream_of(response: object) -> AsyncIterator[bytes]:
    iterator = response.body_iterator  # type: ignore[attr-defined]
    async for chunk in iterator:
        yield chunk


async def take(stream: AsyncIterator[bytes], count: int) -> list[Told]:
    """The next events, the line with the retry left out."""
    found: list[Told] = []
    while len(found) < count:
        chunk = await anext(stream)
        if not chunk.startswith(b"retry"):
            found.append(parsed(chunk))
    return found


@pytest.fixture
def app(here: Scene) -> FastAPI:
    return build_app(here.ports)


async def test_the_first_event_brings_everything_and_the_next_only_what_changed(
    app: FastAPI, here: Scene
) -> None:
    stream = stream_of(await live.overview(request(app, here, "/live/overview")))
    first = (await take(stream, 1))[0]
    assert {
        "harm-now",
        "stop-button",
        "stop-all-facts",
        "banner",
        "summary",
        "rows",
        "firing",
    } <= first.fragments.keys()
    assert first.at == "2026-11-23T12:08:02.500Z"
    here.desk.withdraw_all()
    here.ports.pulse.beat()
    second = (await take(stream, 1))[0]
    assert "harm-now" in second.fragments
    assert "rows" not in second.fragments or "service-payments" in second.fragments["rows"]
    assert "firing" not in second.fragments


async def test_fragments_hold_no_form_and_no_name(app: FastAPI, here: Scene) -> None:
    for response in (
        await live.overview(request(app, here, "/live/overview")),
        await live.service(request(app, here, "/live/services/payments", name="payments")),
        await live.run(request(app, here, "/live/runs/2417", id="2417")),
    ):
        told = (await take(stream_of(response), 1))[0]
        for html in told.fragments.values():
            assert "csrf" not in html
            assert "<form" not in html


async def test_a_fragment_is_an_element_that_has_its_id(app: FastAPI, here: Scene) -> None:
    response = await live.run(request(app, here, "/live/runs/2417", id="2417"))
    told = (await take(stream_of(response), 1))[0]
    for name, html in told.fragments.items():
        assert html.startswith("<")
        assert f'id="{name}"' in html.split(">", 1)[0]


async def test_everybody_with_the_same_role_reads_the_same_bytes(app: FastAPI, here: Scene) -> None:
    streams = [stream_of(await live.overview(request(app, here, "/live/overview"))) for _ in range(3)]
    firsts = [await take(stream, 1) for stream in streams]
    here.ports.pulse.beat()
    assert firsts[0] == firsts[1] == firsts[2]
    assert len(app.state.live_topics) == 1


async def test_a_viewer_reads_a_drawing_of_their_own(app: FastAPI, here: Scene) -> None:
    mine = stream_of(await live.overview(request(app, here, "/live/overview")))
    theirs = stream_of(await live.overview(request(app, here, "/live/overview", VERA)))
    (one,), (other,) = await take(mine, 1), await take(theirs, 1)
    assert 'aria-disabled="true"' not in one.fragments["stop-button"]
    assert 'aria-disabled="true"' in other.fragments["stop-button"]


async def test_without_a_change_an_event_still_says_that_the_numbers_are_of_now(
    app: FastAPI, here: Scene
) -> None:
    stream = stream_of(await live.overview(request(app, here, "/live/overview")))
    await take(stream, 1)
    here.clock.move(0.1)
    here.ports.pulse.beat()
    told = (await take(stream, 1))[0]
    assert told.at == "2026-11-23T12:08:02.600Z"


async def test_the_stream_of_a_run_ends_with_its_verdict(app: FastAPI, here: Scene) -> None:
    stream = stream_of(await live.run(request(app, here, "/live/runs/2417", id="2417")))
    await take(stream, 1)
    done = {"phase": Phase.DONE, "verdict": Verdict.PASSED, "ended_at": here.clock.now()}
    here.put_live(here.live().model_copy(update=done))
    here.ports.pulse.beat()
    last, over = await take(stream, 2)
    assert "Passed" in last.fragments["verdict"]
    assert over.kind == "over"
    assert [chunk async for chunk in stream] == []


async def test_the_stream_ends_when_the_session_does(app: FastAPI, here: Scene) -> None:
    stream = stream_of(await live.run(request(app, here, "/live/runs/2417", id="2417")))
    await take(stream, 1)
    await here.session_store.end(list(here.session_store.held.values()))
    kinds = []
    async for chunk in stream:
        kinds.append(parsed(chunk).kind)
        here.ports.pulse.beat()
    assert kinds[-1] == "ended"


async def test_the_stream_ends_when_the_session_is_too_old(app: FastAPI, here: Scene) -> None:
    stream = stream_of(await live.run(request(app, here, "/live/runs/2417", id="2417")))
    await take(stream, 1)
    here.clock.instant += timedelta(hours=13)
    here.ports.access.beat()
    assert [parsed(chunk).kind async for chunk in stream][-1] == "ended"


async def test_the_stream_ends_when_the_account_may_not_read_any_more(app: FastAPI, here: Scene) -> None:
    stream = stream_of(await live.run(request(app, here, "/live/runs/2417", id="2417")))
    await take(stream, 1)
    session = here.session_store.held[digest_of(here.sessions[OMAR.name])]
    await here.session_store.add(
        replace(session, account=replace(session.account, grants=())), SessionSecrets()
    )
    here.ports.access.beat()
    assert [parsed(chunk).kind async for chunk in stream][-1] == "ended"


async def test_a_page_comes_back_when_the_person_may_something_else(app: FastAPI, here: Scene) -> None:
    stream = stream_of(await live.run(request(app, here, "/live/runs/2417", id="2417")))
    await take(stream, 1)
    session = here.session_store.held[digest_of(here.sessions[OMAR.name])]
    promoted = replace(session.account, grants=everywhere(Role.ADMIN))
    await here.session_store.add(replace(session, account=promoted), SessionSecrets())
    here.ports.access.beat()
    assert "ended" not in [parsed(chunk).kind async for chunk in stream]


async def test_the_stream_does_not_hold_up_a_portal_that_stops(app: FastAPI, here: Scene) -> None:
    stream = stream_of(await live.overview(request(app, here, "/live/overview")))
    await take(stream, 1)
    app.state.closing.set()
    here.ports.pulse.beat()
    assert [parsed(chunk).kind async for chunk in stream] in ([], ["message"])


async def test_a_reader_that_is_too_slow_is_let_go(here: Scene) -> None:
    drawn = 0

    async def draw() -> Drawing:
        nonlocal drawn
        drawn += 1
        return Drawing({"count": f'<b id="count">{drawn}</b>'})

    topic = Topic(here.ports, asyncio.Event(), draw, 0)
    slow = topic.join()
    while slow in topic.readers:
        here.ports.pulse.beat()
        await asyncio.sleep(0)
    assert drawn > BACKLOG
    assert await slow.get() is None


async def test_a_topic_rests_when_nobody_looks(here: Scene) -> None:
    drawn = asyncio.Event()

    async def draw() -> Drawing:
        drawn.set()
        return Drawing({})

    topic = Topic(here.ports, asyncio.Event(), draw, 0)
    queue = topic.join()
    await drawn.wait()
    topic.leave(queue)
    here.ports.pulse.beat()
    assert topic.task is not None
    await topic.task
    assert topic.latest is None


async def test_a_store_that_does_not_answer_sends_nothing_and_the_topic_goes_on(here: Scene) -> None:
    tries = 0

    async def draw() -> Drawing:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise StoreUnavailable("away")
        return Drawing({"tries": f'<b id="tries">{tries}</b>'})

    topic = Topic(here.ports, asyncio.Event(), draw, 0)
    queue = topic.join()
    while queue.empty():
        here.ports.pulse.beat()
        await asyncio.sleep(0)
    told = await queue.get()
    assert told is not None
    assert parsed(told).fragments == {"tries": '<b id="tries">2</b>'}


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        (Drawing({"a": "1"}), Drawing({"a": "1"}), {}),
        (Drawing({"a": "1"}), Drawing({"a": "2"}), {"a": "2"}),
        (Drawing({}, {"x": "1", "y": "2"}), Drawing({}, {"x": "1", "y": "3"}), {"y": "3"}),
        (
            Drawing({}, {"x": "1", "y": "2"}),
            Drawing({}, {"y": "2", "x": "1"}),
            {"rows": '<tbody id="rows">21</tbody>'},
        ),
        (Drawing({}, {"x": "1"}), Drawing({}, {}), {"rows": '<tbody id="rows"></tbody>'}),
    ],
)
def test_rows_go_alone_while_their_order_stays(
    before: Drawing, after: Drawing, changed: dict[str, str]
) -> None:
    assert after.since(before) == changed
