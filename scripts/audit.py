"""Asks the advisory sources about every locked package. `make audit` runs it.

PyPI is asked about each Python package, npm about its lock. A source that does not answer, or that does not
know a locked version, is told as NOT CHECKED and fails the audit, unless AUDIT_OFFLINE=1 says that this
machine cannot reach it. Nothing is ever green that was not looked at.

Ends with 0 where everything was checked and nothing found, 1 where something was found, 2 where not checked.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

import httpx2

from scripts.locked import ROOT, Locked, read_npm, read_python

PYPI = "https://pypi.org"
ACCEPTED: dict[str, str] = {}
"""Advisory -> why it does not concern the portal. Empty is how it should be."""


@dataclass(slots=True)
class Audit:
    """What one source said."""

    source: str
    asked: int = 0
    found: list[str] = field(default_factory=list)
    unchecked: str = ""

    def told(self) -> str:
        if self.unchecked:
            return f"NOT CHECKED: {self.source}: {self.unchecked}"
        return f"{self.source}: {self.asked} packages, {len(self.found)} advisories"


def audit_python(packages: Iterable[Locked], base: str = PYPI) -> Audit:
    """Asks PyPI about each package. The first that cannot be answered ends it."""
    audit = Audit(f"PyPI ({base})")
    with httpx2.Client(base_url=base, timeout=30, follow_redirects=True) as client:
        for one in packages:
            try:
                answer = client.get(f"/pypi/{one.name}/{one.version}/json")
                told = answer.json()["vulnerabilities"] if answer.status_code == 200 else None
            except (httpx2.HTTPError, ValueError, KeyError, TypeError) as failure:
                audit.unchecked = f"{one.name} {one.version}: {type(failure).__name__}"
                return audit
            if told is None:
                audit.unchecked = f"{one.name} {one.version}: status {answer.status_code}"
                return audit
            audit.asked += 1
            audit.found += [_advisory(one.name, one.version, entry) for entry in told if not _is_past(entry)]
    return audit


def audit_npm(count: int, command: str = "npm") -> Audit:
    """Lets npm ask about its lock."""
    audit = Audit("npm", count)
    npm = shutil.which(command)
    if npm is None:
        audit.unchecked = "npm is not installed"
        return audit
    done = subprocess.run(
        [npm, "audit", "--json", "--package-lock-only"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    try:
        told = json.loads(done.stdout)
        found = told["vulnerabilities"]
    except (ValueError, KeyError):
        audit.unchecked = next(iter(done.stderr.splitlines()), "npm said nothing")
        return audit
    audit.found = [f"{name}: {one['severity']}, {one['range']}" for name, one in found.items()]
    return audit


def outcome(audits: Iterable[Audit], *, offline: bool) -> int:
    """Tells what was found and returns the exit code."""
    audits = list(audits)
    for audit in audits:
        print(audit.told())
        for line in audit.found:
            print(f"  {line}")
    if any(audit.found for audit in audits):
        return 1
    if any(audit.unchecked for audit in audits):
        if not offline:
            print("AUDIT_OFFLINE=1 accepts this where the sources cannot be reached.")
            return 2
        print("This is no audit: AUDIT_OFFLINE=1 accepts it.")
    return 0


def _advisory(name: str, version: str, entry: dict[str, object]) -> str:
    return f"{name} {version}: {entry.get('id')} fixed in {entry.get('fixed_in') or 'no version yet'}"


def _is_past(entry: dict[str, object]) -> bool:
    aliases = entry.get("aliases")
    names = {str(entry.get("id")), *(map(str, aliases) if isinstance(aliases, list) else ())}
    return bool(entry.get("withdrawn")) or bool(names & ACCEPTED.keys())


def main() -> int:
    packages = {one.purl: one for name in ("run", "dev") for one in read_python(name)}
    offline = os.environ.get("AUDIT_OFFLINE", "") == "1"
    return outcome([audit_python(packages.values()), audit_npm(len(read_npm()))], offline=offline)


if __name__ == "__main__":
    sys.exit(main())
