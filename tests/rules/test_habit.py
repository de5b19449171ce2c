"""One command a habit, and make help tells all of them."""

import re

from tests.rules.repository import ROOT


def undescribed(makefile: str) -> list[str]:
    """Targets that a person may call, and that `make help` does not explain."""
    targets = re.findall(r"^\.PHONY: (\S+)$", makefile, re.MULTILINE)
    return [name for name in targets if not re.search(rf"^{name}:.*## \S", makefile, re.MULTILINE)]


def test_every_target_is_described() -> None:
    assert undescribed((ROOT / "Makefile").read_text()) == []


def test_an_undescribed_target_is_found() -> None:
    assert undescribed(".PHONY: a\na: ## does a\n.PHONY: b\nb:\n\ttrue\n") == ["b"]


def test_contributing_tells_every_target() -> None:
    targets = set(re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)) - {"help"}
    told = set(re.findall(r"^\| `make (\S+)`", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE))
    assert told == targets
