"""What each alert will do: bands, and reasons where there is none."""

import pytest

from sre_portal.core.alert import ERROR_RATE, Alert, AlertState, rules_of
from sre_portal.core.board import Board
from sre_portal.core.reaction import AlertPrediction, react, standing
from sre_portal.core.slo import Counts, Slo
from tests.unit.core.ahead import NOW, RATE, ahead_of, steady_board
from tests.unit.core.documents import experiment_of, slo_of


def reaction(  # an alert of an SLO in an experiment
    slo: Slo, alert: str, percent: float = 100, duration: str = "60s", board: Board | None = None
) -> AlertPrediction:
    ahead = ahead_of(slo, experiment_of(target={"share": {"percent": percent}}, duration=duration), board)
    return react(next(rule for rule in rules_of(slo) if rule.name == alert), ahead)


def test_a_full_outage_fires_the_error_rate_alert_in_a_narrow_band() -> None:
    found = reaction(slo_of(), ERROR_RATE)
    assert found.outcome == "fires"
    assert found.pending is not None
    assert found.firing is not None
    assert found.resolved is not None
    assert found.pending.holds(0.5 + 1.25)
    assert found.firing.holds(30 + 0.5 + 1.25)
    assert found.firing.width_s < 3
    assert found.resolved.holds(60 + 9.5 + 1.25)


def test_without_a_hold_pending_and_firing_are_one_band() -> None:
    found = reaction(slo_of(errorRateAlert={"for": "0s"}), ERROR_RATE)
    assert found.firing == found.pending


def test_a_small_share_is_silent_and_says_how_far_it_gets() -> None:
    found = reaction(slo_of(), ERROR_RATE, percent=0.1)
    assert (found.outcome, found.firing) == ("silent", None)
    assert "takes more than 5.00% over 10 s for 30 s" in found.reason


def test_a_fault_shorter_than_the_hold_pends_and_is_silent() -> None:
    found = reaction(slo_of(), ERROR_RATE, duration="10s")
    assert found.outcome == "silent"
    assert found.pending is not None
    assert "has to for 30 s" in found.reason


def test_a_share_near_the_threshold_is_uncertain_and_says_why() -> None:
    found = reaction(slo_of(), ERROR_RATE, percent=6)
    assert found.outcome == "uncertain"
    assert "it reaches between" in found.reason


def test_a_fault_a_little_longer_than_the_hold_is_uncertain_and_says_what_is_sure() -> None:
    found = reaction(slo_of(), ERROR_RATE, duration="21500ms")
    assert found.outcome == "uncertain"
    assert "s only, and takes up to 31 s" in found.reason


def test_a_burn_rate_that_takes_too_long_is_silent() -> None:
    found = reaction(slo_of(), "burn-6")
    assert found.outcome == "silent"
    assert "times the allowed rate, and takes 6 times over 6 h" in found.reason


def test_an_alert_that_resolves_after_everybody_has_gone_says_when() -> None:
    found = reaction(slo_of(), "burn-6", duration="10m")
    assert found.outcome == "fires"
    assert found.resolved is None
    assert found.reason.startswith("it resolves about 40 min after the first hit")


def test_a_condition_that_holds_before_the_start_proves_nothing() -> None:
    found = reaction(slo_of(), ERROR_RATE, board=steady_board(slo_of(), bad=10))
    assert (found.outcome, found.reason) == ("already", "its condition holds before the start")


def test_a_condition_that_may_hold_without_the_fault_is_uncertain() -> None:
    found = reaction(slo_of(), ERROR_RATE, board=steady_board(slo_of(), bad=2))
    assert found.outcome == "uncertain"
    assert "without the fault it may reach" in found.reason


def test_failures_that_may_go_on_may_keep_the_condition_up() -> None:
    slo = slo_of(objective="90", errorRateAlert={"above": "5.5"})
    board = steady_board(slo, bad=2)
    for at in range(NOW - 11, NOW):
        board.sli(slo.name).put_second(at, Counts(RATE, 0))
    found = reaction(slo, ERROR_RATE, board=board)
    assert found.outcome == "fires"
    assert found.resolved is None
    assert found.reason.startswith("it may not resolve")


def test_failures_of_the_past_do_not_make_an_alert_certain() -> None:
    slo = slo_of(objective="90", errorRateAlert={"above": "5.5"})
    board = steady_board(slo, bad=10)
    for at in range(NOW - 11, NOW):
        board.sli(slo.name).put_second(at, Counts(RATE, 0))
    found = reaction(slo, ERROR_RATE, percent=5, board=board)
    assert found.outcome == "uncertain"


def test_an_slo_of_other_requests_is_silent() -> None:
    slo = slo_of(route="/cart")
    ahead = ahead_of(slo, experiment_of(target={"route": "/products"}), steady_board(slo))
    assert {react(rule, ahead).reason for rule in rules_of(slo)} == {"none of its requests match the target"}


def test_a_fault_that_makes_nothing_bad_is_silent() -> None:
    ahead = ahead_of(slo_of(), experiment_of({"type": "latency", "delay": "2s"}))
    assert {react(rule, ahead).reason for rule in rules_of(slo_of())} == {
        "the fault makes none of its requests bad"
    }


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (AlertState.INACTIVE, None),
        (AlertState.PENDING, "already"),
        (AlertState.FIRING, "already"),
        (AlertState.RESOLVED, None),
    ],
)
def test_an_alert_that_stands_before_the_start_proves_nothing(state: AlertState, outcome: str | None) -> None:
    rule = rules_of(slo_of())[0]
    found = standing(rule, slo_of(), Alert("shop-availability", "shop", rule, state))
    assert (found.outcome if found else None) == outcome
