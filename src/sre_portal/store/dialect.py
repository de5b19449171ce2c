"""All that differs between SQLite and PostgreSQL: to connect, to begin, to insert what may be there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    create_engine,
    event,
    func,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from sre_portal.core.errors import InvalidInput, Problem, StoreUnavailable
from sre_portal.store.failure import Place

Insert = sqlite.Insert | postgresql.Insert
New = ReadOnlyColumnCollection[str, Any]
Plain = int | str
"""A value that both drivers take as it is."""

MIGRATION_LOCK = 5_120_361_117
"""The advisory lock that lets one replica at a time migrate. Any number, as long as it never changes."""


@dataclass(frozen=True, slots=True)
class Engines:
    """Where work is done. On SQLite there is one writer, because the file has one write lock."""

    place: Place
    writer: Engine
    reader: Engine
    write_threads: int
    read_threads: int
    connects: Mapping[str, Any] | None = None
    """What psycopg needs for a connection of its own, to a database others share; None on SQLite."""


def engines_for(url: str, patience_seconds: float) -> Engines:
    """Engines for `sqlite:///file` and `postgresql://user:password@host:port/name`; nothing is connected yet.

    Work waits for somebody else's lock for `patience_seconds`. A missing folder of the file is created.

    Raises `InvalidInput` for another kind of URL, `StoreUnavailable` where the folder cannot be created.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise _not_usable("something that is not a URL") from None
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return _sqlite(parsed.set(drivername="sqlite+pysqlite"), parsed.database, patience_seconds)
        case "postgresql" | "postgres":
            return _postgres(parsed.set(drivername="postgresql+psycopg"), patience_seconds)
        case other:
            raise _not_usable(f"{other} without a file" if other == "sqlite" else other)


def _not_usable(seen: str) -> InvalidInput:
    expected = "sqlite:///path/to/file or postgresql://user:password@host:port/name"
    return InvalidInput([Problem("database URL", seen, expected)])


def _sqlite(url: URL, file: str, patience_seconds: float) -> Engines:
    """One connection that writes, a few that read beside it: WAL lets them."""
    _make_private(Path(file).absolute())
    waits = {"timeout": patience_seconds}
    writer = create_engine(url, connect_args=waits, pool_size=1, max_overflow=0, hide_parameters=True)
    reader = create_engine(url, connect_args=waits, pool_size=3, max_overflow=0, hide_parameters=True)
    for engine, begin, settings in (
        # The lock is taken at the start: one taken in the middle of a transaction cannot be waited for.
        (writer, "BEGIN IMMEDIATE", ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")),
        (reader, "BEGIN", ("query_only=ON",)),
    ):
        event.listen(engine, "connect", _sqlite_setup(settings))
        event.listen(engine, "begin", _sqlite_begin(begin))
    return Engines(
        Place(f"the file {Path(file).absolute()}"), writer, reader, write_threads=1, read_threads=3
    )


def _make_private(file: Path) -> None:
    """Creates the folder, and the file so that only its owner reads it. What is there is left as it is."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as refused:
        raise StoreUnavailable(f"the folder {file.parent} cannot be created: {refused.strerror}") from refused
    with suppress(OSError):  # SQLite will say it better
        file.touch(mode=0o600, exist_ok=True)


def _sqlite_setup(settings: Sequence[str]) -> Callable[[DBAPIConnection, ConnectionPoolEntry], None]:
    def set_up(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # sqlite3 would begin by itself, too late and with the wrong kind of lock.
        connection.isolation_level = None
        cursor = connection.cursor()
        for setting in settings:
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()

    return set_up


def _sqlite_begin(begin: str) -> Callable[[Connection], None]:
    def begin_so(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return begin_so


def _postgres(url: URL, patience_seconds: float) -> Engines:
    """A few connections each way. Reads are one statement each, so they need no transaction around them.

    What the URL itself says about a connection (`?connect_timeout=`) goes before what is set here.
    """
    lock_timeout = f"{round(patience_seconds * 1000)}ms"
    settings = {
        "connect_timeout": max(2, round(patience_seconds)),
        "application_name": "sre-portal",
        "options": f"-c statement_timeout=60s -c lock_timeout={lock_timeout}",
        "tcp_user_timeout": 10_000,
    }
    connect = {name: value for name, value in settings.items() if name not in url.query}
    writer = create_engine(
        url, connect_args=connect, pool_size=4, max_overflow=0, pool_pre_ping=True, hide_parameters=True
    )
    reader = create_engine(
        url,
        connect_args=connect,
        pool_size=4,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",
    )
    place = Place(
        f"the PostgreSQL database {url.database} at {url.host or 'the local socket'}:{url.port or 5432}"
    )
    _, connects = writer.dialect.create_connect_args(url)
    return Engines(place, writer, reader, write_threads=4, read_threads=4, connects={**connects, **connect})


def begin_migration(connection: Connection) -> None:
    """Makes other programs that want to migrate wait. SQLite's writer began with the write lock already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = '60s'"))
        connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))


def add_new(connection: Connection, table: Table, rows: Sequence[tuple[Plain, ...]]) -> None:
    """Inserts rows whose primary key is not there yet. Values are in column order.

    Made for many rows: one call of the driver on SQLite, one statement on PostgreSQL. Handing the rows to
    SQLAlchemy as parameters takes three times as long as the insert itself.
    """
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_add_new_sqlite(table), list(rows))
    else:
        columns = zip(*rows, strict=True)
        arrays = {column.name: _array(one) for column, one in zip(table.c, columns, strict=True)}
        connection.execute(_add_new_postgres(table), arrays)


@lru_cache
def _add_new_sqlite(table: Table) -> str:
    statement = sqlite.insert(table).on_conflict_do_nothing()
    return str(statement.compile(dialect=sqlite.dialect(paramstyle="qmark")))


@lru_cache
def _add_new_postgres(table: Table) -> postgresql.Insert:
    names = [column.name for column in table.c]
    kinds = [Text if isinstance(column.type, Text) else BigInteger for column in table.c]
    arrays = [
        func.unnest(cast(bindparam(name, type_=Text), postgresql.ARRAY(kind)))
        for name, kind in zip(names, kinds, strict=True)
    ]
    return postgresql.insert(table).from_select(names, select(*arrays)).on_conflict_do_nothing()


def _array(values: Sequence[Plain]) -> str:
    """PostgreSQL's text form of an array. The driver's own writer takes three times as long."""
    if isinstance(values[0], int):
        return f"{{{','.join(map(str, values))}}}"
    quoted = (str(value).replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return f"""{{"{'","'.join(quoted)}"}}"""


def added(connection: Connection, table: Table, row: Mapping[str, object]) -> bool:
    """Inserts a row unless its primary key is there. Whether it did."""
    statement = _insert(connection, table).values(dict(row)).on_conflict_do_nothing()
    return connection.execute(statement.returning(*table.primary_key.columns)).first() is not None


def put(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, object]],
    *,
    change: Callable[[New], Mapping[str, ColumnElement[Any]]] | None = None,
    only_if: Callable[[New], ColumnElement[bool]] | None = None,
) -> None:
    """Inserts rows. One whose primary key is there replaces it, or makes the `change`, if `only_if` holds."""
    if not rows:
        return
    statement = _insert(connection, table)
    new: New = statement.excluded
    values = _everything(table, new) if change is None else change(new)
    where = None if only_if is None else only_if(new)
    connection.execute(
        statement.on_conflict_do_update(index_elements=_key(table), set_=values, where=where), list(rows)
    )


def put_selected(connection: Connection, table: Table, rows: Select[Any]) -> None:
    """As `put`, with rows from a query, in column order.

    The query needs a WHERE: without it SQLite takes the ON that follows for part of a join.
    """
    statement = _insert(connection, table)
    values = _everything(table, statement.excluded)
    chosen = statement.from_select([column.name for column in table.c], rows)
    connection.execute(chosen.on_conflict_do_update(index_elements=_key(table), set_=values))


def _insert(connection: Connection, table: Table) -> Insert:
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def _key(table: Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]


def _everything(table: Table, new: New) -> dict[str, ColumnElement[Any]]:
    return {column.name: new[column.name] for column in table.c if not column.primary_key}
