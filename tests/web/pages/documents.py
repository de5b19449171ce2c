"""The documents of the scene."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sre_portal.core.experiment import Experiment
from sre_portal.core.parse import parse_experiment, parse_slo
from sre_portal.core.slo import Slo

THRESHOLDS_MS = {
    "payments": 200,
    "search": 300,
    "checkout": 800,
    "notifications": 400,
    "shop": 400,
    "cart": 250,
    "catalogue": 200,
    "identity": 150,
}

SLO = """
apiVersion: sre-portal.dev/v1
kind: SLO
metadata: {{name: {service}-{kind}}}
spec: {{service: {service}, sli: {sli}, objective: {objective}}}
"""

SLOW_PAYMENTS = """
apiVersion: sre-portal.dev/v1
kind: Experiment
metadata:
  name: slow-payments
  title: Payments slow, do we get paged?
  description: Half of the payments wait 600 ms. The fast alert has to fire when predicted, errors may not.
spec:
  target: {service: payments, share: {percent: 50}}
  faults: [{type: latency, delay: 600ms}]
  duration: 90s
  budgetPercent: 3
  steadyState: [{type: errors, slo: payments-availability, below: 1}]
  guardrails:
    - {type: errors, slo: payments-availability, below: 5}
    - {type: traffic, service: payments, above: 5}
    - {type: latency, service: checkout, quantile: 99, below: 2500ms}
  expectations:
    - {type: alert, slo: payments-latency, alert: error-rate}
    - {type: alert, slo: payments-availability, alert: error-rate, outcome: silent}
    - {type: holds, condition: {type: latency, service: shop, quantile: 99, below: 900ms}}
    - {type: recovers, within: 60s}
"""

CRASHING_CATALOGUE = """
apiVersion: sre-portal.dev/v1
kind: Experiment
metadata: {name: errors-catalogue, title: "A broken catalogue pages us, and customers can still pay"}
spec:
  target: {service: catalogue, share: {percent: 50}}
  faults: [{type: error, status: 503}]
  duration: 60s
  guardrails: [{type: errors, slo: checkout-availability, below: 5}]
  expectations: [{type: alert, slo: catalogue-availability, alert: error-rate}]
"""

NEVER_RUN = """
apiVersion: sre-portal.dev/v1
kind: Experiment
metadata: {name: aborts-for-some, title: Two users in a hundred are not worth a page}
spec:
  target: {service: shop, share: {percent: 2, of: users}}
  faults: [{type: abort}]
  duration: 45s
  expectations: [{type: alert, slo: shop-availability, alert: error-rate, outcome: silent}]
"""


def slos(service: str) -> Iterator[Slo]:
    yield parse_slo(
        SLO.format(service=service, kind="availability", sli="{type: availability}", objective="99.9")
    )
    threshold = timedelta(milliseconds=THRESHOLDS_MS.get(service, 300)) // timedelta(milliseconds=1)
    sli = f"{{type: latency, threshold: {threshold}ms}}"
    yield parse_slo(SLO.format(service=service, kind="latency", sli=sli, objective="99"))


def experiments() -> list[Experiment]:
    return [parse_experiment(text) for text in (SLOW_PAYMENTS, CRASHING_CATALOGUE, NEVER_RUN)]
