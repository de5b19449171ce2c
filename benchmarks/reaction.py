"""How fast harm begins and ends: asked to hit, STOP ALL, a killed portal, a breached guardrail."""

from __future__ import annotations

import json
import time
from datetime import datetime
from subprocess import Popen

from benchmarks.figure import Figure
from benchmarks.stage import Stage, until

AGENTS = 50
ROUNDS = 40
KILLS = 3
BREACHES = 8

SLO = """
apiVersion: sre-portal.dev/v1
kind: SLO
metadata: {name: swarm-availability}
spec: {service: swarm, sli: {type: availability}, objective: 50}
"""
ERRORS = """
apiVersion: sre-portal.dev/v1
kind: Experiment
metadata: {name: swarm-errors}
spec:
  target: {service: swarm}
  faults: [{type: error, status: 503}]
  duration: 60s
  budgetPercent: 100
"""
GUARDED = """
apiVersion: sre-portal.dev/v1
kind: Experiment
metadata: {name: swarm-guarded}
spec:
  target: {service: swarm}
  faults: [{type: latency, delay: 50ms}]
  duration: 60s
  budgetPercent: 100
  guardrails: [{type: errors, slo: swarm-availability, below: 20, over: 2s}]
"""


def run() -> list[Figure]:
    with Stage(SLO, ["swarm"]) as stage:
        swarm = stage.play("benchmarks.swarm", "--portal", stage.url, "--count", str(AGENTS))
        stage.agents_are_ready(AGENTS)
        time.sleep(5)
        begun, stopped = _start_and_stop(stage, swarm)
        breached = [_breach(stage, swarm) for _ in range(BREACHES)]
        killed = [_kill(stage, swarm) for _ in range(KILLS)]
    return [
        _figure(f"fault asked (API) to first request hit, p99 of {ROUNDS}", begun, 300.0),
        _figure(
            f"STOP ALL to last injected request begins, {AGENTS} agents, p99 of {ROUNDS}", stopped, 250.0
        ),
        _figure(f"portal SIGKILL to last injected request begins, worst of {KILLS}", killed, 5000.0),
        _figure(f"guardrail breached in the traffic to revert, worst of {BREACHES}", breached, 2500.0),
    ]


def _figure(name: str, seconds: list[float], bar_ms: float) -> Figure:
    """The worst of the rounds: with fewer than a hundred rounds it is also the 99th percentile."""
    told = sorted(one * 1000 for one in seconds)
    spread = f"{told[0]:.0f} to {told[-1]:.0f}, median {told[len(told) // 2]:.0f}"
    return Figure(name, round(told[-1], 1), "ms", f"at most {bar_ms:g}", told[-1] <= bar_ms, spread)


def _start_and_stop(stage: Stage, swarm: Popen[str]) -> tuple[list[float], list[float]]:
    begun, stopped = [], []
    for _ in range(ROUNDS):
        _last(swarm)
        asked_at = time.time()
        run_id = stage.start(ERRORS)
        hit_at = until(lambda: stage.run(run_id)["timeline"]["effective_at"], "the first hit")  # noqa: B023
        begun.append(_epoch(hit_at) - asked_at)
        until(lambda: _last(swarm)["hit"] == AGENTS, "every agent to hit")
        stop_at = time.time()
        stage.post("/stop-all")
        stage.finished(run_id)
        stopped.append(max(0.0, _last(swarm)["at"] - stop_at))
    return begun, stopped


def _breach(stage: Stage, swarm: Popen[str]) -> float:
    time.sleep(5)  # the window of the guardrail has to be clean again
    run_id = stage.start(GUARDED)
    until(lambda: stage.run(run_id)["phase"] == "observe", "the run to observe")
    time.sleep(3)
    failing_at = time.time()
    _tell(swarm, "fail")
    run = stage.finished(run_id)
    _tell(swarm, "heal")
    if run["verdict"] != "aborted":
        raise RuntimeError(f"the guardrail did not abort: {run['reasons']}")
    return _epoch(run["timeline"]["reverted_at"]) - failing_at


def _kill(stage: Stage, swarm: Popen[str]) -> float:
    stage.start(ERRORS)
    _last(swarm)
    until(lambda: _last(swarm)["hit"] == AGENTS, "every agent to hit")
    killed_at = stage.kill_portal()
    time.sleep(7)
    last_at = float(_last(swarm)["at"])
    stage.start_portal()
    stage.agents_are_ready(AGENTS)
    until(lambda: not [one for one in stage.get("/runs?limit=5") if one["live"]], "the cut run to end")
    time.sleep(3)
    return last_at - killed_at


def _tell(swarm: Popen[str], command: str) -> None:
    assert swarm.stdin is not None  # noqa: S101
    swarm.stdin.write(command + "\n")
    swarm.stdin.flush()


def _last(swarm: Popen[str]) -> dict[str, float]:
    _tell(swarm, "last")
    assert swarm.stdout is not None  # noqa: S101
    return dict(json.loads(swarm.stdout.readline()))


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
