"""What no text in the repository may contain."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.rules.repository import texts

# Spelled in two halves, so that this file does not break its own rule.
INDEX_HOSTS = ("pypi" + ".org", "python" + "hosted.org", "registry." + "npmjs.org", "deb." + "debian.org")
EM_DASHES = (
    "\N{EM DASH}",
    "&" + "mdash;",
    "&" + "#8212;",
    "&" + "#x2014;",
    "\\N{EM " + "DASH}",
    "\\u" + "2014",
)


def lines_with(words: tuple[str, ...], files: Mapping[Path, str]) -> list[str]:
    return [
        f"{path}:{number}"
        for path, text in files.items()
        if any(word in text for word in words)
        for number, line in enumerate(text.splitlines(), 1)
        if any(word in line for word in words)
    ]


def test_no_file_names_a_package_index() -> None:
    assert lines_with(INDEX_HOSTS, texts()) == []


def test_no_text_has_an_em_dash() -> None:
    files = {path: text for path, text in texts().items() if path.name != Path(__file__).name}
    assert lines_with(EM_DASHES, files) == []


@pytest.mark.parametrize("word", [*INDEX_HOSTS, *EM_DASHES])
def test_a_forbidden_word_is_found_with_its_line(word: str) -> None:
    files = {Path("a.md"): "fine\nalso fine\n", Path("b.md"): f"fine\nnot {word} fine\n"}
    assert lines_with((*INDEX_HOSTS, *EM_DASHES), files) == ["b.md:2"]


def test_the_rules_see_the_files_of_the_repository() -> None:
    assert {Path("pyproject.toml"), Path("src/sre_portal/__init__.py")} <= texts().keys()
