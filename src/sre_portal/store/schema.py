"""Brings the tables to what this program knows, before anything else touches them."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from sre_portal.core.errors import StoreUnavailable
from sre_portal.store.dialect import begin_migration
from sre_portal.store.failure import Place


def migrate(connection: Connection, place: Place) -> None:
    """Creates or changes the tables, in the transaction of `connection`. Other programs wait meanwhile.

    Raises `StoreUnavailable` where a newer program has written them.
    """
    begin_migration(connection)
    config = configuration()
    scripts = ScriptDirectory.from_config(config)
    newest = scripts.get_current_head()
    found = MigrationContext.configure(connection).get_current_revision()
    if found == newest:
        # A database that may only be read is found now, not at the first report.
        connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        return
    if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreUnavailable(
            f"{place} was written by a newer SRE Portal: "
            f"its schema is {found}, this program knows up to {newest}"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def configuration() -> Config:
    """What Alembic needs to find the migrations inside this package. There is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", "sre_portal.store:migrations")
    config.set_main_option("path_separator", "os")
    return config
