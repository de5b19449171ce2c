"""Asks the advisory sources about every locked package. `make audit` runs it.

PyPI is asked about each Python package, npm about its lock. A source that does not answer, or that does not
know a locked version, is told as NOT CHECKED and fails the audit. With `--where-reachable` a source that has
no advisories to give from here (no way out, or a mirror without any) fails nothing; it is still told as NOT
CHECKED. Nothing is ever told as good that was not looked at.

Ends with 0 where nothing was found, 1 where something was, 2 where something was not checked.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import httpx2

from scripts.locked import ROOT, Locked, read_npm, read_python

WEAK = "jinja2/2.10"
"""A version that has advisories, for good."""
ACCEPTED: dict[str, str] = {}
"""Advisory -> why it does not concern the portal. Empty is how it should be."""


@dataclass(slots=True)
class Audit:
    """What one source said."""

    source: str
    asked: int = 0
    found: list[str] = field(default_factory=list)
    unchecked: str = ""
    reached: bool = True
    """Whether the source has advisories to give from here."""

    def told(self) -> str:
        if self.unchecked:
            return f"NOT CHECKED: {self.source}: {self.unchecked}"
        return f"{self.source}: {self.asked} packages, {len(self.found)} advisories"


def audit_python(packages: Iterable[Locked], base: str) -> Audit:
    """Asks the index at `base` about each package. The first that cannot be answered ends it."""
    audit = Audit(f"PyPI ({base})")
    with httpx2.Client(base_url=base, timeout=30, follow_redirects=True) as client:
        if not _gives_advisories(client):
            audit.unchecked, audit.reached = f"it tells no weakness of {WEAK}, which has some", False
            return audit
        for one in packages:
            try:
                answer = client.get(f"/pypi/{one.name}/{one.version}/json")
                told = answer.json()["vulnerabilities"] if answer.status_code == 200 else None
                why = f"status {answer.status_code}"
            except (httpx2.HTTPError, ValueError, KeyError, TypeError) as failure:
                told, why = None, type(failure).__name__
            if told is None:
                audit.unchecked = f"{one.name} {one.version}: {why}"
                return audit
            audit.asked += 1
            audit.found += [_advisory(one.name, one.version, entry) for entry in told if not _is_past(entry)]
    return audit


def index_of_pip() -> str:
    """The index that pip takes packages from on this machine: the same one is asked about them."""
    help_text = [sys.executable, "-m", "pip", "install", "--help"]
    told = subprocess.run(help_text, check=True, capture_output=True, text=True).stdout
    found = re.search(r"Package Index \(default\s+(https?://\S+?)\)", " ".join(told.split()))
    if found is None:
        raise SystemExit("NOT CHECKED: pip does not say which index it takes packages from")
    return found[1].removesuffix("/").removesuffix("/simple")


def _gives_advisories(client: httpx2.Client) -> bool:
    """Whether what is known to be weak is told as weak. A mirror may say that nothing is."""
    try:
        answer = client.get(f"/pypi/{WEAK}/json")
        return answer.status_code == 200 and bool(answer.json()["vulnerabilities"])
    except (httpx2.HTTPError, ValueError, KeyError, TypeError):
        return False


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
    except ValueError:
        told = {}
    if not isinstance(found := told.get("vulnerabilities"), dict):
        audit.unchecked = next(iter(done.stderr.splitlines()), "npm said nothing")
        audit.reached = "message" not in told  # so npm says that the registry refused, or was not reached
        return audit
    audit.found = [f"{name}: {one['severity']}, {one['range']}" for name, one in found.items()]
    return audit


def outcome(audits: Iterable[Audit], *, where_reachable: bool = False) -> int:
    """Tells what was found and returns the exit code."""
    audits = list(audits)
    for audit in audits:
        print(audit.told())
        for line in audit.found:
            print(f"  {line}")
    if any(audit.found for audit in audits):
        return 1
    if any(audit.unchecked and (audit.reached or not where_reachable) for audit in audits):
        return 2
    if any(audit.unchecked for audit in audits):
        print("This is no audit: it goes on because no advisory source can be reached from here.")
    return 0


def _advisory(name: str, version: str, entry: dict[str, object]) -> str:
    return f"{name} {version}: {entry.get('id')} fixed in {entry.get('fixed_in') or 'no version yet'}"


def _is_past(entry: dict[str, object]) -> bool:
    aliases = entry.get("aliases")
    names = {str(entry.get("id")), *(map(str, aliases) if isinstance(aliases, list) else ())}
    return bool(entry.get("withdrawn")) or bool(names & ACCEPTED.keys())


def main(arguments: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="make audit ARGS=...")
    parser.add_argument(
        "--where-reachable", action="store_true", help="go on where a source gives no advisory from here"
    )
    given = parser.parse_args(arguments)
    packages = {one.purl: one for name in ("run", "dev") for one in read_python(name)}
    audits = [audit_python(packages.values(), index_of_pip()), audit_npm(len(read_npm()))]
    return outcome(audits, where_reachable=given.where_reachable)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
