"""The settings of the audit log: every problem at once, and no secret in any of them."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from sre_portal.core.errors import InvalidInput
from sre_portal.settings import Settings, parse_secrets
from sre_portal.wiring import keys_of, sinks_of

GOOD = b64encode(b"k" * 32).decode()
POSTGRES = "postgresql://portal:hunter2@db/portal"


def problems(**given: str) -> dict[str, str]:
    with pytest.raises(InvalidInput) as wrong:
        Settings.parse({f"SRE_PORTAL_{name.upper()}": text for name, text in given.items()})
    return {one.path: f"{one.seen}; {one.expected}" for one in wrong.value.problems}


def test_postgresql_needs_a_secret_key() -> None:
    found = problems(database_url=POSTGRES)
    assert "a secret key where the database is PostgreSQL" in found["SRE_PORTAL_SECRET_KEY"]
    Settings.parse({"SRE_PORTAL_DATABASE_URL": POSTGRES, "SRE_PORTAL_SECRET_KEY": GOOD})
    assert Settings.parse({}).secret_key.get_secret_value() == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not base64!", "base64 of random bytes"),
        (",", "at least 32 random bytes"),
        (",,,", "at least 32 random bytes"),
        (b64encode(b"short").decode(), "at least 32 random bytes"),
        (f"{GOOD},{b64encode(b'short').decode()}", "at least 32 random bytes"),
    ],
)
def test_a_secret_key_that_is_none_is_refused_and_not_shown(text: str, expected: str) -> None:
    told = problems(secret_key=text)["SRE_PORTAL_SECRET_KEY"]
    assert expected in told
    assert told.startswith("a secret value")


def test_every_problem_comes_at_once() -> None:
    found = problems(
        database_url=POSTGRES,
        audit_keep_days="-1",
        audit_sinks="syslog://a,otlp+http://",
        audit_accept="7",
    )
    assert set(found) == {
        "SRE_PORTAL_SECRET_KEY",
        "SRE_PORTAL_AUDIT_KEEP_DAYS",
        "SRE_PORTAL_AUDIT_SINKS",
        "SRE_PORTAL_AUDIT_ACCEPT",
    }
    assert "hunter2" not in str(found)


def test_several_secrets_are_taken_in_order() -> None:
    older = b64encode(b"o" * 32).decode()
    assert parse_secrets(f"{GOOD},{older}") == (b"k" * 32, b"o" * 32)
    settings = Settings.parse({"SRE_PORTAL_SECRET_KEY": f"{GOOD},{older}"})
    assert keys_of(settings).held == (b"k" * 32, b"o" * 32)
    assert GOOD not in repr(settings)


def test_an_embedded_portal_draws_its_own(tmp_path: Path) -> None:
    settings = Settings.parse({}, data_dir=tmp_path)
    assert keys_of(settings) == keys_of(settings)
    (tmp_path / "secret.key").write_text("broken")
    with pytest.raises(InvalidInput, match="SRE_PORTAL_SECRET_KEY"):
        keys_of(settings)


def test_each_sink_has_what_tells_it() -> None:
    urls = "syslog+tcp://a:601,syslog+udp://b:514,otlp+https://c:4318"
    settings = Settings.parse({"SRE_PORTAL_AUDIT_SINKS": urls})
    assert ",".join(one.name for one in sinks_of(settings)) == urls
