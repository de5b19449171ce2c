"""What a database says, told as one sentence. No exception of a driver or of SQLAlchemy leaves the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from sre_portal.core.errors import Conflict, InvalidInput, PortalError, Problem, StoreUnavailable

SQLITE: Mapping[int, str] = {
    sqlite3.SQLITE_BUSY: "{place} is locked by another program",
    sqlite3.SQLITE_LOCKED: "{place} is locked by another program",
    sqlite3.SQLITE_CORRUPT: "{place} is not a database or is damaged: {detail}",
    sqlite3.SQLITE_NOTADB: "{place} is not a database or is damaged: {detail}",
    sqlite3.SQLITE_FULL: "{place} cannot grow: the disk is full",
    sqlite3.SQLITE_READONLY: "{place} cannot be written: it or its folder is read-only",
    sqlite3.SQLITE_PERM: "{place} cannot be written: it or its folder is read-only",
    sqlite3.SQLITE_CANTOPEN: "{place} cannot be opened: it or its folder is missing, unreadable or read-only",
}

POSTGRES: Mapping[str, str] = {
    "25006": "{place} may only be read: {detail}",
    "40P01": "{place} is busy: {detail}",
    "42501": "{place} does not let this user do that: {detail}",
    "53100": "{place} cannot grow: the disk is full",
    "55P03": "{place} is locked by somebody else: {detail}",
    "57014": "{place} took too long to answer: {detail}",
}

TOO_MUCH = "54"
"""Class of what PostgreSQL cannot do because of what it was given, such as an index row of 9,000 letters."""

AGAIN = frozenset({"40001", "40P01"})
"""PostgreSQL took one of two transactions back for the other's sake; doing it again is right."""


@dataclass(frozen=True, slots=True)
class Place:
    """The database in words, without a password."""

    text: str

    def __str__(self) -> str:
        return self.text


@contextmanager
def told_plainly(place: Place) -> Iterator[None]:
    """Turns what a database or its driver raises into a `PortalError`."""
    try:
        yield
    except SQLAlchemyError as failed:
        raise plain(failed, place) from failed
    except (OverflowError, UnicodeEncodeError) as unfit:  # the drivers raise these two as they are
        raise _unfit(unfit) from unfit


def plain(failed: SQLAlchemyError, place: Place) -> PortalError:
    """The error a caller can act on."""
    cause = failed.orig if isinstance(failed, DBAPIError) else failed
    if isinstance(failed, DataError):
        return _unfit(cause or failed)
    if isinstance(failed, IntegrityError):
        return Conflict("a row that fits the others", first_line(cause))
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        return StoreUnavailable(_sentence(SQLITE.get(code), cause, place))
    # An error of psycopg, which is not imported for SQLite: it is 10 MB.
    sqlstate: str | None = getattr(cause, "sqlstate", "")
    if sqlstate and sqlstate.startswith(TOO_MUCH):
        return _unfit(cause or failed)
    if sqlstate != "":
        told = "{place} cannot be reached: {detail}" if sqlstate is None else POSTGRES.get(sqlstate)
        return StoreUnavailable(_sentence(told, cause, place))
    return StoreUnavailable(_sentence(None, cause, place))


def may_try_again(failed: SQLAlchemyError) -> bool:
    """True where the same work, done again, is likely to go through."""
    cause = failed.orig if isinstance(failed, DBAPIError) else None
    return getattr(cause, "sqlstate", None) in AGAIN


def _unfit(cause: BaseException) -> InvalidInput:
    return InvalidInput([Problem("value", first_line(cause), "a value that the database can hold")])


def _sentence(told: str | None, cause: BaseException | None, place: Place) -> str:
    return (told or "{place} failed: {detail}").format(place=place, detail=first_line(cause))


def first_line(cause: BaseException | None) -> str:
    """The part that says why, and no password. libpq puts it behind FATAL and adds hints on further lines."""
    line = str(cause).strip().partition("\n")[0]
    return line.rpartition("FATAL:")[2].strip() or type(cause).__name__
