"""One portal a data folder: a second one would end the runs of the first."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from sre_portal.core.errors import InvalidInput
from sre_portal.main import alone_in
from sre_portal.settings import Settings


def test_a_second_portal_on_a_data_folder_is_refused_and_a_later_one_is_not(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    with alone_in(settings), pytest.raises(InvalidInput) as refused, alone_in(settings):
        pass
    assert "another portal uses it" in str(refused.value.problems[0])
    with alone_in(settings):
        pass


def test_portals_on_one_server_need_no_folder(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path / "data",
        database_url=SecretStr("postgresql://a@b/c"),
        secret_key=SecretStr("c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U="),
    )
    with alone_in(settings), alone_in(settings):
        assert not (tmp_path / "data").exists()
