"""The reference is generated, and the generated files are the ones in the repository."""

from pathlib import Path

from scripts.reference import FOLDER, PAGES, write


def test_the_reference_is_what_the_code_says() -> None:
    assert write(FOLDER, check=True) == [], "run make fix"


def test_a_stale_page_is_found_and_written(tmp_path: Path) -> None:
    assert write(tmp_path, check=True) == list(PAGES)
    assert write(tmp_path, check=False) == list(PAGES)
    (tmp_path / "settings.md").write_text("changed")
    assert write(tmp_path, check=True) == ["settings.md"]
