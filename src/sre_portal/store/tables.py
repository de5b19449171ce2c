"""All tables. What they look like on disk is decided by `migrations`; a test holds the two together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine

METADATA = MetaData()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

ID = BigInteger().with_variant(Integer, "sqlite")
"""A number the database gives. SQLite's INTEGER is as wide, and counts by itself only under that name."""


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept as whole microseconds since the Unix epoch: exact, and ordered."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = BigInteger
    cache_ok: bool | None = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + value * _MICROSECOND


def _key(name: str, kind: type[BigInteger | Text]) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _number(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False)


def _text(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False)


def _instant(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, Instant, nullable=nullable)


def _clustered(name: str, *columns: Column[Any] | Index) -> Table:
    """A table that SQLite keeps inside its primary key: a range of keys is one stretch of the file."""
    return Table(name, METADATA, *columns, sqlite_with_rowid=False)


slo_second = _clustered(
    "slo_second",
    _key("at", BigInteger),
    _key("slo", Text),
    _key("instance", Text),
    _number("good"),
    _number("bad"),
    _number("planned"),
)

signal_second = _clustered(
    "signal_second",
    _key("at", BigInteger),
    _key("service", Text),
    _key("instance", Text),
    _number("requests"),
    _number("errors"),
    _text("latency"),
)

# The seconds that are part of `injection_total`: one that is told again is known by this.
injection_second = _clustered(
    "injection_second", _key("at", BigInteger), _key("lease_id", Text), _key("instance", Text)
)

injection_total = _clustered("injection_total", _key("lease_id", Text), _text("counted"))

lease_status = _clustered(
    "lease_status",
    _key("run_id", BigInteger),
    _key("lease_id", Text),
    _key("instance", Text),
    _instant("started_at"),
    _number("seq"),
    _text("status"),
)

instance = _clustered(
    "instance",
    _key("service", Text),
    _key("instance", Text),
    _text("version"),
    _instant("started_at"),
    _instant("seen_at"),
    Column("clock_offset_ms", Double),
    Column("clock_error_ms", Double),
    _number("memory_bytes"),
    _number("dropped_seconds"),
    _number("misfires"),
    _text("routes"),
    _number("last_seq"),
)

# How often reports brought seconds of a minute, and how often they had when the minute was last summed.
minute_progress = _clustered("minute_progress", _key("at", BigInteger), _number("told"), _number("summed"))


def _slo_stretch(name: str) -> Table:
    return _clustered(
        name,
        _key("slo", Text),
        _key("at", BigInteger),
        _number("good"),
        _number("bad"),
        _number("planned"),
        Column("seeded", SmallInteger, nullable=False),
    )


slo_minute = _slo_stretch("slo_minute")
slo_hour = _slo_stretch("slo_hour")

signal_minute = _clustered(
    "signal_minute",
    _key("service", Text),
    _key("at", BigInteger),
    _number("requests"),
    _number("errors"),
    _text("latency"),
    Column("seeded", SmallInteger, nullable=False),
)

run = Table(
    "run",
    METADATA,
    Column("id", ID, primary_key=True),
    _number("revision"),
    _text("experiment"),
    _text("service"),
    _text("phase"),
    Column("live", Boolean, nullable=False),
    Column("verdict", Text),
    _instant("created_at"),
    _text("record"),
    Index("run_live", "live", "id"),
    Index("run_experiment", "experiment", "id"),
)

journal = _clustered(
    "journal",
    Column("run_id", ID, ForeignKey("run.id"), primary_key=True, autoincrement=False),
    _key("seq", BigInteger),
    _instant("at"),
    _text("kind"),
    _text("text"),
    _text("facts"),
    _text("previous"),
    _text("hash"),
)

alert_state = _clustered("alert_state", _key("slo", Text), _key("alert", Text), _text("record"))

alert_change = Table(
    "alert_change",
    METADATA,
    Column("id", ID, primary_key=True),
    _text("slo"),
    _text("service"),
    _text("alert"),
    _text("state"),
    _instant("at"),
    Column("value", Double),
    Index("alert_change_at", "at", "id"),
)

audit_entry = Table(
    "audit_entry",
    METADATA,
    Column("seq", ID, primary_key=True, autoincrement=False),
    _number("event"),
    _text("kind"),
    _instant("at"),
    _text("actor"),
    _text("actor_id"),
    _text("action"),
    _text("object"),
    _text("outcome"),
    Column("leaf", Text),
    _text("hash"),
    _text("nodes"),
    Index("audit_entry_event", "event", "kind", unique=True),
)

# One row: the signed checkpoint of the newest entry. It is also the lock of whoever appends.
audit_head = Table(
    "audit_head",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=False),
    _text("checkpoint"),
)

# How far each sink was told: the next entry to send.
audit_sink = Table("audit_sink", METADATA, _key("name", Text), _number("sent"))

account = Table(
    "account",
    METADATA,
    Column("id", ID, primary_key=True),
    _text("kind"),
    _text("provider"),
    _text("issuer"),
    _text("subject"),
    _text("name"),
    _text("email"),
    _text("groups"),
    Column("blocked", Boolean, nullable=False),
    _instant("created_at"),
    _instant("seen_at", nullable=True),
    Index("account_subject", "issuer", "subject", unique=True),
)

# Grants that were given by people; what the rules give is computed and never kept.
role_grant = Table(
    "role_grant",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("account_id", ID, ForeignKey("account.id"), nullable=False),
    _text("role"),
    Column("services", Text),
    _instant("ends_at", nullable=True),
    _text("source"),
    _text("reason"),
    _text("given_by"),
    _instant("created_at"),
    Index("role_grant_account", "account_id"),
)

# `role` and `services` bound what its account may; without an account they are what the token may.
token = Table(
    "token",
    METADATA,
    _key("name", Text),
    Column("digest", Text, nullable=False, unique=True),
    Column("role", Text),
    Column("services", Text),
    Column("service", Text),
    Column("account_id", ID, ForeignKey("account.id")),
    _text("origin"),
    _text("given_by"),
    _instant("created_at"),
    _instant("ends_at", nullable=True),
    _instant("used_at", nullable=True),
)

# One-time links.
login_link = Table(
    "login_link",
    METADATA,
    _key("digest", Text),
    _text("person"),
    _text("role"),
    _instant("ends_at"),
)

# Logins that a browser has begun at a provider, by the SHA-256 of their state.
login_attempt = Table(
    "login_attempt",
    METADATA,
    _key("digest", Text),
    _text("browser"),
    _text("provider"),
    _text("sealed"),
    _instant("ends_at"),
    Index("login_attempt_end", "ends_at"),
)

# Logout tokens that were obeyed, so that one that is shown again is refused.
logout_seen = _clustered("logout_seen", _key("issuer", Text), _key("jti", Text), _instant("ends_at"))

session = Table(
    "session",
    METADATA,
    _key("digest", Text),
    Column("id", Text, nullable=False, unique=True),
    Column("previous", Text),
    _instant("rotated_at"),
    Column("account_id", ID, ForeignKey("account.id"), nullable=False),
    _text("provider_session"),
    _text("csrf"),
    _text("address"),
    _text("browser"),
    _text("held"),
    _text("id_token"),
    _text("refresh_token"),
    _instant("refreshed_at"),
    _instant("created_at"),
    _instant("seen_at"),
    _instant("ends_at"),
    Index("session_account", "account_id"),
    Index("session_previous", "previous"),
)

# Rises with every change of a session, token, account or grant. One row.
access_epoch = Table(
    "access_epoch",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    _number("value"),
)

# Sets of flags. `version` rises with every change in the set, and is the lock of whoever changes it.
flag_set = Table("flag_set", METADATA, _key("name", Text), _number("version"))


def _flag_versions(name: str, *, all_of_them: bool) -> Table:
    """The key of what a set shares is empty; a removed flag has no definition."""
    return Table(
        name,
        METADATA,
        _key("flag_set", Text),
        _key("key", Text),
        _key("version", BigInteger) if all_of_them else _number("version"),
        _number("set_version"),
        Column("definition", Text),
        _instant("changed_at"),
        _text("changed_by"),
        _text("reason"),
    )


flag = _flag_versions("flag", all_of_them=False)
Index("flag_set_version", flag.c.flag_set, flag.c.set_version)
flag_version = _flag_versions("flag_version", all_of_them=True)
Index("flag_version_set_version", flag_version.c.flag_set, flag_version.c.set_version)

# Rises with every change of a flag. One row.
flag_epoch = Table(
    "flag_epoch",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    _number("value"),
)

# When each instance had a version of a set in force.
flag_seen = _clustered(
    "flag_seen",
    _key("flag_set", Text),
    _key("set_version", BigInteger),
    _key("service", Text),
    _key("instance", Text),
    _instant("seen_at"),
)

# What was evaluated: first, last, and how often. The row with an empty set says since when this is counted.
flag_use = _clustered(
    "flag_use",
    _key("flag_set", Text),
    _key("key", Text),
    _key("variant", Text),
    _instant("first_at"),
    _instant("last_at"),
    _number("count"),
)

# Conditions on error budgets that turned: of which flag, and by which facts.
flag_turn = Table(
    "flag_turn",
    METADATA,
    Column("id", ID, primary_key=True),
    _text("flag_set"),
    _text("key"),
    _instant("at"),
    _text("conditions"),
    _text("facts"),
    Index("flag_turn_at", "at", "id"),
    Index("flag_turn_flag", "flag_set", "key", "id"),
)

# Changes of flags that wait for a second person, for an instant, or for both.
flag_plan = Table(
    "flag_plan",
    METADATA,
    Column("id", ID, primary_key=True),
    _text("flag_set"),
    _text("key"),
    _text("step"),
    _text("state"),
    _instant("not_before", nullable=True),
    _text("reason"),
    _instant("proposed_at"),
    _text("proposed_by"),
    _text("proposed_by_id"),
    Column("proposed_account", BigInteger),
    Column("event", BigInteger),
    _instant("decided_at", nullable=True),
    _text("decided_by"),
    _text("decided_by_id"),
    Column("decided_account", BigInteger),
    _text("decision"),
    _instant("ended_at", nullable=True),
    _text("outcome"),
    Index("flag_plan_state", "state", "not_before"),
    Index("flag_plan_flag", "flag_set", "key", "id"),
)

# Signed words that a kill switch was drilled, and what came of it.
drill_certificate = Table(
    "drill_certificate",
    METADATA,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    _key("flag_set", Text),
    _key("key", Text),
    _text("verdict"),
    _instant("issued_at"),
    _text("text"),
    Index("drill_certificate_flag", "flag_set", "key", "issued_at"),
)
