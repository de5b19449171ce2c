"""Flag definitions, the newest of each and all there were."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "flag_set",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.create_table("flag", *_version_columns(), sa.PrimaryKeyConstraint("flag_set", "key"))
    op.create_index("flag_set_version", "flag", ["flag_set", "set_version"])
    op.create_table(
        "flag_version", *_version_columns(), sa.PrimaryKeyConstraint("flag_set", "key", "version")
    )
    op.create_table(
        "flag_epoch",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.execute("INSERT INTO flag_epoch (id, value) VALUES (1, 0)")


def _version_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("flag_set", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("set_version", sa.BigInteger, nullable=False),
        sa.Column("definition", sa.Text),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    ]
