"""Which package may import what from outside. Layers inside the package are import-linter's."""

import ast
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.rules.repository import texts

# A guest in somebody else's process, and what both planes agree on: nothing to install.
STDLIB_ONLY = ("agent", "contract")
EXTRA = "src/sre_portal/agent/flags"
EXTRA_MAY_INSTALL = {"openfeature"}

# core judges: no I/O, no clock, no randomness.
CORE_MAY_INSTALL = {
    "pydantic", "pydantic_core", "yaml",
    "cryptography",  # signatures are computed, not drawn
    "mmh3", "cbor2",  # hashes and encodings, too
}  # fmt: skip
CORE_MAY_NOT = {
    "asyncio", "http", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "shutil", "signal",
    "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "urllib.request", "uuid",
}  # fmt: skip


def imported(text: str) -> set[str]:
    """Every module a source imports, with full dotted names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(module=str(module), names=names):
                found |= {module} | {f"{module}.{alias.name}" for alias in names}
            case _:
                pass
    return found


def foreign(files: Mapping[Path, str], allowed: set[str], banned: set[str]) -> list[str]:
    """Imports that are banned, or neither standard library, nor this package, nor allowed."""

    def wrong(module: str) -> bool:
        top = module.partition(".")[0]
        known = top in sys.stdlib_module_names or top in allowed or top == "sre_portal"
        return not known or any(module == name or module.startswith(f"{name}.") for name in banned)

    return sorted(
        f"{path}: {module}" for path, text in files.items() for module in imported(text) if wrong(module)
    )


def package(name: str) -> dict[Path, str]:
    found = texts(".py", under=f"src/sre_portal/{name}")
    assert found, f"no module in {name}"
    return found


@pytest.mark.parametrize("name", STDLIB_ONLY)
def test_the_base_install_needs_nothing(name: str) -> None:
    files = {path: text for path, text in package(name).items() if not path.is_relative_to(EXTRA)}
    assert foreign(files, allowed=set(), banned={"sre_portal.core", "sre_portal.agent.flags"}) == []


def test_the_extra_of_the_agent_needs_openfeature_and_the_evaluator() -> None:
    assert foreign(package("agent/flags"), allowed=EXTRA_MAY_INSTALL, banned={"pydantic"}) == []


def test_what_a_service_imports_of_the_agent_and_of_its_extra() -> None:
    def loaded(module: str) -> set[str]:
        told = f"import {module}, sys; print(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True)
        return set(done.stdout.split())

    heavy = {"openfeature", "mmh3", "cbor2", "pydantic", "sre_portal.core", "starlette"}
    assert loaded("sre_portal.agent") & heavy == set()
    assert loaded("sre_portal.agent.flags") & heavy == heavy - {"pydantic", "starlette"}


def test_core_does_no_io_and_reads_no_clock() -> None:
    assert foreign(package("core"), allowed=CORE_MAY_INSTALL, banned=CORE_MAY_NOT) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import httpx2", ["a.py: httpx2"]),
        ("def late():\n    from yaml import load", ["a.py: yaml", "a.py: yaml.load"]),
        ("import random", ["a.py: random"]),
        ("from random import choice", ["a.py: random", "a.py: random.choice"]),
        ("import json\nfrom datetime import datetime\nimport sre_portal.contract.fault", []),
    ],
)
def test_a_foreign_import_is_found(source: str, found: list[str]) -> None:
    assert foreign({Path("a.py"): source}, allowed=set(), banned={"random"}) == found
