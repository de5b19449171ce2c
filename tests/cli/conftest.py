"""What the tests of the command line share: the stub portal, a runner, and a document."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sre_portal.cli.app import app
from tests.cli.stub import TOKEN, StubPortal, stub_portal

Invoke = Callable[..., Result]


@pytest.fixture
def portal() -> Iterator[StubPortal]:
    with stub_portal() as stub:
        yield stub


@pytest.fixture
def invoke(portal: StubPortal) -> Invoke:
    """Runs a command against the stub, as Omar."""

    def run(*arguments: str, **environment: str) -> Result:
        given = {"SRE_PORTAL_URL": portal.url, "SRE_PORTAL_TOKEN": TOKEN, "COLUMNS": "120"} | environment
        return CliRunner().invoke(app, list(arguments), env=given)

    return run


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """An experiment the stub does not look at."""
    path = tmp_path / "latency-checkout.yaml"
    path.write_text("kind: Experiment\n", encoding="utf-8")
    return path
