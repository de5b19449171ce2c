"""Flags at work: who has seen a version, what was evaluated, what budgets turned, planned changes, drills."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "flag_seen",
        sa.Column("flag_set", sa.Text, nullable=False),
        sa.Column("set_version", sa.BigInteger, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("instance", sa.Text, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("flag_set", "set_version", "service", "instance"),
        sqlite_with_rowid=False,
    )
    op.create_index("flag_version_set_version", "flag_version", ["flag_set", "set_version"])
    op.create_table(
        "flag_use",
        sa.Column("flag_set", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("variant", sa.Text, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("flag_set", "key", "variant"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "flag_turn",
        _counted(),
        sa.Column("flag_set", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("conditions", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
    )
    op.create_index("flag_turn_at", "flag_turn", ["at", "id"])
    op.create_index("flag_turn_flag", "flag_turn", ["flag_set", "key", "id"])
    _plans_and_drills()


def _plans_and_drills() -> None:
    op.create_table(
        "flag_plan",
        _counted(),
        sa.Column("flag_set", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("not_before", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("proposed_at", sa.BigInteger, nullable=False),
        sa.Column("proposed_by", sa.Text, nullable=False),
        sa.Column("proposed_by_id", sa.Text, nullable=False),
        sa.Column("proposed_account", sa.BigInteger),
        sa.Column("event", sa.BigInteger),
        sa.Column("decided_at", sa.BigInteger),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("decided_by_id", sa.Text, nullable=False),
        sa.Column("decided_account", sa.BigInteger),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("outcome", sa.Text, nullable=False),
    )
    op.create_index("flag_plan_state", "flag_plan", ["state", "not_before"])
    op.create_index("flag_plan_flag", "flag_plan", ["flag_set", "key", "id"])
    op.create_table(
        "drill_certificate",
        sa.Column("run_id", sa.BigInteger, nullable=False),
        sa.Column("flag_set", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "flag_set", "key"),
    )
    op.create_index("drill_certificate_flag", "drill_certificate", ["flag_set", "key", "issued_at"])


def _counted() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)
