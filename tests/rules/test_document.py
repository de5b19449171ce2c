"""Documents stay true: links lead somewhere, decisions are complete and listed, the changelog is current."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

import sre_portal
from tests.rules.repository import ROOT, texts, tracked

ADR_FOLDER = Path("docs/adr")
ADR_PARTS = ("Status", "Date", "Options", "Decision", "Consequences")
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|!\[[^\]\n]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)


def slug(heading: str) -> str:
    """The anchor that a heading gets, as GitHub and GitLab make it."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def broken_links(documents: Mapping[Path, str], files: set[Path]) -> list[str]:
    folders = {parent for path in files for parent in path.parents}
    anchors = {path: {slug(title) for title in HEADING.findall(text)} for path, text in documents.items()}
    broken = []
    for path, text in documents.items():
        for groups in LINK.findall(FENCE.sub("", text)):
            link = groups[0] or groups[1]
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = Path(*_normal((path.parent / name).parts)) if name else path
            unknown_anchor = bool(anchor) and target in anchors and anchor not in anchors[target]
            if unknown_anchor or (target not in files and target not in folders):
                broken.append(f"{path}: {link}")
    return broken


def _normal(parts: tuple[str, ...]) -> list[str]:
    kept: list[str] = []
    for part in parts:
        if part == ".." and kept:
            kept.pop()
        elif part != ".":
            kept.append(part)
    return kept


def missing_parts(text: str) -> list[str]:
    """The parts of a decision record that are absent: a heading or a `Name:` line each."""
    return [
        part
        for part in ADR_PARTS
        if not re.search(rf"^(#+\s+{part}\b|[-*]?\s*\**{part}:)", text, re.MULTILINE | re.IGNORECASE)
    ]


def latest_version(changelog: str) -> str:
    found = re.search(r"^## \[?([^\]\s]+)", changelog, re.MULTILINE)
    return found.group(1) if found else ""


def adrs() -> dict[Path, str]:
    return {
        path: text for path, text in texts(".md", under=str(ADR_FOLDER)).items() if path.name != "README.md"
    }


def test_every_link_leads_somewhere() -> None:
    assert broken_links(texts(".md"), set(tracked())) == []


@pytest.mark.parametrize(
    ("link", "whole"),
    [
        ("b.md", True),
        ("../README.md#how-it-runs", True),
        ("#here", True),
        ("../docs", True),
        ("mailto:a@example.org", True),
        ("c.md", False),
        ("../README.md#how-it-stops", False),
        ("#nowhere", False),
        ("../../README.md", False),
    ],
)
def test_a_broken_link_is_found(link: str, *, whole: bool) -> None:
    documents = {
        Path("README.md"): "# How `it` runs\n",
        Path("docs/a.md"): f"# Here\nsee [this]({link})\n```\n[not a link](nowhere.md)\n```\n",
        Path("docs/b.md"): "",
    }
    assert broken_links(documents, set(documents)) == ([] if whole else [f"docs/a.md: {link}"])


def test_every_decision_record_is_complete() -> None:
    assert {str(path): missing for path, text in adrs().items() if (missing := missing_parts(text))} == {}


def test_every_decision_record_is_listed() -> None:
    index = (ROOT / ADR_FOLDER / "README.md").read_text()
    assert [path.name for path in adrs() if f"({path.name})" not in index] == []


def test_a_missing_part_of_a_decision_record_is_found() -> None:
    complete = "- Status: accepted\n- Date: 2026-11-23\n## Options\n## Decision\n## Consequences\n"
    assert missing_parts(complete) == []
    assert missing_parts(complete.replace("## Options\n", "")) == ["Options"]
    assert missing_parts("") == list(ADR_PARTS)


def test_the_changelog_names_this_version_or_what_comes_next() -> None:
    assert latest_version((ROOT / "CHANGELOG.md").read_text()) in {"Unreleased", sre_portal.__version__}


def test_the_latest_version_of_a_changelog_is_read() -> None:
    assert latest_version("# Changelog\n\n## [0.2.0] - 2027-01-01\n\n## [0.1.0]\n") == "0.2.0"
    assert latest_version("# Changelog\n") == ""
