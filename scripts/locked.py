"""Reads the locks: every package with its version, hashes, what asked for it, and its licence where known."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; (.*?))? *\\?$")
BUILD_GROUP = "sre-portal (pyproject.toml:build)"
OURS = "sre-portal (pyproject.toml"


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of a lock. `hashes` are (algorithm, hexadecimal); `via` names who asked for it."""

    ecosystem: str
    name: str
    version: str
    hashes: tuple[tuple[str, str], ...]
    via: tuple[str, ...] = ()
    marker: str = ""
    licence: str = ""
    """SPDX, empty where it is not known."""
    runs: bool = True
    """False for what only builds or tests."""

    @property
    def purl(self) -> str:
        return f"pkg:{self.ecosystem}/{self.name.replace('@', '%40')}@{self.version}"


def python_lock(text: str) -> list[Locked]:
    """The packages of a requirements file with hashes, as uv writes it."""
    blocks = [block for block in re.split(r"\n(?=[A-Za-z0-9])", text) if PIN.match(block.splitlines()[0])]
    found = [_python_package(block) for block in blocks]
    building = _only_building(found)
    return [one if one.name not in building else _not_running(one) for one in found]


def npm_lock(text: str) -> list[Locked]:
    """The packages of a package-lock.json."""
    packages: Mapping[str, Mapping[str, object]] = json.loads(text)["packages"]
    return [
        Locked(
            "npm",
            path.rpartition("node_modules/")[2],
            str(package["version"]),
            tuple(_integrity(str(package["integrity"]))),
            licence=str(package.get("license", "")),
            runs=not package.get("dev", False),
        )
        for path, package in packages.items()
        if path
    ]


def read_python(name: str) -> list[Locked]:
    return python_lock((ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8"))


def read_npm() -> list[Locked]:
    return npm_lock((ROOT / "package-lock.json").read_text(encoding="utf-8"))


def _python_package(block: str) -> Locked:
    first, *rest = block.splitlines()
    pin = PIN.match(first)
    if pin is None:
        raise ValueError(f"not a pin: {first}")
    name, version, marker = pin.groups()
    hashes = tuple(("SHA-256", one) for one in re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
    via = [line.strip().removeprefix("#").strip() for line in rest if line.strip().startswith("#")]
    asked = tuple(one.removeprefix("via").strip() for one in via if one != "via")
    return Locked("pypi", name, version, hashes, asked, marker or "", licence_of(name))


def _not_running(one: Locked) -> Locked:
    return Locked(
        one.ecosystem, one.name, one.version, one.hashes, one.via, one.marker, one.licence, runs=False
    )


def _only_building(found: list[Locked]) -> set[str]:
    """What nobody asked for but the build, or packages that only build."""
    building: set[str] = set()
    while True:
        more = {
            one.name
            for one in found
            if one.via and all(by == BUILD_GROUP or by in building for by in one.via)
        }
        if more == building:
            return building
        building = more


def _integrity(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split():
        algorithm, _, value = part.partition("-")
        yield algorithm.upper().replace("SHA", "SHA-"), base64.b64decode(value).hex()


CLASSIFIED = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""Trove classifiers, which packages used before they said an SPDX expression."""

TOLD_ELSEWHERE = {
    "colorama": "BSD-3-Clause",
    "httpx2-jsfetch": "BSD-3-Clause",
    "tzdata": "Apache-2.0",
}
"""Packages for other systems, read from their wheels by hand: here they need not be installed."""


def licence_of(name: str) -> str:
    """The licence that an installed package tells, as SPDX; empty where it tells none."""
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return TOLD_ELSEWHERE.get(name, "")
    if "License-Expression" in told:
        return told["License-Expression"]
    classifiers = [
        one.rpartition(" :: ")[2] for one in told.get_all("Classifier") or [] if one.startswith("License")
    ]
    told_so = {CLASSIFIED.get(one, one) for one in classifiers if one != "OSI Approved"}
    return " OR ".join(sorted(told_so)) or TOLD_ELSEWHERE.get(name, "")
