"""Ten live runs on the demo's shop over real HTTP: does each alert fire inside its predicted band?"""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.figure import Figure
from benchmarks.stage import AGENT, Stage, free_port

RATE = 200
ROUTES = ("/", "/catalogue", "/products/{id}", "/cart", "/checkout")
WARM_SECONDS = 130

SLO = """
apiVersion: sre-portal.dev/v1
kind: SLO
metadata: {{name: {name}}}
spec:
  service: shop
  route: "{route}"
  sli: {sli}
  objective: {objective}
"""
EXPERIMENT = """
apiVersion: sre-portal.dev/v1
kind: Experiment
metadata: {{name: {name}}}
spec:
  target: {{service: shop, route: "{route}", share: {{percent: {percent}}}}}
  faults: [{fault}]
  duration: 40s
  budgetPercent: 100
  expectations: [{{type: alert, slo: {name}, alert: error-rate}}]
"""


@dataclass(frozen=True)
class Case:
    route: str
    percent: int
    fault: str
    sli: str

    @property
    def name(self) -> str:
        kind = "latency" if "threshold" in self.sli else "errors"
        return f"{self.route.strip('/{}id').replace('/', '') or 'home'}-{kind}"


AVAILABILITY = "{type: availability}"
LATENCY = "{type: latency, threshold: 300ms}"
SLOW = "{type: latency, delay: 500ms}"
ROUNDS = (
    [
        Case(route, percent, "{type: error, status: 503}", AVAILABILITY)
        for route, percent in zip(ROUTES, (100, 60, 40, 80, 100), strict=True)
    ],
    [
        Case(route, percent, SLOW, LATENCY)
        for route, percent in zip(ROUTES, (70, 50, 90, 100, 80), strict=True)
    ],
)


def run() -> list[Figure]:
    cases = [case for cases in ROUNDS for case in cases]
    documents = [SLO.format(name=case.name, route=case.route, sli=case.sli, objective=99) for case in cases]
    with Stage("---".join(documents), ["shop", "payments"]) as stage:
        _play_shop(stage)
        stage.agents_are_ready(2)
        time.sleep(WARM_SECONDS)
        results = [result for cases in ROUNDS for result in _round(stage, cases)]
    hits = sum(inside for inside, _ in results)
    widest = max(width for _, width in results)
    told = ", ".join(f"{width:.1f}" for _, width in results)
    return [
        Figure("live alerts firing inside the predicted band", hits, "of 10", "10", hits == len(results), ""),
        Figure(
            "widest predicted band, live", round(widest, 2), "s", "at most 3", widest <= 3, f"widths {told}"
        ),
    ]


def _play_shop(stage: Stage) -> None:
    shop, payments = free_port(), free_port()
    for name, port in (("payments", payments), ("shop", shop)):
        arguments = (
            name,
            "--port",
            str(port),
            "--portal",
            stage.url,
            "--payments",
            f"http://127.0.0.1:{payments}",
        )
        stage.play("sre_portal.demo.workload", *arguments, token=f"{AGENT}-{name}")
    stage.play("sre_portal.demo.traffic", "--shop", f"http://127.0.0.1:{shop}", "--rate", str(RATE))


def _round(stage: Stage, cases: list[Case]) -> list[tuple[bool, float]]:
    """Starts the cases side by side: their routes do not overlap."""
    ids = [
        stage.start(
            EXPERIMENT.format(name=case.name, route=case.route, percent=case.percent, fault=case.fault)
        )
        for case in cases
    ]
    found = [_judge(stage.finished(run_id), case) for run_id, case in zip(ids, cases, strict=True)]
    time.sleep(15)
    return found


def _judge(run: dict[str, object], case: Case) -> tuple[bool, float]:
    timeline, prediction = run["timeline"], run["prediction"]
    assert isinstance(timeline, dict)  # noqa: S101
    assert isinstance(prediction, dict)  # noqa: S101
    predicted = next(
        one for one in prediction["alerts"] if (one["slo"], one["alert"]) == (case.name, "error-rate")
    )
    band = predicted["firing"]
    track = next(one for one in timeline["alerts"] if (one["slo"], one["alert"]) == (case.name, "error-rate"))
    reasons = "" if run["verdict"] == "passed" else f", {run['verdict']}: {run['reasons']}"
    print(f"  {case.name}: predicted {band}{reasons}", flush=True)
    fired = next(lane["observed_s"] for lane in track["lanes"] if lane["hop"] == "firing")
    inside = band is not None and fired is not None and band["earliest_s"] <= fired <= band["latest_s"]
    return inside, (band["latest_s"] - band["earliest_s"]) if band else float("inf")
