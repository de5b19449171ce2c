"""Fidelity: whether the injection was what was asked, from what agents measured."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.contract.histogram import bucket_of
from sre_portal.core.fidelity import FidelityCheck, check, median_ms, outcome
from tests.unit.core.given import experiment, totals


def of(label: str, checks: tuple[FidelityCheck, ...]) -> FidelityCheck:
    return next(one for one in checks if label in one.label)


def test_an_injection_as_asked_is_in_band() -> None:
    checks = check(experiment(), (totals(),))
    assert [one.label for one in checks] == [
        "latency: requests hit",
        "latency: share of requests",
        "latency: added wait, median",
        "latency: hit minus other requests, median",
    ]
    assert outcome(checks) == "in_band"


@pytest.mark.parametrize(
    ("label", "fields"),
    [
        ("share", {"hits": 110}),
        ("share", {"hits": 5}),
        ("added wait", {"delay_ms": 440.0}),
        ("added wait", {"delay_ms": 200.0}),
        ("hit minus other", {"treated": {bucket_of(30_000_000): 60}}),
    ],
)
def test_an_injection_that_is_off_is_out_of_band(label: str, fields: dict[str, Any]) -> None:
    checks = check(experiment(), (totals(**fields),))
    assert of(label, checks).outcome == "out_of_band"
    assert outcome(checks) == "out_of_band"


def test_too_few_requests_say_nothing() -> None:
    checks = check(experiment(), (totals(matched=29, hits=29),))
    assert of("share", checks).outcome == "too_few"
    assert outcome(checks) == "too_few"
    assert outcome(check(experiment(), ())) == "too_few"
    assert outcome(()) == "too_few"


def test_a_fault_that_hit_nothing_is_never_in_band() -> None:
    rare = experiment(target={"share": {"percent": 1}})
    checks = check(rare, (totals(matched=100, hits=0),))
    assert of("share", checks).outcome == "in_band"
    assert of("requests hit", checks).outcome == "too_few"
    assert outcome(checks) == "too_few"


def test_without_other_requests_there_is_nothing_to_compare_with() -> None:
    everybody = experiment(target={"share": {"percent": 100}})
    checks = check(everybody, (totals(matched=60, hits=60),))
    assert not any("minus" in one.label for one in checks)
    assert outcome(checks) == "in_band"


def test_an_agent_that_steps_aside_now_and_then_is_not_held_against_a_run() -> None:
    everybody = experiment(target={"share": {"percent": 100}})
    assert outcome(check(everybody, (totals(matched=1000, hits=996),))) == "in_band"
    assert outcome(check(everybody, (totals(matched=1000, hits=980),))) == "out_of_band"


def test_a_share_of_users_has_a_wider_band_and_says_what_it_assumes() -> None:
    requests = experiment({"type": "abort"}, target={"share": {"percent": 10}})
    users = experiment({"type": "abort"}, target={"share": {"percent": 10, "of": "users"}})
    seen = (totals(matched=2000, hits=330),)
    assert of("share", check(requests, seen)).outcome == "out_of_band"
    wide = of("share", check(users, seen))
    assert wide.outcome == "in_band"
    assert wide.note == "counted in requests; assumes at least 50 users, about equally active"


DISTRIBUTIONS: list[tuple[dict[str, Any], float]] = [
    ({"distribution": "fixed"}, 400.0),
    ({"distribution": "uniform", "spread": "100ms"}, 400.0),
    ({"distribution": "normal", "spread": "100ms"}, 400.0),
    ({"distribution": "pareto", "shape": 2}, 565.7),
    ({"distribution": "pareto", "shape": 2, "cap": "500ms"}, 500.0),
]


@pytest.mark.parametrize(("fields", "median"), DISTRIBUTIONS)
def test_the_median_of_every_distribution_is_known(fields: dict[str, Any], median: float) -> None:
    fault = experiment({"type": "latency", "delay": "400ms", **fields}).spec.faults[0]
    assert fault.type == "latency"
    assert median_ms(fault) == pytest.approx(median, abs=0.1)


@given(st.integers(0, 10_000), st.integers(30, 400))
def test_waits_drawn_as_asked_are_never_called_out_of_band(seed: int, hits: int) -> None:
    draw = Random(seed)
    waits: dict[int, int] = {}
    for _ in range(hits):
        bucket = bucket_of(int((400 + draw.uniform(-150, 150)) * 1e6))
        waits[bucket] = waits.get(bucket, 0) + 1
    spread = experiment({"type": "latency", "delay": "400ms", "distribution": "uniform", "spread": "150ms"})
    checks = check(spread, (totals(matched=2 * hits, hits=hits, delay=waits),))
    assert of("added wait", checks).outcome == "in_band"


def test_hits_that_still_wait_are_not_taken_for_short_ones() -> None:
    spread = experiment({"type": "latency", "delay": "2s", "distribution": "uniform", "spread": "2s"})
    short = {bucket_of(800_000_000): 25}
    early = check(spread, (totals(matched=120, hits=60, delay=short),))
    ended = check(spread, (totals(matched=120, hits=60, delay=short, cut=35),))
    assert of("added wait", early).outcome == "in_band"
    assert of("added wait", ended).outcome == "in_band"
    stuck = check(spread, (totals(matched=120, hits=60, delay={bucket_of(10_000_000): 60}),))
    assert of("added wait", stuck).outcome == "out_of_band"


def test_errors_and_aborts_are_delivered_and_counted() -> None:
    for fault in ({"type": "error"}, {"type": "abort"}):
        checks = check(experiment(fault), (totals(delay={}),))
        assert [one.unit for one in checks] == ["count", "ratio"]
        assert outcome(checks) == "in_band"


def test_each_fault_is_checked_by_its_own_lease() -> None:
    two = experiment(faults=[{"type": "error"}, {"type": "abort"}])
    checks = check(two, (totals(lease_id="12-1"), totals(lease_id="12-0", hits=0, matched=0)))
    assert [(one.label, one.outcome) for one in checks] == [
        ("error (1 of 2): requests hit", "too_few"),
        ("error (1 of 2): share of requests", "too_few"),
        ("abort (2 of 2): requests hit", "in_band"),
        ("abort (2 of 2): share of requests", "in_band"),
    ]
