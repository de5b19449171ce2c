"""Notices reach the addresses of the settings, and a receiver that is down holds nobody up."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sre_portal.clients import notice
from sre_portal.clients.notice import Webhooks, plain
from sre_portal.clients.outward import Outward
from sre_portal.core.outward import parse_allowed
from tests.providers.served import served

ROOT = "ab" * 32


@dataclass
class Receiver:
    """A chat service. It refuses the first `refuses` calls."""

    refuses: int = 0
    told: list[Mapping[str, object]] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    calls: int = 0

    async def take(self, request: Request) -> Response:
        self.calls += 1
        if self.calls <= self.refuses:
            return Response(status_code=503)
        self.told.append(json.loads(await request.body()))
        self.called.set()
        return Response(status_code=200)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/hook", self.take, methods=["POST"])])


async def test_a_notice_holds_its_text_and_a_witness_of_the_audit_log(outward: Outward) -> None:
    receiver = Receiver()
    async with served(receiver.app()) as url:
        await Webhooks([f"{url}/hook"], outward, lambda: (17, ROOT), "production").send("ada broke the glass")
        await asyncio.wait_for(receiver.called.wait(), 10)
    (told,) = receiver.told
    assert told["text"] == f"[production] ada broke the glass (audit log: 17 entries, root {ROOT[:16]})"
    assert told["audit"] == {"size": 17, "root": ROOT}


async def test_a_receiver_that_comes_back_is_told(outward: Outward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice, "PAUSE_SECONDS", 0.01)
    receiver = Receiver(refuses=2)
    async with served(receiver.app()) as url:
        await Webhooks([f"{url}/hook"], outward, lambda: (1, ROOT), "test").send("again")
        await asyncio.wait_for(receiver.called.wait(), 10)
    assert receiver.calls == 3


async def test_an_inner_address_that_is_not_allowed_is_never_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(notice, "TRIES", 1)
    receiver = Receiver()
    async with served(receiver.app()) as url, Outward(parse_allowed("")) as strict:
        hooks = Webhooks([f"{url}/hook"], strict, lambda: (1, ROOT), "test")
        await hooks.send("secret")
        await hooks.settled()
    assert receiver.calls == 0
    assert "/hook" not in capsys.readouterr().err


async def test_nobody_is_told_where_no_address_is_set(outward: Outward) -> None:
    hooks = Webhooks([], outward, lambda: (1, ROOT), "test")
    await hooks.send("nothing")
    await hooks.settled()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<!channel> & co", "&lt;!channel&gt; &amp; co"),
        ("see <https://evil.example|the runbook>", "see &lt;https://evil.example|the runbook&gt;"),
        ("[the runbook](https://evil.example)", "[the runbook] (https://evil.example)"),
        ("@here and (@all)", "\uff20here and (\uff20all)"),
        ("ada@example.com", "ada@example.com"),
        ("one\ntwo\u202ethree\x1b[31m", "one two three [31m"),
    ],
)
def test_a_name_or_a_reason_pings_nobody_and_disguises_no_link(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text())
def test_no_text_has_markup_left(text: str) -> None:
    told = plain(text)
    assert told.isprintable()
    assert not {"<", ">"} & set(told)
    assert "](" not in told


async def test_what_is_sent_is_plain(outward: Outward) -> None:
    receiver = Receiver()
    async with served(receiver.app()) as url:
        await Webhooks([f"{url}/hook"], outward, lambda: (1, ROOT), "test").send(
            "<!channel> broke\nthe glass"
        )
        await asyncio.wait_for(receiver.called.wait(), 10)
    assert str(receiver.told[0]["text"]).startswith("[test] &lt;!channel&gt; broke the glass (audit log")
