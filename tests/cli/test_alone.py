"""One portal on an embedded database: a second one would end the runs of the first."""

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


def test_a_second_portal_on_a_file_is_refused_by_whatever_name_it_calls_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    by_folder = Settings(data_dir=folder)
    by_file = Settings(database_url=SecretStr(f"sqlite:///{folder / 'portal.sqlite3'}"), data_dir=tmp_path)
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    by_link = Settings(database_url=SecretStr(f"sqlite:///{tmp_path / 'link' / 'portal.sqlite3'}"))
    everybody = (by_folder, by_file, by_link)
    for first in everybody:
        with alone_in(first):
            for second in everybody:
                with pytest.raises(InvalidInput, match="another portal uses it"), alone_in(second):
                    pass


def test_portals_on_files_of_their_own_may_share_a_folder(tmp_path: Path) -> None:
    one, other = (Settings(database_url=SecretStr(f"sqlite:///{tmp_path / name}")) for name in ("a", "b"))
    with alone_in(one), alone_in(other):
        pass


@pytest.mark.parametrize(
    "url", ["sqlite:///", "sqlite:///:memory:", "sqlite:///file:a?uri=true", "mysql://a/b"]
)
def test_a_database_that_is_no_file_and_no_server_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="sqlite:///path/to/file"):
        Settings.parse({"SRE_PORTAL_DATABASE_URL": url})
