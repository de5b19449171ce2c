"""The ports over one database: SQLAlchemy Core on SQLite and PostgreSQL, one file a noun.

`database.open_store` opens it, `desk.Desk` holds the leases (in memory). Everything else is for these two.
Every instant in the tables is a whole number of microseconds since the Unix epoch, on both databases; an `at`
of counted seconds, minutes and hours is whole seconds. Work is a plain function of a connection and runs on
a thread of the store (docs/adr/0002-the-store.md).
"""
