"""What becomes of a portal that ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sre_portal import wiring
from sre_portal.settings import Settings
from sre_portal.wiring import opened, read_documents
from tests.providers.served import served


def settings_with(url: str, folder: Path) -> Settings:
    return Settings(data_dir=folder, notice_urls=(SecretStr(f"{url}/hook"),), outward_allow="127.0.0.0/8")


async def test_a_notice_of_the_last_moment_is_still_delivered(tmp_path: Path) -> None:
    told: list[bytes] = []

    async def take(request: Request) -> Response:
        told.append(await request.body())
        return Response()

    async with served(Starlette(routes=[Route("/hook", take, methods=["POST"])])) as url:
        settings = settings_with(url, tmp_path)
        async with opened(settings, read_documents(settings), url) as ports:
            await ports.notices.send("ada broke the glass")
    assert len(told) == 1
    assert b"ada broke the glass" in told[0]


async def test_a_receiver_that_never_answers_does_not_keep_a_portal_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wiring, "LAST_SECONDS", 0.05)
    called = asyncio.Event()

    async def keep(_: Request) -> Response:
        called.set()
        await asyncio.Event().wait()
        return Response()

    async with served(Starlette(routes=[Route("/hook", keep, methods=["POST"])])) as url:
        settings = settings_with(url, tmp_path)
        async with asyncio.timeout(30), opened(settings, read_documents(settings), url) as ports:
            await ports.notices.send("nobody listens")
            await called.wait()
    assert "before its notices are delivered" in "".join(capsys.readouterr())
