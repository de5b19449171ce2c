"""Writes dist/sre-portal.cdx.json, or the file named: what the portal is made of, as CycloneDX 1.6.

It is made from the locks alone, so the same commit gives the same bytes wherever it is made. Hashes are those
of every file that a lock lets in.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterable
from pathlib import Path

from scripts.locked import ROOT, Locked, read_npm, read_python
from sre_portal import __version__

TARGET = ROOT / "dist" / "sre-portal.cdx.json"
SPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # the namespace of addresses, RFC 9562
PORTAL = f"pkg:pypi/sre-portal@{__version__}"


def bill(packages: Iterable[Locked]) -> dict[str, object]:
    """The bill of materials of these packages."""
    listed = sorted({one.purl: one for one in packages}.values(), key=lambda one: one.purl)
    components = [component(one) for one in listed]
    serial = uuid.uuid5(SPACE, json.dumps(components, sort_keys=True))
    portal = {"type": "application", "bom-ref": PORTAL, "name": "sre-portal", "version": __version__}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "pre-build"}],
            "component": {**portal, "purl": PORTAL, "licenses": [{"expression": "Apache-2.0"}]},
        },
        "components": components,
        "dependencies": dependencies(listed),
    }


def component(one: Locked) -> dict[str, object]:
    """One package. What only builds or tests is `excluded`: it is told, and not part of what runs."""
    found: dict[str, object] = {
        "type": "library",
        "bom-ref": one.purl,
        "name": one.name,
        "version": one.version,
        "purl": one.purl,
        "scope": "required" if one.runs else "excluded",
        "hashes": [{"alg": algorithm, "content": content} for algorithm, content in one.hashes],
    }
    if one.licence:
        found["licenses"] = [{"expression": one.licence}]
    if one.marker:
        found["properties"] = [{"name": "sre-portal:marker", "value": one.marker}]
    return found


def dependencies(listed: list[Locked]) -> list[dict[str, object]]:
    """Who needs whom, as far as a lock tells: the lock of npm packages tells it of none."""
    refs = {one.name: one.purl for one in listed if one.ecosystem == "pypi"}
    needs: dict[str, set[str]] = {PORTAL: set(), **{one.purl: set() for one in listed}}
    for one in listed:
        for by in one.via or ("",):
            needs[refs.get(by, PORTAL)].add(one.purl)
    return [{"ref": ref, "dependsOn": sorted(needs[ref])} for ref in sorted(needs)]


def main(arguments: list[str]) -> int:
    target = Path(arguments[0]) if arguments else TARGET
    target.parent.mkdir(parents=True, exist_ok=True)
    made = bill([*read_python("run"), *read_npm()])
    target.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    print(f"{target}: {len(made['components']) if isinstance(made['components'], list) else 0} components")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
