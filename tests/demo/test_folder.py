"""Where the demo keeps its data, and that one demo at a time does."""

from pathlib import Path

import pytest

from sre_portal.demo.folder import DataFolder, FolderUnusable, default_folder


def test_the_folder_is_where_the_desktop_keeps_such_data(tmp_path: Path) -> None:
    assert default_folder({"HOME": "/home/ada"}) == Path("/home/ada/.local/share/sre-portal-demo")
    assert default_folder({"HOME": "/home/ada", "XDG_DATA_HOME": "/data"}) == Path("/data/sre-portal-demo")


def test_without_a_home_the_folder_is_a_new_temporary_one() -> None:
    first, second = default_folder({}), default_folder({"HOME": ""})
    assert first != second
    for folder in (first, second):
        assert folder.name.startswith("sre-portal-demo-")
        folder.rmdir()


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with DataFolder(tmp_path / "new" / "demo") as folder:
        assert folder.path.stat().st_mode & 0o777 == 0o700


def test_a_second_demo_is_kept_out_until_the_first_has_ended(tmp_path: Path) -> None:
    with (
        DataFolder(tmp_path),
        pytest.raises(FolderUnusable, match="Another demo is running in"),
        DataFolder(tmp_path),
    ):
        pass
    with DataFolder(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderUnusable, match="it is a file"), DataFolder(tmp_path / "file"):
        pass
    with (
        pytest.raises(FolderUnusable, match=r"cannot be used: Not a directory\. Give another one"),
        DataFolder(tmp_path / "file" / "demo"),
    ):
        pass
