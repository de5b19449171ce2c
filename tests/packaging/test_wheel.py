"""The wheel brings everything that a running portal reads, so installing it needs no Node."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.rules.repository import ROOT, tracked

PACKAGE = "src/sre_portal"
DIST = "sre_portal/web/static/dist"


def build(folder: Path, into: Path, path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
    )


def copy_of_the_repository(folder: Path) -> Path:
    for path in tracked():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
    return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    done = build(ROOT, folder, os.environ["PATH"])
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    sources = {path.relative_to("src").as_posix() for path in tracked() if path.is_relative_to(PACKAGE)}
    assert sources - set(wheel.namelist()) == set()


def test_the_wheel_holds_the_built_script_and_style(wheel: zipfile.ZipFile) -> None:
    manifest = json.loads(wheel.read(f"{DIST}/manifest.json"))
    assert {"app.js", "app.css"} <= manifest.keys()
    for name in manifest.values():
        assert wheel.getinfo(f"{DIST}/{name}").file_size > 0


def test_the_wheel_holds_the_licence_of_everything_bundled(wheel: zipfile.ZipFile) -> None:
    licences = wheel.read(f"{DIST}/third-party.txt").decode()
    bundled = json.loads((ROOT / "package.json").read_text())["dependencies"]
    assert [name for name, version in bundled.items() if f"{name} {version} (" not in licences] == []


def test_the_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {Path(name).parts[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"sre_portal"}


def test_the_wheel_starts_the_command_and_needs_nothing_by_itself(wheel: zipfile.ZipFile) -> None:
    (info,) = {Path(name).parts[0] for name in wheel.namelist() if ".dist-info/" in name}
    assert "sre-portal = sre_portal.cli.entry:main" in wheel.read(f"{info}/entry_points.txt").decode()
    metadata = wheel.read(f"{info}/METADATA").decode()
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:")]
    assert [line for line in required if "extra ==" not in line] == []


def test_a_service_that_evaluates_flags_needs_three_packages_more(wheel: zipfile.ZipFile) -> None:
    (info,) = {Path(name).parts[0] for name in wheel.namelist() if ".dist-info/" in name}
    metadata = wheel.read(f"{info}/METADATA").decode()
    required = re.findall(r"^Requires-Dist: ([\w-]+).*extra == 'flags'", metadata, re.MULTILINE)
    assert sorted(required) == ["cbor2", "mmh3", "openfeature-sdk"]


def test_without_node_the_build_stops_and_says_why(tmp_path: Path) -> None:
    folder = copy_of_the_repository(tmp_path / "repository")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "env", "dirname", "find", "sort", "sha256sum", "cut"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    done = build(folder, tmp_path / "out", str(programs))
    assert done.returncode != 0
    assert "Node 18 or later" in done.stderr
    assert not list((tmp_path / "out").glob("*.whl"))
