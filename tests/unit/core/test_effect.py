"""What faults do to SLOs, against draws from the agent's own distributions."""

from random import Random
from typing import Any

import pytest

from sre_portal.agent.faults.latency import draw_ms
from sre_portal.contract.fault import Latency
from sre_portal.contract.histogram import bucket_of
from sre_portal.core.delay import delay_parts, delay_s
from sre_portal.core.effect import ANSWER_SECONDS, Effect, effect_of, share_bounds
from sre_portal.core.experiment import LatencyFault, ShareSpec
from sre_portal.core.overlap import Overlap
from sre_portal.core.signal import Signal
from tests.unit.core.documents import experiment_of, slo_of

FAST = slo_of("fast", threshold="300ms")
UP = slo_of("up")
USUAL = Signal(0, requests=300, latency={bucket_of(ms * 1_000_000): 100 for ms in (10, 20, 40)})


def effect(fault: dict[str, Any], target: dict[str, Any] | None = None, *, fast: bool = False) -> Effect:
    return effect_of(experiment_of(fault, target), FAST if fast else UP, USUAL)


@pytest.mark.parametrize(
    ("fault", "bad"),
    [
        ({"type": "error", "status": 503}, 1),
        ({"type": "error", "status": 500}, 1),
        ({"type": "error", "status": 429}, 0),
        ({"type": "error", "status": 429, "exception": True}, 1),
        ({"type": "abort"}, 1),
    ],
)
def test_errors_of_the_service_are_bad_at_once_for_either_kind_of_slo(
    fault: dict[str, Any], bad: float
) -> None:
    for fast in (False, True):
        found = effect(fault, {"share": {"percent": 40}}, fast=fast)
        assert found.low == found.high == pytest.approx(0.4 * bad)
        assert found.longest_s == ANSWER_SECONDS
        assert found.replaces


def test_a_delay_does_not_harm_availability_and_is_counted_late() -> None:
    found = effect({"type": "latency", "delay": "2s"})
    assert (found.low, found.high) == (0, 0)
    assert 2 <= found.fates[0].early_s <= 2.04 <= found.longest_s < 2.1
    assert not found.replaces


@pytest.mark.parametrize(("delay", "bad"), [("2s", 1), ("301ms", 1), ("200ms", 0), ("100ms", 0)])
def test_a_delay_is_bad_where_it_exceeds_the_threshold(delay: str, bad: float) -> None:
    found = effect({"type": "latency", "delay": delay}, fast=True)
    assert (found.low, found.high) == (bad, bad)


def test_a_delay_just_under_the_threshold_is_bad_with_the_base_latency() -> None:
    found = effect({"type": "latency", "delay": "272ms"}, fast=True)
    assert found.low == pytest.approx(1 / 3)
    assert found.high >= 1 / 3
    unsure = effect({"type": "latency", "delay": "262ms"}, fast=True)
    assert unsure.low == 0
    assert unsure.high == pytest.approx(2 / 3)


def test_for_a_part_of_a_service_only_the_extremes_of_a_close_delay_are_known() -> None:
    slo = slo_of("fast-cart", threshold="300ms", route="/cart")
    close = effect_of(experiment_of({"type": "latency", "delay": "272ms"}), slo, USUAL)
    assert (close.low, close.high) == (0, 1)
    far = effect_of(experiment_of({"type": "latency", "delay": "2s"}), slo, USUAL)
    assert (far.low, far.high) == (1, 1)


def test_without_a_measured_latency_anything_under_the_threshold_may_be_bad() -> None:
    found = effect_of(experiment_of({"type": "latency", "delay": "10ms"}), FAST, Signal(0))
    assert (found.low, found.high) == (0, 1)
    sure = effect_of(experiment_of({"type": "latency", "delay": "400ms"}), FAST, Signal(0))
    assert (sure.low, sure.high) == (1, 1)


def test_a_held_request_that_is_let_go_is_bad_once_it_was_held_over_the_threshold() -> None:
    found = effect({"type": "latency", "delay": "2s"}, fast=True)
    assert found.held_bad_s is not None
    assert 0.25 < found.held_bad_s[0] < found.held_bad_s[1] == 0.3
    assert effect({"type": "latency", "delay": "2s"}).held_bad_s is None


FAULTS = [
    {"type": "latency", "delay": "300ms"},
    {"type": "latency", "delay": "300ms", "distribution": "uniform", "spread": "400ms"},
    {"type": "latency", "delay": "250ms", "distribution": "normal", "spread": "100ms"},
    {"type": "latency", "delay": "250ms", "distribution": "normal"},
    {"type": "latency", "delay": "200ms", "distribution": "pareto", "shape": 2.0, "cap": "1s"},
]


def drawn(fault: LatencyFault, count: int = 20_000) -> list[float]:
    wire = Latency(
        fault.delay.total_seconds() * 1000,
        fault.distribution,
        fault.spread.total_seconds() * 1000,
        fault.shape,
        fault.cap.total_seconds() * 1000,
    )
    draw = Random(7).random
    return sorted(draw_ms(wire, draw) / 1000 for _ in range(count))


@pytest.mark.parametrize("wire", FAULTS)
def test_delays_are_distributed_as_the_agent_draws_them(wire: dict[str, Any]) -> None:
    fault = LatencyFault.model_validate(wire)
    delays = drawn(fault)
    for ratio in (0.05, 0.3, 0.5, 0.7, 0.95):
        assert delays[int(ratio * len(delays))] == pytest.approx(delay_s(fault, ratio), abs=0.01)


@pytest.mark.parametrize("wire", FAULTS)
def test_the_parts_of_a_distribution_hold_all_of_it(wire: dict[str, Any]) -> None:
    fault = LatencyFault.model_validate(wire)
    parts = delay_parts(fault)
    assert sum(part for part, _, _ in parts) == pytest.approx(1)
    assert all(shortest <= longest for _, shortest, longest in parts)
    assert parts[0][1] <= drawn(fault)[0]
    assert drawn(fault)[-1] <= parts[-1][2]


@pytest.mark.parametrize("wire", FAULTS)
def test_the_bad_share_of_a_random_delay_is_between_its_bounds(wire: dict[str, Any]) -> None:
    random = Random(3)
    delays = drawn(LatencyFault.model_validate(wire))
    bad = sum(delay + random.choice((0.01, 0.02, 0.04)) > 0.3 for delay in delays) / len(delays)
    found = effect(wire, fast=True)
    assert found.low - 0.01 <= bad <= found.high + 0.01


def test_only_the_first_fault_applies() -> None:
    both = experiment_of(faults=[{"type": "latency", "delay": "100ms"}, {"type": "abort"}])
    assert effect_of(both, UP, USUAL).high == 0


def test_a_share_of_users_is_not_exactly_that_share_of_requests() -> None:
    low, high, why = share_bounds(ShareSpec.model_validate({"percent": 30, "of": "users"}))
    assert 0 < low < 0.3 < high < 0.6
    assert "users" in why
    assert share_bounds(ShareSpec.model_validate({"percent": 100, "of": "users"})) == (1, 1, "")
    assert share_bounds(ShareSpec.model_validate({"percent": 30})) == (0.3, 0.3, "")


def test_a_share_of_users_is_inside_its_bounds_for_fifty_users() -> None:
    random = Random(11)
    low, high, _ = share_bounds(ShareSpec.model_validate({"percent": 30, "of": "users"}))
    for _ in range(500):
        assert low <= sum(random.random() < 0.3 for _ in range(50)) / 50 <= high


def test_what_is_not_known_of_the_target_widens_the_effect_and_is_told() -> None:
    found = effect({"type": "abort"}, {"route": "/cart", "share": {"percent": 50}})
    assert (found.low, found.high) == (0, 0.5)
    assert len(found.reasons) == 1
    better = effect_of(experiment_of({"type": "abort"}, {"route": "/cart"}), UP, USUAL, Overlap(0.2, 0.3))
    assert (better.low, better.high, better.reasons) == (0.2, 0.3, ())


def test_a_target_elsewhere_has_no_effect_and_no_excuse() -> None:
    found = effect({"type": "abort"}, {"service": "payments", "share": {"percent": 30, "of": "users"}})
    assert (found.low, found.high, found.reasons) == (0, 0, ())
