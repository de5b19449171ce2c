"""The locks are complete, agree with each other and with pyproject.toml, and name no address."""

import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.rules.repository import ROOT

PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(.*)$")


def pins(lock: str) -> dict[str, str]:
    return {found[1]: found[2] for line in lock.splitlines() if (found := PIN.match(line))}


def without_hash(lock: str) -> list[str]:
    blocks = re.split(r"\n(?=[A-Za-z0-9])", lock)
    return [
        block.split()[0]
        for block in blocks
        if PIN.match(block.splitlines()[0]) and "--hash=sha256:" not in block
    ]


def names(requirements: Iterable[object]) -> set[str]:
    """Normalised names of the requirements, groups and the package itself left out."""
    found = {re.split(r"[^A-Za-z0-9._-]", text)[0] for text in requirements if isinstance(text, str)}
    return {re.sub(r"[-_.]+", "-", name).lower() for name in found} - {"sre-portal"}


def read(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", ["run", "dev", "bench", "node"])
def test_every_pin_has_a_hash_and_no_address(name: str) -> None:
    lock = read(name)
    assert pins(lock)
    assert without_hash(lock) == []
    assert not re.search(r"https?://|file:|--index-url|--find-links|(?<![\w-])/\w", lock)


def test_the_dev_lock_contains_the_run_lock() -> None:
    assert pins(read("run")).items() <= pins(read("dev")).items()


def test_the_locks_hold_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras, groups = project["project"]["optional-dependencies"], project["dependency-groups"]
    assert names(extras["portal"] + extras["cli"] + groups["build"]) <= pins(read("run")).keys()
    assert names(groups["dev"]) <= pins(read("dev")).keys()
    assert names(groups["bench"]) <= pins(read("bench")).keys()
    assert names(groups["node"]) <= pins(read("node")).keys()


def test_the_base_install_has_no_dependency() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"] == []


def test_the_npm_lock_has_no_address_and_matches_package_json() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    wanted = json.loads((ROOT / "package.json").read_text())
    packages = {path: package for path, package in lock["packages"].items() if path}
    assert [
        path for path, package in packages.items() if "resolved" in package or "integrity" not in package
    ] == []
    for part in ("dependencies", "devDependencies"):
        assert lock["packages"][""][part] == wanted[part]


def test_a_pin_without_a_hash_is_found() -> None:
    lock = f"# {Path('x')}\na==1 \\\n    --hash=sha256:00\n    # via b\nb==2\n    # via c\n"
    assert pins(lock) == {"a": "1", "b": "2"}
    assert without_hash(lock) == ["b==2"]


def test_whoever_installs_asks_for_the_hashes_and_runs_no_script_of_npm_packages() -> None:
    scripts = [path.read_text(encoding="utf-8") for path in (ROOT / "scripts").iterdir() if path.is_file()]
    lines = [line.strip() for text in scripts for line in text.splitlines()]
    npm = [line for line in lines if re.search(r"\bnpm (ci|install)\b", line) and not line.startswith("#")]
    pip = [line for line in lines if "pip install" in line and not line.startswith("#")]
    assert npm
    assert [line for line in npm if "--ignore-scripts" not in line] == []
    assert pip
    assert [line for line in pip if not {"--require-hashes", "--no-index"} & set(line.split())] == []
