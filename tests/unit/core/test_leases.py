"""What an experiment and an SLO mean to an agent."""

from typing import Any

import pytest

from sre_portal.contract.fault import Abort, ErrorException, ErrorStatus, Latency
from sre_portal.contract.lease import Lease, SliDefinition
from sre_portal.contract.match import Match, Share
from sre_portal.core.experiment import Target
from sre_portal.core.leases import (
    counts_for,
    definition_of,
    fault_of,
    lease_ids,
    leases_of,
    overlaps,
    shared_slos,
)
from tests.unit.core.documents import experiment_of, slo_of
from tests.unit.core.given import experiment


def test_an_experiment_becomes_one_lease_a_fault() -> None:
    target = {"headers": {"X-Tenant": "acme", "A": "*"}, "share": {"percent": 12.5, "of": "users"}}
    what = experiment({"type": "abort"}, target=target)
    match = Match(("POST",), "/checkout", (("a", "*"), ("x-tenant", "acme")))
    share = Share(0.125, "users", "x-user-id")
    assert leases_of(what, 12, 5000.0) == (Lease("12-0", 12, Abort(), match, share, 5000.0),)
    assert lease_ids(what, 12) == ("12-0",)


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"type": "latency", "delay": "1s"}, Latency(1000.0)),
        (
            {"type": "latency", "delay": "1s", "distribution": "normal", "spread": "50ms", "cap": "2s"},
            Latency(1000.0, "normal", 50.0, cap_ms=2000.0),
        ),
        (
            {"type": "latency", "delay": "1s", "distribution": "pareto", "shape": 1.5},
            Latency(1000.0, "pareto", shape=1.5),
        ),
        ({"type": "error", "status": 418, "body": "teapot"}, ErrorStatus(418, "teapot")),
        ({"type": "error", "exception": True}, ErrorException()),
        ({"type": "abort"}, Abort()),
    ],
)
def test_a_fault_reads_the_same_on_the_wire(document: dict[str, Any], fault: object) -> None:
    assert fault_of(experiment(document).spec.faults[0]) == fault


def test_an_slo_becomes_what_an_agent_counts() -> None:
    latency = slo_of("checkout-latency", "300ms", route="/checkout", methods=["post"])
    assert definition_of(latency) == SliDefinition(
        "checkout-latency", "latency", Match(("POST",), "/checkout"), 300.0
    )
    assert definition_of(slo_of()) == SliDefinition("shop-availability", "availability", Match())


def target(**fields: Any) -> Target:  # noqa: ANN401  # any field
    return Target.model_validate({"service": "shop"} | fields)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ({}, {}, True),
        ({}, {"service": "payments"}, False),
        ({"route": "/checkout"}, {}, True),
        ({"route": "/checkout"}, {"route": "/cart"}, False),
        ({"route": "/products/{id}"}, {"route": "/products/*"}, True),
        ({"methods": ["GET"]}, {"methods": ["POST"]}, False),
        ({"methods": ["get", "PUT"]}, {"methods": ["GET"]}, True),
        ({"headers": {"x-tenant": "a"}}, {"headers": {"x-tenant": "b"}}, True),
        ({"share": {"percent": 1}}, {"share": {"percent": 1}}, True),
    ],
)
def test_targets_overlap_where_one_request_can_fall_under_both(
    one: dict[str, Any], other: dict[str, Any], both: bool
) -> None:
    assert overlaps(target(**one), target(**other)) is both
    assert overlaps(target(**other), target(**one)) is both


def test_an_slo_counts_a_target_whose_requests_it_may_see() -> None:
    checkout = slo_of("checkout-latency", "300ms", route="/checkout", methods=["POST"])
    assert counts_for(target(), checkout)
    assert counts_for(target(route="/*"), checkout)
    assert not counts_for(target(methods=["GET"]), checkout)
    assert not counts_for(target(route="/cart"), checkout)
    assert not counts_for(target(service="payments"), checkout)


def test_two_experiments_share_the_slos_that_one_burns_and_the_other_is_judged_by() -> None:
    slos = [slo_of("home", route="/"), slo_of("checkout", route="/checkout"), slo_of("shop-availability")]
    home, checkout = (experiment_of(target={"route": route}) for route in ("/", "/checkout"))
    assert shared_slos(home, checkout, slos) == ["shop-availability"]
    assert shared_slos(home, checkout, slos[:2]) == []
    silent = {"type": "alert", "slo": "checkout", "alert": "error-rate", "outcome": "silent"}
    judging = experiment_of(target={"route": "/"}, expectations=[silent])
    assert (
        shared_slos(judging, checkout, slos[:2]) == shared_slos(checkout, judging, slos[:2]) == ["checkout"]
    )
