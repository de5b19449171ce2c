"""The migrations and the tables in code are the same thing, and the wheel carries them."""

import sqlite3
from contextlib import closing
from importlib.resources import files
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from sre_portal.store.database import SqlStore, open_store
from sre_portal.store.schema import NEWEST, configuration
from sre_portal.store.tables import METADATA


async def test_the_migrations_make_the_tables_that_the_code_knows(store: SqlStore) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, METADATA))

    assert await store.database.read(differences) == []


async def test_sqlite_keeps_counts_inside_their_key(sqlite_file: Path, sqlite_url: str) -> None:
    async with await open_store(sqlite_url):
        pass
    with closing(sqlite3.connect(sqlite_file)) as connection:
        made = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
    for table in METADATA.tables.values():
        inside = table.dialect_options["sqlite"]["with_rowid"] is False
        assert ("WITHOUT ROWID" in made[table.name]) == inside, table.name


def test_there_is_one_line_of_migrations_with_counted_names() -> None:
    scripts = list(ScriptDirectory.from_config(configuration()).walk_revisions())
    assert [script.revision for script in scripts] == [f"{n:04}" for n in range(len(scripts), 0, -1)]
    assert scripts[0].revision == NEWEST


def test_the_migrations_are_files_of_the_package() -> None:
    folder = files("sre_portal.store") / "migrations"
    assert (folder / "env.py").is_file()
    assert any(one.name.startswith("0001_") for one in (folder / "versions").iterdir())
