"""Brings the tables to what this program knows, before anything else touches them.

Alembic is imported only where there is something to bring: it is 10 MB and a twentieth of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, column, inspect, select, table, text

from sre_portal.core.errors import StoreUnavailable
from sre_portal.store.dialect import begin_migration
from sre_portal.store.failure import Place

if TYPE_CHECKING:
    from alembic.config import Config

NEWEST = "0005"
"""The revision of the last migration. `tests/store/test_schema.py` holds it."""

_VERSION = table("alembic_version", column("version_num"))


FIRST_WITH_LOG = "0002"
"""The revision that made the audit log, unsigned."""


def migrate(connection: Connection, place: Place) -> bool:
    """Creates or changes the tables, in the transaction of `connection`. Other programs wait meanwhile.

    Returns whether this made the audit log, which has then to be signed. Raises `StoreUnavailable` where a
    newer program has written them.
    """
    begin_migration(connection)
    found = _found(connection)
    if found == NEWEST:
        # A database that may only be read is found now, not at the first report.
        connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
    else:
        _upgrade(connection, place, found)
    return found is None or found < FIRST_WITH_LOG


def _found(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION.name):
        return None
    found: str | None = connection.scalar(select(_VERSION.c.version_num))
    return found


def _upgrade(connection: Connection, place: Place, found: str | None) -> None:
    from alembic import command  # noqa: PLC0415  # see above
    from alembic.script import ScriptDirectory  # noqa: PLC0415  # see above

    config = configuration()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StoreUnavailable(
            f"{place} was written by a newer SRE Portal: "
            f"its schema is {found}, this program knows up to {NEWEST}"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def configuration() -> Config:
    """What Alembic needs to find the migrations inside this package. There is no alembic.ini."""
    from alembic.config import Config  # noqa: PLC0415  # see above

    config = Config()
    config.set_main_option("script_location", "sre_portal.store:migrations")
    config.set_main_option("path_separator", "os")
    return config
