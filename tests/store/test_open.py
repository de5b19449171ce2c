"""Opening a database: what goes wrong is told in one sentence, and two programs may open it at once."""

import asyncio
import re
import socket
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from sre_portal.core.errors import InvalidInput, StoreUnavailable
from sre_portal.core.ports import SliRow
from sre_portal.core.slo import Counts
from sre_portal.store.database import SqlStore, open_store
from tests.store.samples import CHECKOUT, NOW, START, TRUST, at, experiment, intent, report, second

ROOT = Path(__file__).parents[2]


async def refusal(url: str) -> str:
    """What `open_store` says when it cannot."""
    with pytest.raises(StoreUnavailable) as refused:
        await open_store(url, patience_seconds=0.05)
    return str(refused.value)


async def test_a_store_answers_until_it_is_closed(store: SqlStore) -> None:
    await store.ping()
    await store.close()
    with pytest.raises(StoreUnavailable, match="is closed"):
        await store.ping()


async def test_closing_twice_is_closing(store: SqlStore) -> None:
    await store.close()
    await store.close()


async def test_opening_again_finds_what_was_written(url: str) -> None:
    for count in range(3):
        async with await open_store(url) as store:
            assert len(await store.runs.recent()) == count
            await store.runs.add(experiment(), "omar", NOW)


async def test_a_missing_folder_is_created(tmp_path: Path) -> None:
    async with await open_store(f"sqlite:///{tmp_path}/a/b/portal.sqlite3") as store:
        await store.ping()


async def test_a_new_file_is_read_by_its_owner_only(sqlite_file: Path, sqlite_url: str) -> None:
    async with await open_store(sqlite_url) as store:
        await store.runs.add(experiment(), "omar", NOW)
        assert modes(sqlite_file.parent) == {"-rw-------"}


def modes(folder: Path) -> set[str]:
    return {stat.filemode(file.stat().st_mode) for file in folder.iterdir()}


def damage_middle(file: Path) -> None:
    damage(file, file.stat().st_size // 2)


def damage(file: Path, start: int) -> None:
    """Overwrites 40,000 bytes, as a bad disk or a wrong copy does."""
    with file.open("r+b" if file.exists() else "wb") as opened:
        opened.seek(start)
        opened.write(b"\xa5" * 40_000)


@pytest.mark.parametrize(
    "url", ["mysql://localhost/portal", "sqlite://", "sqlite:///:memory:", "portal.db", ""]
)
async def test_another_kind_of_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="expected sqlite:///path/to/file or postgresql://"):
        await open_store(url)


async def test_a_file_that_is_no_database_is_told(sqlite_file: Path, sqlite_url: str) -> None:
    damage(sqlite_file, 0)
    said = await refusal(sqlite_url)
    assert said == f"the file {sqlite_file} is not a database or is damaged: file is not a database"


async def test_a_damaged_file_is_told(sqlite_file: Path, sqlite_url: str) -> None:
    async with await open_store(sqlite_url, trust=TRUST) as store:
        for number in range(50):
            await store.audit.intend(intent(number, what="x" * 200))
    damage(sqlite_file, 1024)
    assert f"the file {sqlite_file} is not a database or is damaged" in await refusal(sqlite_url)


async def test_damage_that_shows_later_is_told(sqlite_file: Path, sqlite_url: str) -> None:
    async with await open_store(sqlite_url) as store:
        await store.reports.seed([SliRow(CHECKOUT, START + 60 * n, Counts(n)) for n in range(5000)], {})
    damage_middle(sqlite_file)
    async with await open_store(sqlite_url) as store:
        with pytest.raises(StoreUnavailable, match="is not a database or is damaged"):
            await store.reports.sli_minutes(0, START * 2)


async def test_a_folder_that_cannot_be_written_is_told() -> None:
    said = await refusal("sqlite:////proc/portal.sqlite3")
    assert said.startswith("the file /proc/portal.sqlite3 cannot be opened")


async def test_a_folder_that_cannot_be_created_is_told(tmp_path: Path) -> None:
    damage(tmp_path / "taken", 0)
    said = await refusal(f"sqlite:///{tmp_path}/taken/below/portal.sqlite3")
    assert said == f"the folder {tmp_path}/taken/below cannot be created: Not a directory"


async def test_a_file_that_may_only_be_read_is_told(sqlite_url: str) -> None:
    async with await open_store(sqlite_url):
        pass
    said = await refusal(sqlite_url.replace("sqlite:///", "sqlite:///file:") + "?mode=ro&uri=true")
    assert "cannot be written" in said


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another program has begun to write and does not end."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def test_a_locked_file_is_told_at_opening(sqlite_file: Path, sqlite_url: str) -> None:
    with locked(sqlite_file):
        assert await refusal(sqlite_url) == f"the file {sqlite_file} is locked by another program"


async def test_a_locked_file_refuses_reports_and_takes_them_afterwards(
    sqlite_file: Path, sqlite_url: str
) -> None:
    async with await open_store(sqlite_url, patience_seconds=0.05) as store:
        with locked(sqlite_file):
            with pytest.raises(StoreUnavailable, match="is locked by another program"):
                await store.reports.append(report(second(0)), at(1))
            assert await store.reports.slis_since(0) == []
        await store.reports.append(report(second(0)), at(1))
        assert len(await store.reports.slis_since(0)) == 1


async def test_a_full_disk_is_told_and_leaves_what_is_there(sqlite_file: Path, sqlite_url: str) -> None:
    async with await open_store(sqlite_url, trust=TRUST) as store:
        await store.reports.append(report(second(0)), at(1))
        await store.database.write(_no_more_pages)
        with pytest.raises(StoreUnavailable, match="cannot grow: the disk is full"):
            await store.audit.intend(intent(what="x" * 100_000))
        assert len(await store.reports.slis_since(0)) == 1
        await store.ping()


def _no_more_pages(connection: Connection) -> None:
    """SQLite's own stand-in for a disk with no room: the same code path, on every machine."""
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")


async def test_a_schema_from_the_future_is_told_and_left_alone(url: str) -> None:
    async with await open_store(url) as store:
        await store.database.write(_pretend_newer)
    assert re.search(r"was written by a newer SRE Portal: its schema is 9999", await refusal(url))


def _pretend_newer(connection: Connection) -> None:
    connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")


async def test_a_bug_in_a_statement_does_not_leave_as_an_exception_of_the_driver(store: SqlStore) -> None:
    def wrong(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT a FROM nowhere")

    with pytest.raises(StoreUnavailable, match="nowhere") as told:
        await store.database.read(wrong)
    assert not isinstance(told.value, SQLAlchemyError)


async def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    said = await refusal(f"postgresql://omar:hunter2@127.0.0.1:{port}/portal")
    assert said.startswith(f"the PostgreSQL database portal at 127.0.0.1:{port} cannot be reached: ")
    assert "refused" in said
    assert "hunter2" not in said
    assert "\n" not in said


async def test_a_database_that_is_not_there_is_told(fresh_postgres_url: str) -> None:
    said = await refusal(f"{fresh_postgres_url}_not")
    assert said.endswith('_not" does not exist')


async def test_a_wrong_password_is_told_without_it(fresh_postgres_url: str) -> None:
    address = fresh_postgres_url.rpartition("@")[2]
    with psycopg.connect(fresh_postgres_url, autocommit=True) as admin, password_asked(admin):
        said = await refusal(f"postgresql://vera:hunter2@{address}")
    assert said.endswith('cannot be reached: password authentication failed for user "vera"')
    assert "hunter2" not in said


@contextmanager
def password_asked(admin: psycopg.Connection) -> Iterator[None]:
    """The server asks the user vera for a password, and no other."""
    row = admin.execute("SHOW hba_file").fetchone()
    assert row is not None
    rules = Path(row[0])
    before = rules.read_text()
    admin.execute("CREATE ROLE vera LOGIN PASSWORD 'another'")
    rules.write_text(f"host all vera 127.0.0.1/32 scram-sha-256\n{before}")
    admin.execute("SELECT pg_reload_conf()")
    try:
        while not admin.execute("SELECT 1 FROM pg_hba_file_rules WHERE 'vera' = ANY(user_name)").fetchone():
            pass
        yield
    finally:
        rules.write_text(before)
        admin.execute("SELECT pg_reload_conf()")
        admin.execute("DROP ROLE vera")


async def test_a_server_that_cut_the_connections_is_reached_again(fresh_postgres_url: str) -> None:
    async with await open_store(fresh_postgres_url) as store:
        await store.reports.append(report(second(0)), at(1))
        assert len(await store.reports.slis_since(0)) == 1
        with psycopg.connect(fresh_postgres_url) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await store.reports.append(report(second(1)), at(2))
        assert len(await store.reports.slis_since(0)) == 2


OPENS = """
import asyncio, sys
from sre_portal.store.database import open_store
async def main():
    print("ready", flush=True)
    sys.stdin.readline()
    async with await open_store(sys.argv[1]) as store:
        await store.ping()
    print("opened", flush=True)
asyncio.run(main())
"""


async def test_programs_that_open_a_new_database_at_once_all_succeed(url: str) -> None:
    programs = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", OPENS, url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(3)
    ]
    for program in programs:
        assert program.stdout is not None
        assert await program.stdout.readline() == b"ready\n"
    told = await asyncio.gather(*(program.communicate(b"go\n") for program in programs))
    assert [out for out, _ in told] == [b"opened\n"] * 3
    assert [program.returncode for program in programs] == [0] * 3
