"""The threat model names a test for each part of a control, and the tests exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.rules.repository import ROOT

AREAS = {
    "login",
    "sessions",
    "tokens",
    "agents",
    "audit",
    "injected faults",
    "outward calls",
    "database",
    "replicas",
    "supply chain",
}
TEST = re.compile(r"^`(tests/[\w/.-]+\.py)::(\w+)`$")


def rows(text: str) -> Iterator[list[str]]:
    """The rows of the table whose last column is `test`."""
    lines = iter(text.splitlines())
    for line in lines:
        if re.match(r"^\|.*\| test \|$", line):
            next(lines)
            break
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def untested(text: str, root: Path = ROOT) -> list[str]:
    """Rows without an asset, a threat, a control, or tests that exist, separated by commas."""
    return [
        " | ".join(row)
        for row in rows(text)
        if len(row) != 4 or not all(row) or not all(_exists(test, root) for test in row[3].split(", "))
    ]


def _exists(named: str, root: Path) -> bool:
    found = TEST.match(named)
    if found is None or not (root / found[1]).is_file():
        return False
    tree = ast.parse((root / found[1]).read_text(encoding="utf-8"))
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == found[2]
        for node in tree.body
    )


def threats() -> str:
    return (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_every_control_has_a_test_that_exists() -> None:
    assert untested(threats()) == []


def test_every_area_has_a_row() -> None:
    assert {row[0] for row in rows(threats())} >= AREAS


def test_every_threat_says_of_which_kind_it_is() -> None:
    kinds = {kind.strip() for row in rows(threats()) for kind in row[1].partition(":")[0].split(",")}
    assert kinds == set("STRIDE")


def test_a_row_without_a_test_is_found() -> None:
    here = f"`tests/rules/{Path(__file__).name}::test_a_row_without_a_test_is_found`"
    table = "| asset | threat | control | test |\n| --- | --- | --- | --- |\n"
    good = f"| login | S: a | b | {here} |\n| login | S: a | b | {here}, {here} |\n"
    for bad in (
        "| login | S: a | b | |\n",
        "| login | S: a | b | soon |\n",
        "| login | S: a | | " + here + " |\n",
        "| login | S: a | b | `tests/rules/test_nothing.py::test_a` |\n",
        "| login | S: a | b | " + here.replace("without", "with") + " |\n",
        "| login | S: a | b | " + f"{here}, {here.replace('without', 'with')}" + " |\n",
        "| login | S: a | b | " + f"{here} {here}" + " |\n",
    ):
        assert untested(table + good) == []
        assert len(untested(table + good + bad)) == 1
