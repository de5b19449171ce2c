"""Lint holds these rules. Here is the proof that it does."""

import subprocess
import sys

import pytest

from tests.rules.repository import ROOT


def codes(source: str, path: str) -> set[str]:
    """What ruff finds in a source, as if it were this file of the repository."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--output-format", "concise", "--stdin-filename", path, "-"],
        cwd=ROOT,
        check=False,
        input=source,
        capture_output=True,
        text=True,
    )
    return {line.split(": ", 1)[1].split(" ")[0] for line in done.stdout.splitlines() if f"{path}:" in line}


CLOCKS = [
    "import time\n\nstarted = time.time()\n",
    "from time import monotonic\n\nstarted = monotonic()\n",
    "import datetime as dt\n\nstarted = dt.datetime.now(dt.UTC)\n",
    "from datetime import UTC, datetime\n\nstarted = datetime.now(UTC)\n",
]


@pytest.mark.parametrize("source", CLOCKS)
@pytest.mark.parametrize(
    "path", ["src/sre_portal/core/slo.py", "src/sre_portal/clients/folder.py", "tests/unit/test_a.py"]
)
def test_nobody_reads_the_clock(source: str, path: str) -> None:
    assert "TID251" in codes(source, path)


@pytest.mark.parametrize("source", CLOCKS)
@pytest.mark.parametrize("path", ["src/sre_portal/agent/clock.py", "src/sre_portal/clients/clock.py"])
def test_the_two_clocks_read_the_clock(source: str, path: str) -> None:
    assert "TID251" not in codes(source, path)


def test_imports_name_the_whole_path() -> None:
    assert "TID252" in codes("from . import slo\n\nprint(slo)\n", "src/sre_portal/core/alert.py")


def test_the_unmaintained_http_client_is_not_imported() -> None:
    assert "TID251" in codes("import httpx\n\nclient = httpx.Client()\n", "src/sre_portal/cli/client.py")
