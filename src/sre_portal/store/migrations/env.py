"""What Alembic runs to migrate: on the connection that `store.schema` hands over, inside its transaction."""

from alembic import context

from sre_portal.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
