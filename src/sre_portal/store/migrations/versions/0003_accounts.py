"""Accounts, grants, tokens that end, sessions that are listed. Whoever was logged in logs in again."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _text(name: str, *, nullable: bool = False, unique: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable, unique=unique)


def _number(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def upgrade() -> None:
    """Tokens are put in again from the settings at each start; sessions and links are short-lived."""
    for name in ("session", "login", "token"):
        op.drop_table(name)
    _create_accounts()
    _create_tokens()
    _create_logins()
    _create_sessions()
    op.create_table(
        "access_epoch",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        _number("value"),
    )
    op.execute("INSERT INTO access_epoch (id, value) VALUES (1, 0)")


def _create_accounts() -> None:
    op.create_table(
        "account",
        sa.Column("id", ID, primary_key=True),
        _text("kind"),
        _text("provider"),
        _text("issuer"),
        _text("subject"),
        _text("name"),
        _text("email"),
        _text("groups"),
        sa.Column("blocked", sa.Boolean, nullable=False),
        _number("created_at"),
        _number("seen_at", nullable=True),
    )
    op.create_index("account_subject", "account", ["issuer", "subject"], unique=True)
    op.create_table(
        "role_grant",
        sa.Column("id", ID, primary_key=True),
        sa.Column("account_id", ID, sa.ForeignKey("account.id"), nullable=False),
        _text("role"),
        _text("services", nullable=True),
        _number("ends_at", nullable=True),
        _text("source"),
        _text("reason"),
        _text("given_by"),
        _number("created_at"),
    )
    op.create_index("role_grant_account", "role_grant", ["account_id"])


def _create_tokens() -> None:
    op.create_table(
        "token",
        sa.Column("name", sa.Text, primary_key=True),
        _text("digest", unique=True),
        _text("role", nullable=True),
        _text("services", nullable=True),
        _text("service", nullable=True),
        sa.Column("account_id", ID, sa.ForeignKey("account.id")),
        _text("origin"),
        _text("given_by"),
        _number("created_at"),
        _number("ends_at", nullable=True),
        _number("used_at", nullable=True),
    )


def _create_logins() -> None:
    op.create_table(
        "login_link",
        sa.Column("digest", sa.Text, primary_key=True),
        _text("person"),
        _text("role"),
        _number("ends_at"),
    )
    op.create_table(
        "login_attempt",
        sa.Column("digest", sa.Text, primary_key=True),
        _text("browser"),
        _text("provider"),
        _text("sealed"),
        _number("ends_at"),
    )
    op.create_index("login_attempt_end", "login_attempt", ["ends_at"])
    op.create_table(
        "logout_seen",
        _text("issuer"),
        _text("jti"),
        _number("ends_at"),
        sa.PrimaryKeyConstraint("issuer", "jti"),
        sqlite_with_rowid=False,
    )


def _create_sessions() -> None:
    op.create_table(
        "session",
        sa.Column("digest", sa.Text, primary_key=True),
        _text("id", unique=True),
        _text("previous", nullable=True),
        _number("rotated_at"),
        sa.Column("account_id", ID, sa.ForeignKey("account.id"), nullable=False),
        _text("provider_session"),
        _text("csrf"),
        _text("address"),
        _text("browser"),
        _text("held"),
        _text("id_token"),
        _text("refresh_token"),
        _number("refreshed_at"),
        _number("created_at"),
        _number("seen_at"),
        _number("ends_at"),
    )
    op.create_index("session_account", "session", ["account_id"])
    op.create_index("session_previous", "session", ["previous"])
