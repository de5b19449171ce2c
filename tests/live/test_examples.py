"""The examples, run by the command line against the real demo."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from sre_portal.cli.exits import CODE_OF_VERDICT
from tests.demo.running import RunningDemo
from tests.live.stage import warmed_up

pytestmark = pytest.mark.live

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", ["latency-checkout.yaml", "errors-payments.yaml", "abort-catalogue.yaml"])
async def test_an_example_ends_with_a_verdict_and_its_exit_code(demo: RunningDemo, name: str) -> None:
    """Whether an alert fires inside a band of seconds depends on the machine: the benchmarks measure that."""
    await warmed_up(demo, 60)
    told = {"SRE_PORTAL_URL": demo.ready["portal"], "SRE_PORTAL_TOKEN": demo.ready["token"]}
    command = (
        sys.executable,
        "-m",
        "sre_portal.cli.app",
        "experiment",
        "run",
        "--json",
        str(EXAMPLES / name),
    )
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env={**os.environ, **told}
    )
    output, _ = await process.communicate()
    run = json.loads(output)
    assert process.returncode == CODE_OF_VERDICT[run["verdict"]]
    assert run["reasons"]
    assert run["timeline"]["effective_at"] < run["timeline"]["reverted_at"]
    assert all(receipt["status"] for receipt in run["receipts"])
