"""Something dies at each step of a run: the run ends by itself, harm is over, and the verdict says so."""

from __future__ import annotations

import pytest

from tests.demo.running import RunningDemo
from tests.live.stage import entered, is_untouched, start

pytestmark = pytest.mark.live

EXPERIMENT = """
apiVersion: sre-portal.dev/v1
kind: Experiment
metadata: {name: half-of-the-shop}
spec:
  target: {service: shop, share: {percent: 50}}
  faults: [{type: error, status: 503}]
  duration: 6s
  budgetPercent: 100
  guardrails: [{type: traffic, service: shop, above: 5, over: 3s}]
  steadyState: [{type: errors, slo: shop-availability, below: 20, over: 3s}]
"""


@pytest.mark.parametrize("phase", ["inject", "observe", "revert", "recover"])
@pytest.mark.parametrize("victim", ["portal", "shop", "traffic"])
async def test_a_run_ends_and_leaves_no_harm_when_something_dies(
    demo: RunningDemo, victim: str, phase: str
) -> None:
    run_id = await start(demo, EXPERIMENT)
    await entered(demo, run_id, phase)
    demo.children()[victim].kill()
    run = await entered(demo, run_id, "done")
    await is_untouched(demo)
    assert run["verdict"] is not None
    assert run["reasons"]
    if victim == "portal" and phase in {"inject", "observe"}:
        assert run["verdict"] == "aborted"
        assert any("restart" in reason for reason in run["reasons"]), run["reasons"]
