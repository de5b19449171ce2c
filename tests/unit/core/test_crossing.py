"""When a condition turns, and what the evaluator of live alerts makes of it."""

import pytest

from sre_portal.core.alert import ERROR_RATE, Alert, AlertRule, BurnRateRule, ErrorRateRule, rules_of
from sre_portal.core.crossing import Stretch, episode, look, looks_at, windows_of
from sre_portal.core.slo import Slo
from tests.unit.core.ahead import ahead_of, steady_board
from tests.unit.core.documents import experiment_of, slo_of

FAST = ErrorRateRule(ERROR_RATE, 0.05, 10, 30)


def rule_of(slo: Slo, name: str) -> AlertRule:
    return next(rule for rule in rules_of(slo) if rule.name == name)


def test_a_full_outage_crosses_five_percent_of_ten_seconds_after_half_a_second() -> None:
    slo = slo_of()
    ahead = ahead_of(slo, experiment_of(duration="60s"))
    (fewest,), (most,) = (look(FAST, slo, one).stretches for one in (ahead.fewest, ahead.most))
    assert 0.4 < most.on < 0.55 < fewest.on < 0.8
    assert fewest.off is not None
    assert most.off is not None
    assert 68 < fewest.off < 69.5 < most.off < 70.3


def test_a_burn_rate_crosses_when_both_windows_do() -> None:
    slo = slo_of()
    ahead = ahead_of(slo, experiment_of(duration="120s"))
    (fewest,) = look(rule_of(slo, "burn-14.4"), slo, ahead.fewest).stretches
    assert fewest.on == pytest.approx(0.0144 * 3600, abs=0.6)
    assert fewest.off is not None
    assert fewest.off == pytest.approx(120 + 300 - 0.0144 * 300, abs=1.5)


def test_the_peak_is_told_where_a_condition_never_holds() -> None:
    slo = slo_of()
    ahead = ahead_of(slo, experiment_of(duration="30s"))
    found = look(rule_of(slo, "burn-14.4"), slo, ahead.most)
    assert found.stretches == ()
    assert found.peak == pytest.approx(30 / 3600 / 0.001, rel=0.05)


def test_a_base_above_the_threshold_never_turns_off() -> None:
    slo = slo_of()
    ahead = ahead_of(slo, experiment_of(duration="30s"), steady_board(slo, bad=3))
    found = look(FAST, slo, ahead.most)
    assert (found.stretches, found.before) == ((Stretch(0.0, None),), True)


def test_it_is_looked_closely_where_windows_fill_and_empty_only() -> None:
    rule = BurnRateRule("burn", 14.4, 3600, 300, "page")
    assert windows_of(rule) == (300, 3600)
    instants = list(looks_at(rule, 14_400.0, 0.0))
    assert instants == sorted(instants)
    assert (instants[0], instants[-1]) == (0.0, 14_400 + 300 + 5)
    assert not [at for at in instants if 3602 < at < 14_400]
    short = list(looks_at(FAST, 60.0, 2.0))
    assert short == sorted(short)
    assert len(short) < 100


@pytest.mark.parametrize(
    ("hold", "stretch", "firing"),
    [
        (30, Stretch(1.0, None), 31.0),
        (30, Stretch(1.0, 31.5), 31.0),
        (30, Stretch(1.0, 31.0), None),
        (30, Stretch(1.0, 20.0), None),
        (0, Stretch(1.0, 1.5), 1.0),
        (400, Stretch(1.0, None), 401.0),
    ],
)
def test_the_live_state_machine_decides_whether_a_stretch_fires(
    hold: int, stretch: Stretch, firing: float | None
) -> None:
    found = episode(ErrorRateRule(ERROR_RATE, 0.05, 10, hold), stretch, stretch.on)
    assert (found.pending, found.firing) == (stretch.on, firing)


def test_a_rule_of_an_alert_is_one_of_its_slo() -> None:
    assert Alert("slo", "shop", FAST).rule in (*rules_of(slo_of()), FAST)


def test_a_condition_that_turns_with_the_very_first_hit_did_not_hold_before() -> None:
    slo = slo_of(errorRateAlert={"above": "0.3"})
    ahead = ahead_of(slo, experiment_of(duration="30s"))
    found = look(rule_of(slo, ERROR_RATE), slo, ahead.most)
    assert not found.before
    assert found.stretches[0].on < 0.05
