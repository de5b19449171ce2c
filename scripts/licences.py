"""Checks that every locked package may go with a program under Apache-2.0. `make check` runs it.

A licence is fit where one side of each OR and all sides of each AND are on the list. What only builds or
tests the portal is not handed on with it; a second list adds what is fit for that.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from scripts.locked import Locked, read_npm, read_python

FIT = frozenset(
    {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0", "Unlicense"}
)
FIT_FOR_TOOLS = FIT | {"MPL-2.0", "BlueOak-1.0.0", "CC0-1.0", "Python-2.0", "Zlib"}
EXCEPTIONS = {
    (
        "psycopg",
        "LGPL-3.0-only",
    ): "a library, imported unchanged, that anybody may replace by another version",
    ("psycopg-binary", "LGPL-3.0-only"): "as psycopg",
}
"""(package, licence) -> why it is fit all the same. A change of the licence ends the exception."""


def unfit(packages: Iterable[Locked]) -> list[str]:
    """What may not be handed on with the portal, and what nobody knows."""
    found = []
    for one in packages:
        allowed = FIT if one.runs else FIT_FOR_TOOLS
        if (one.name, one.licence) in EXCEPTIONS or is_fit(one.licence, allowed):
            continue
        found.append(f"{one.name} {one.version}: {one.licence or 'no licence is known'}")
    return found


def is_fit(expression: str, allowed: frozenset[str]) -> bool:
    """Whether an SPDX expression of AND and OR can be satisfied. Any other operator is not."""
    choices = re.split(r" +OR +", expression.replace("(", "").replace(")", ""))
    return any(all(part in allowed for part in re.split(r" +AND +", choice)) for choice in choices)


def main() -> int:
    packages = [*read_python("run"), *read_npm()]
    found = unfit(packages)
    for line in found:
        print(f"licence: {line}")
    if not found:
        print(f"licences: {len(packages)} packages, all fit for Apache-2.0")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
