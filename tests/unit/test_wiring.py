"""Who may enter by the settings, and what becomes of a portal that ends."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sre_portal.clients import outside
from sre_portal.core.access_document import Access, AccessSpec
from sre_portal.core.document import Metadata
from sre_portal.settings import Settings
from sre_portal.wiring import Outside, opened, policy_of, read_documents
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
    monkeypatch.setattr(outside, "LAST_SECONDS", 0.05)
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


@pytest.mark.parametrize(
    ("told", "provider", "let_in"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"host": "0.0.0.0", "plain_http": True}, False, False),  # noqa: S104
        ({"login_links": "off"}, False, False),
        ({"login_links": "on"}, True, True),
    ],
)
def test_login_links_are_off_where_there_is_a_provider_or_more_than_loopback(
    told: dict[str, object], provider: bool, let_in: bool
) -> None:
    github = {"type": "github", "name": "github", "clientId": "x", "clientSecretFile": "/run/secrets/github"}
    access = Access.model_validate(
        {
            "apiVersion": "sre-portal.dev/v1",
            "kind": "Access",
            "metadata": {"name": "a"},
            "spec": {"providers": [github] if provider else []},
        }
    )
    around = Outside("http://127.0.0.1:8321")
    assert policy_of(Settings.model_validate(told), access, around).links is let_in


def test_so_long_rules_count_for_own_tokens_as_the_settings_say() -> None:
    access = Access(metadata=Metadata(name="none"), spec=AccessSpec())
    around = Outside("http://127.0.0.1:8321")
    for told, span in (({}, timedelta(days=7)), ({"token_trust_days": 30}, timedelta(days=30))):
        assert policy_of(Settings.model_validate(told), access, around).token_trust == span


def test_a_portal_that_calls_nobody_does_not_load_what_speaks_with_providers() -> None:
    source = (
        "import sys\nimport sre_portal.main\n"
        "print([one for one in ('authlib', 'joserfc', 'httpx2', 'httpcore2') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", source], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
