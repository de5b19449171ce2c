"""The help: complete, and quick because nothing is imported that it does not need."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from sre_portal import __version__
from sre_portal.cli.app import app
from sre_portal.cli.exits import CODE_OF_VERDICT, MEANING, Code
from tests.cli.conftest import Invoke

HEAVY = ("fastapi", "starlette", "sqlalchemy", "uvicorn", "jinja2", "sre_portal.web", "sre_portal.store")
"""The portal's own stack: a command that asks a portal over HTTP needs none of it."""

NOT_FOR_HELP = (*HEAVY, "httpx2", "pydantic", "asyncio", "yaml")


def commands(group: typer.Typer = app, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for command in group.registered_commands:
        yield (*path, str(command.name))
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            yield from commands(inner.typer_instance, (*path, str(inner.name)))


def imported_by(*arguments: str) -> set[str]:
    """The modules a command imports, each with its parents."""
    source = (
        "import sys\n"
        "from sre_portal.cli.app import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", source, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_every_command_is_there() -> None:
    assert {" ".join(path) for path in commands()} == {
        "demo",
        "serve",
        "stop-all",
        "experiment run",
        "experiment lint",
        "experiment list",
        "run list",
        "run show",
        "run abort",
        "flags list",
        "flags toggle",
        "flags export",
        "flags diff",
        "flags import",
        "flags moves",
        "flags share",
        "flags lint",
        "flags stale",
        "flags turns",
        "flags seen",
        "flags plans",
        "flags plan",
        "flags approve",
        "flags refuse",
        "flags cancel",
        "flags environments",
        "flags compare",
        "flags copy",
        "flags drill",
        "flags drills",
        "flags certificate",
        "flags verify",
        "audit verify",
        "audit export",
        "audit prove",
        "audit checkpoint",
        "audit key",
        "access explain",
        "access check",
        "access who",
        "access grant",
        "access withdraw",
        "access block",
        "access unblock",
        "access sign-out",
        "token issue",
        "token list",
        "token rotate",
        "token revoke",
        "config check",
    }


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_has_help_for_itself_and_each_option(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    rows = [line for line in result.stdout.splitlines() if line.startswith("│")]
    assert rows
    assert all(any(word.islower() and len(word) > 2 for word in row.split()) for row in rows)


def test_the_exit_codes_are_in_the_help() -> None:
    for path in ([], ["experiment", "run"]):
        out = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"}).stdout
        for code, meaning in MEANING.items():
            assert f"{code.value}: {meaning}" in out


def test_every_exit_code_has_a_meaning_and_every_verdict_a_code() -> None:
    assert set(MEANING) == set(Code)
    assert set(CODE_OF_VERDICT) == {"passed", "failed", "inconclusive", "invalid", "aborted"}


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"sre-portal {__version__}\n"


def test_the_help_imports_neither_the_portal_nor_a_client() -> None:
    assert not imported_by("--help") & set(NOT_FOR_HELP)


def test_a_command_that_asks_the_portal_does_not_import_the_portal(invoke: Invoke) -> None:
    source = (
        "import sys\n"
        "from sre_portal.cli.app import app\n"
        "try:\n"
        "    app(['run', 'show', '7', '--portal', 'http://127.0.0.1:1'])\n"
        "except SystemExit as left:\n"
        "    assert left.code == 5\n"
        "print('\\n'.join(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & set(HEAVY)
