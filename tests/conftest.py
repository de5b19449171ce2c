"""What every test may ask for: a PostgreSQL server of its own, and Chromium.

A test that asks for `postgres_url` or `chromium` is marked `postgres` or `browser` by that.
`make test` installs both programs where it can.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from scripts.run_tests import BROWSER
from tests.postgres import program_of, running_postgres

# A deadline for one example measures the machine, not the code.
settings.register_profile("portal", settings(), deadline=None)
settings.load_profile("portal")

MARKER_OF_FIXTURE = {"postgres_url": "postgres", "chromium": "browser"}


@dataclass(frozen=True)
class Chromium:
    """Where Chromium is and how to start it headless, also as root and without a network."""

    path: Path
    flags: tuple[str, ...] = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark a test by what it asks for, before -m selects."""
    for item in items:
        for fixture, marker in MARKER_OF_FIXTURE.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)


@pytest.fixture(scope="session")
def chromium() -> Chromium:
    """Chromium, for Playwright's executable_path and args."""
    return Chromium(program_of(BROWSER))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A SQLAlchemy URL of an empty database on a server that ends with the session.

    Under xdist each worker has its own server.
    """
    with running_postgres() as url:
        yield url
