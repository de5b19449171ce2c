"""The key of an embedded portal is drawn once and read by its owner only."""

from __future__ import annotations

import stat
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sre_portal.clients.secret_file import KEY_BYTES, read_or_draw
from sre_portal.core.errors import InvalidInput


def test_a_key_is_drawn_once(tmp_path: Path) -> None:
    file = tmp_path / "new" / "secret.key"
    text = read_or_draw(file)
    assert len(b64decode(text)) == KEY_BYTES
    assert read_or_draw(file) == text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in file.parent.iterdir()] == ["secret.key"]


def test_two_folders_have_two_keys(tmp_path: Path) -> None:
    assert read_or_draw(tmp_path / "a") != read_or_draw(tmp_path / "b")


def test_whoever_comes_at_the_same_time_gets_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: read_or_draw(tmp_path / "secret.key"), range(40)))
    assert len(found) == 1


def test_a_file_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(InvalidInput, match="key: File exists"):
        read_or_draw(tmp_path / "taken" / "secret.key")
    (tmp_path / "odd").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="not base64"):
        read_or_draw(tmp_path / "odd")
