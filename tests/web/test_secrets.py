"""A real portal with a secret in every setting that takes one: none of them is told anywhere."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from sre_portal.core.errors import InvalidInput
from sre_portal.settings import Settings

ADMIN = "admin-canary-6f1c0b9a7d3e"
AGENT = "agent-canary-0d9b7a5c3e1f"
KEY = base64.b64encode(b"key-canary-key-canary-key-canary").decode()
PASSWORD = "password-canary-7e5d3c1b"
GUESS = "guess-canary-2b4d6f8a"
SECRET_SETTINGS = {
    "SRE_PORTAL_ADMIN_TOKEN": ADMIN,
    "SRE_PORTAL_AGENT_TOKENS": f"shop={AGENT}",
    "SRE_PORTAL_SECRET_KEY": KEY,
}
TOLD_TO_NOBODY = (ADMIN, AGENT, KEY, PASSWORD, GUESS)


@dataclass
class Running:
    """A portal in a process of its own, and all that it said."""

    process: subprocess.Popen[bytes]
    folder: Path
    url: str
    link: str
    seen: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, **options: object) -> httpx2.Response:
        with httpx2.Client(base_url=self.url, trust_env=False, timeout=30) as client:
            answer = client.request(method, path, **options)  # type: ignore[arg-type]
        self.seen += [answer.text, str(answer.headers)]
        return answer

    def logs(self) -> str:
        return (self.folder / "err").read_text() + (self.folder / "out").read_text()


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Running]:
    ready = tmp_path / "ready"
    environment = {
        **os.environ,
        **SECRET_SETTINGS,
        "SRE_PORTAL_READY_FILE": str(ready),
        "SRE_PORTAL_LOG_LEVEL": "debug",
    }
    command = [
        sys.executable,
        "-m",
        "sre_portal.cli.app",
        "serve",
        "--port",
        "0",
        "--data-dir",
        str(tmp_path / "data"),
    ]
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=err)
    try:
        while not ready.exists():
            assert process.poll() is None, (tmp_path / "err").read_text()
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.1)
        told = json.loads(ready.read_text())
        yield Running(process, tmp_path, told["portal"], told["login"])
    finally:
        process.terminate()
        process.wait(30)


def test_no_secret_is_told_anywhere(portal: Running) -> None:
    bearer = {"authorization": f"Bearer {ADMIN}"}
    link = portal.link.rpartition("=")[2]
    login = portal.ask("GET", f"/login?token={link}")
    session = re.search(r"sre_portal_session=([^;]+)", login.headers["set-cookie"])
    assert session is not None
    portal.seen.clear()  # the one answer that has to tell the session's secret
    for accept in ("application/json", "text/html"):
        told = {"accept": accept}
        portal.ask("GET", f"/login?token={link}", headers=told)
        portal.ask("GET", f"/login?token={GUESS}", headers=told)
        portal.ask("GET", "/", headers={**told, "cookie": f"sre_portal_session={session[1]}"})
        portal.ask("GET", "/", headers={**told, "cookie": f"sre_portal_session={GUESS}"})
        for path in (
            "/metrics",
            "/api/v1/runs",
            "/api/v1/audit",
            "/api/v1/openapi.json",
            "/nowhere",
            "/agents/v1/plan",
        ):
            portal.ask("GET", path, headers={**told, **bearer})
            portal.ask("GET", path, headers={**told, "authorization": f"Bearer {GUESS}"})
    portal.ask("POST", "/api/v1/runs", headers=bearer, json={"document": "a: ["})
    portal.ask("POST", "/agents/v1/reports", headers={"authorization": f"Bearer {AGENT}"}, content=b"{")
    arguments = Path(f"/proc/{portal.process.pid}/cmdline").read_text()
    everything = "\n".join([*portal.seen, portal.logs(), arguments])
    for secret in (*TOLD_TO_NOBODY, link, session[1]):
        assert secret not in everything


def test_the_database_and_its_folder_hold_no_secret_that_opens_something(portal: Running) -> None:
    link = portal.link.rpartition("=")[2]
    portal.ask("GET", f"/login?token={link}")
    portal.process.terminate()
    portal.process.wait(30)
    held = b"".join(one.read_bytes() for one in (portal.folder / "data").iterdir() if one.is_file())
    for secret in (ADMIN, AGENT, link):
        assert secret.encode() not in held


def test_settings_do_not_show_their_secrets() -> None:
    told = {**SECRET_SETTINGS, "SRE_PORTAL_DATABASE_URL": f"postgresql://portal:{PASSWORD}@db/portal"}
    settings = Settings.parse(told)
    for shown in (repr(settings), str(settings), settings.model_dump_json(), f"{settings.model_dump()}"):
        assert not [secret for secret in TOLD_TO_NOBODY if secret in shown]


@pytest.mark.parametrize(
    "told",
    [
        {"SRE_PORTAL_ADMIN_TOKEN": "canary"},
        {"SRE_PORTAL_AGENT_TOKENS": "canary"},
        {"SRE_PORTAL_AGENT_TOKENS": "shop=canary"},
        {"SRE_PORTAL_SECRET_KEY": "canary"},
        {"SRE_PORTAL_NOTICE_URLS": "hooks.example/canary"},
        {"SRE_PORTAL_DATABASE_URL": "mysql://portal:canary@db/portal"},
    ],
)
def test_a_setting_that_is_refused_is_not_repeated(told: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        Settings.parse(told)
    assert "canary" not in str(refused.value)


def test_a_database_that_cannot_be_reached_is_told_without_its_password(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "SRE_PORTAL_SECRET_KEY": KEY,
        "SRE_PORTAL_DATABASE_URL": f"postgresql://portal:{PASSWORD}@127.0.0.1:9/portal",
    }
    command = [sys.executable, "-m", "sre_portal.cli.app", "serve", "--port", "0"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert PASSWORD not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
