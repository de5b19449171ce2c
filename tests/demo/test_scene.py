"""What the four programs are told, and what the demo says."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from sre_portal.demo.address import Address
from sre_portal.demo.console import Console, Ready
from sre_portal.demo.kept import Ended, Line
from sre_portal.demo.program import Program
from sre_portal.demo.scene import Links, Scene, programs

READY = Ready("http://p:1", "http://p:1/login?token=once", "secret-of-admin", "http://s:2", "http://q:3")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(
        portal=Address("127.0.0.1", 1),
        shop=Address("127.0.0.1", 2),
        payments=Address("127.0.0.1", 3),
        rate=40.0,
        seed_history=True,
        data_dir=tmp_path,
        token="secret-of-admin",
        agent_tokens={"shop": "secret-of-shop", "payments": "secret-of-payments"},
    )


def by_name(scene: Scene, environment: dict[str, str] | None = None) -> dict[str, Program]:
    return {program.name: program for program in programs(scene, environment or {})}


def test_the_portal_stops_last_and_the_traffic_first(scene: Scene) -> None:
    assert list(by_name(scene)) == ["portal", "payments", "shop", "traffic"]


def test_no_secret_is_an_argument(scene: Scene) -> None:
    arguments = [argument for program in programs(scene, {}) for argument in program.argv]
    assert not any("secret-of" in argument for argument in arguments)


def test_each_program_gets_its_own_secrets_and_no_others(scene: Scene) -> None:
    secrets = {
        name: sorted(value for value in program.environment.values() if "secret-of" in value)
        for name, program in by_name(scene).items()
    }
    assert secrets == {
        "portal": ["secret-of-admin", "shop=secret-of-shop,payments=secret-of-payments"],
        "payments": ["secret-of-payments"],
        "shop": ["secret-of-shop"],
        "traffic": [],
    }


def test_settings_of_another_portal_in_this_shell_do_not_reach_the_demo(scene: Scene) -> None:
    shell = {
        "SRE_PORTAL_DATABASE_URL": "postgresql://production",
        "SRE_PORTAL_URL": "https://portal",
        "PATH": "/bin",
    }
    for program in programs(scene, shell):
        assert program.environment["PATH"] == "/bin"
        assert not {"SRE_PORTAL_DATABASE_URL", "SRE_PORTAL_URL"} & set(program.environment)


def test_the_history_is_seeded_only_when_asked_for(scene: Scene) -> None:
    assert "--seed-history" in by_name(scene)["portal"].argv


async def test_the_portal_answers_once_it_has_told_its_links_and_they_do_not_stay_on_disk(
    tmp_path: Path,
) -> None:
    links = Links(tmp_path / "ready.json")
    assert not await links.arrived()
    for unusable in ("", "[]", "{", '{"portal": "http://p:1"}'):
        links.path.write_text(unusable)
        assert not await links.arrived()
    links.path.write_text('{"portal": "http://p:1", "login": "http://p:1/login?token=once"}')
    assert await links.arrived()
    assert (links.portal, links.login) == ("http://p:1", "http://p:1/login?token=once")
    assert not links.path.exists()


def test_with_json_the_first_line_is_all_there_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(as_json=True)
    console.event(Ended("shop", 7, -9, 1, 0.2))
    console.ready(READY, Path("/data"))
    console.say("Stopping.")
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "portal": "http://p:1",
        "login": "http://p:1/login?token=once",
        "token": "secret-of-admin",
        "shop": "http://s:2",
        "payments": "http://q:3",
    }
    assert out.count("\n") == 1
    assert err.splitlines() == ["shop (pid 7) was ended by SIGKILL, restart 1 in 0.2 s", "Stopping."]


def test_the_text_names_everything_somebody_needs(capsys: pytest.CaptureFixture[str]) -> None:
    Console().ready(READY, Path("/data"))
    out = capsys.readouterr().out
    for needed in (
        "http://p:1/login?token=once",
        "secret-of-admin",
        "http://s:2",
        "http://q:3",
        "/data",
        "Ctrl-C",
    ):
        assert needed in out


def test_the_programs_are_quiet_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    Console().event(Line("shop", "hello"))
    assert capsys.readouterr().out == ""
    Console(verbose=True).event(Line("shop", "hello"))
    assert capsys.readouterr().out == "shop     | hello\n"


def test_a_reader_that_has_gone_does_not_end_the_demo(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Gone(io.StringIO):
        def __init__(self, fd: int) -> None:
            super().__init__()
            self.fd = fd

        def write(self, text: str) -> int:
            raise BrokenPipeError

        def fileno(self) -> int:
            return self.fd

    with (tmp_path / "out").open("w") as file:
        monkeypatch.setattr("sys.stdout", Gone(file.fileno()))
        Console().say("Stopping.")


def test_a_demo_off_loopback_says_on_purpose_that_cookies_travel_unprotected(scene: Scene) -> None:
    """And everybody else's portal does not: `sre-portal serve` refuses it."""
    here = by_name(scene)["portal"].environment
    far = by_name(replace(scene, portal=Address("0.0.0.0", 1)))["portal"].environment  # noqa: S104
    assert "SRE_PORTAL_PLAIN_HTTP" not in here
    assert far["SRE_PORTAL_PLAIN_HTTP"] == "true"
    assert here["SRE_PORTAL_LOGIN_LINKS"] == far["SRE_PORTAL_LOGIN_LINKS"] == "on"
