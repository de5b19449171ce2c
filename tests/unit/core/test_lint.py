"""What is wrong with an experiment in this portal, and what could be better."""

from typing import Any

import pytest

from sre_portal.core.lint import advice_of, problems_of
from tests.unit.core.documents import slo_of
from tests.unit.core.given import FIRES, HOLDS, RECOVERS, SILENT, experiment, full_experiment

SLOS = {
    slo.name: slo
    for slo in (
        slo_of(),
        slo_of("checkout-latency", "300ms", route="/checkout", methods=["POST"]),
        slo_of("cart-availability", route="/cart"),
        slo_of("payments-availability", service="payments"),
    )
}
ROUTES = {"shop": ("/", "/checkout", "/products/{id}"), "payments": (), "search": ("GET /find",)}


def found(**spec: Any) -> list[str]:  # noqa: ANN401  # any field of the document
    return [str(problem) for problem in problems_of(full_experiment(**spec), SLOS, ROUTES)]


def test_an_experiment_that_names_only_what_is_known_has_no_problem() -> None:
    assert found() == []


CASES: list[tuple[dict[str, Any], str]] = [
    (
        {"target": {"service": "shopp"}},
        'spec.target.service: "shopp"; expected a service that this portal knows: shop, payments, search',
    ),
    (
        {"target": {"service": "shop", "route": "/chekout"}},
        'spec.target.route: "/chekout"; expected a route of shop: /checkout, /, /products/{id}',
    ),
    (
        {"guardrails": [{"type": "latency", "service": "store", "quantile": 99, "below": "1s"}]},
        (
            'spec.guardrails[0].service: "store"; expected a service that this portal knows: '
            "payments, search, shop"
        ),
    ),
    (
        {"steadyState": [{"type": "errors", "slo": "shop", "below": 5}]},
        (
            'spec.steadyState[0].slo: "shop"; expected an SLO that this portal knows: '
            "cart-availability, checkout-latency, payments-availability, shop-availability"
        ),
    ),
    (
        {"expectations": [{**HOLDS, "condition": {"type": "traffic", "service": "x", "above": 1}}]},
        (
            'spec.expectations[0].condition.service: "x"; expected a service that this portal knows: '
            "payments, search, shop"
        ),
    ),
    (
        {"expectations": [{**FIRES, "slo": "checkout-latencies"}]},
        (
            'spec.expectations[0].slo: "checkout-latencies"; expected an SLO that this portal knows: '
            "checkout-latency, cart-availability, payments-availability, shop-availability"
        ),
    ),
    (
        {"expectations": [{**FIRES, "slo": "payments-availability"}]},
        (
            "spec.expectations[0].between: nothing; expected [earliest, latest] since the first hit: "
            "payments-availability belongs to payments, and what it does when shop breaks is not predicted"
        ),
    ),
    (
        {"expectations": [{**FIRES, "slo": "cart-availability"}]},
        (
            'spec.expectations[0].slo: "cart-availability"; expected an SLO that counts requests of the '
            "target: this one counts none"
        ),
    ),
    (
        {"duration": "20s", "expectations": [FIRES]},
        "spec.duration: 20s; expected at least 30s: error-rate of checkout-latency fires after 30s of errors",
    ),
]


@pytest.mark.parametrize(("spec", "message"), CASES, ids=[message for _, message in CASES])
def test_a_problem_names_what_is_known_the_likest_first(spec: dict[str, Any], message: str) -> None:
    assert message in found(**spec)


def test_an_alert_of_another_service_needs_a_band_only_to_fire() -> None:
    away = {"slo": "payments-availability"}
    assert found(expectations=[{**SILENT, **away}]) == []
    assert found(expectations=[{**FIRES, **away, "between": ["20s", "40s"]}]) == []


def test_a_short_fault_may_expect_silence_and_burn_rates() -> None:
    assert found(duration="20s", expectations=[SILENT, {**FIRES, "alert": "burn-14.4"}]) == []


def test_a_route_is_matched_as_a_pattern_where_routes_are_known() -> None:
    def of(service: str, route: str) -> bool:
        return bool(found(target={"service": service, "route": route}, expectations=[], guardrails=[]))

    assert not of("shop", "/products/7")
    assert not of("shop", "/prod*")
    assert not of("payments", "/anything")
    assert not of("search", "/find")
    assert of("search", "/lost")


def test_advice_is_about_what_a_run_would_not_notice() -> None:
    assert advice_of(full_experiment()) == []
    assert advice_of(experiment({"type": "error", "status": 404})) == [
        "No guardrail: nothing but its end, its budget or a person would stop this run.",
        "No steady state: the run may start into trouble, and nobody sees whether it comes back.",
        "No expectation: the run breaks something and proves nothing.",
        "Status 404 is below 500 and counts as good in every SLI: no alert will move.",
    ]
    assert advice_of(full_experiment(expectations=[RECOVERS])) == []
