"""The first tables: what agents count, runs, alerts, audit, access."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _small(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.SmallInteger, nullable=False)


def _clustered(name: str, keys: Sequence[str], *columns: sa.Column[Any]) -> None:
    op.create_table(name, *columns, sa.PrimaryKeyConstraint(*keys), sqlite_with_rowid=False)


def upgrade() -> None:
    """Creates everything."""
    _create_counts()
    _create_instances()
    _create_stretches()
    _create_runs()
    _create_alerts()
    _create_audit()
    _create_access()


def _create_counts() -> None:
    counts = [_number("good"), _number("bad"), _number("planned")]
    keys = ("at", "slo", "instance")
    _clustered("slo_second", keys, _number("at"), _text("slo"), _text("instance"), *counts)
    keys = ("at", "service", "instance")
    signal = [_number("requests"), _number("errors"), _text("latency")]
    _clustered("signal_second", keys, _number("at"), _text("service"), _text("instance"), *signal)
    keys = ("at", "lease_id", "instance")
    _clustered("injection_second", keys, _number("at"), _text("lease_id"), _text("instance"))
    _clustered("injection_total", ("lease_id",), _text("lease_id"), _text("counted"))
    _clustered("minute_progress", ("at",), _number("at"), _number("told"), _number("summed"))


def _create_instances() -> None:
    _clustered(
        "lease_status",
        ("run_id", "lease_id", "instance"),
        _number("run_id"),
        _text("lease_id"),
        _text("instance"),
        _number("started_at"),
        _number("seq"),
        _text("status"),
    )
    _clustered(
        "instance",
        ("service", "instance"),
        _text("service"),
        _text("instance"),
        _text("version"),
        _number("started_at"),
        _number("seen_at"),
        sa.Column("clock_offset_ms", sa.Double),
        sa.Column("clock_error_ms", sa.Double),
        _number("memory_bytes"),
        _number("dropped_seconds"),
        _number("misfires"),
        _text("routes"),
        _number("last_seq"),
    )


def _create_stretches() -> None:
    for name in ("slo_minute", "slo_hour"):
        counts = [_number("good"), _number("bad"), _number("planned"), _small("seeded")]
        _clustered(name, ("slo", "at"), _text("slo"), _number("at"), *counts)
    _clustered(
        "signal_minute",
        ("service", "at"),
        _text("service"),
        _number("at"),
        _number("requests"),
        _number("errors"),
        _text("latency"),
        _small("seeded"),
    )


def _create_runs() -> None:
    op.create_table(
        "run",
        sa.Column("id", ID, primary_key=True),
        _number("revision"),
        _text("experiment"),
        _text("service"),
        _text("phase"),
        sa.Column("live", sa.Boolean, nullable=False),
        _text("verdict", nullable=True),
        _number("created_at"),
        _text("record"),
    )
    op.create_index("run_live", "run", ["live", "id"])
    op.create_index("run_experiment", "run", ["experiment", "id"])
    _clustered(
        "journal",
        ("run_id", "seq"),
        sa.Column("run_id", ID, sa.ForeignKey("run.id"), nullable=False),
        _number("seq"),
        _number("at"),
        _text("kind"),
        _text("text"),
        _text("facts"),
        _text("previous"),
        _text("hash"),
    )


def _create_alerts() -> None:
    _clustered("alert_state", ("slo", "alert"), _text("slo"), _text("alert"), _text("record"))
    op.create_table(
        "alert_change",
        sa.Column("id", ID, primary_key=True),
        _text("slo"),
        _text("service"),
        _text("alert"),
        _text("state"),
        _number("at"),
        sa.Column("value", sa.Double),
    )
    op.create_index("alert_change_at", "alert_change", ["at", "id"])


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", ID, primary_key=True),
        _number("at"),
        _text("actor"),
        _text("action"),
        _text("subject"),
        _text("address"),
        _text("detail"),
        _text("outcome"),
        _text("outcome_detail"),
    )


def _create_access() -> None:
    op.create_table(
        "token",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        _text("role", nullable=True),
        _text("service", nullable=True),
        _number("created_at"),
    )
    op.create_table(
        "login",
        sa.Column("digest", sa.Text, primary_key=True),
        _text("principal"),
        _text("role", nullable=True),
        _number("ends_at"),
    )
    op.create_table(
        "session",
        sa.Column("digest", sa.Text, primary_key=True),
        _text("principal"),
        _text("role", nullable=True),
        _text("csrf"),
        _number("created_at"),
        _number("ends_at"),
    )
