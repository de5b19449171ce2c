"""A module is named after the noun it is about. These names are about nothing."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.rules.repository import tracked

BANNED = {"base", "common", "data", "handler", "helper", "manager", "misc", "process", "util"}


def badly_named(paths: Iterable[Path]) -> list[Path]:
    def bad(part: str) -> bool:
        return part in BANNED or part.removesuffix("s") in BANNED

    return [path for path in paths if any(bad(part) for part in (*path.parent.parts, path.stem))]


def modules() -> list[Path]:
    roots = ("src", "tests", "scripts", "benchmarks")
    return [path for path in tracked() if path.suffix in {".py", ".ts"} and path.parts[0] in roots]


def test_no_module_has_a_name_about_nothing() -> None:
    assert badly_named(modules()) == []


@pytest.mark.parametrize(
    "path", ["src/sre_portal/utils.py", "src/sre_portal/base/slo.py", "tests/helpers.py"]
)
def test_a_name_about_nothing_is_found(path: str) -> None:
    assert badly_named([Path("src/sre_portal/core/slo.py"), Path(path)]) == [Path(path)]
