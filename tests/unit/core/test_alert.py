"""The embedded alerts: what makes them hold, and how they move."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.alert import (
    ALERT_NAMES,
    BURN_RATE_RULES,
    GAP_SECONDS,
    Alert,
    AlertChange,
    AlertState,
    BurnRateRule,
    ErrorRateRule,
    alerts_of,
    condition_holds,
    evaluate,
    judge_alert,
    rules_of,
)
from sre_portal.core.series import SliSeries
from sre_portal.core.slo import BURN_WINDOWS, Counts
from tests.unit.core.documents import slo_of

TICK = 2_000_000_000
RULE = ErrorRateRule("error-rate", above_ratio=0.05, over_seconds=10, hold_seconds=3)
ALERT = Alert("shop-availability", "shop", RULE)
GOOD, BAD, SILENT = (False, 0.0), (True, 1.0), (False, None)


def stamp(tick: int) -> datetime:
    return datetime.fromtimestamp(tick + 0.7, tz=UTC)


def told(
    seconds: Sequence[tuple[bool, float | None]], alert: Alert = ALERT, start: int = TICK
) -> tuple[Alert, list[AlertChange]]:
    changes = []
    for tick, (holds, value) in enumerate(seconds, start):
        alert, change = evaluate(alert, holds, value, tick, stamp(tick))
        changes += [change] if change else []
    return alert, changes


def test_an_slo_has_four_burn_rate_rules_and_its_own_error_rate() -> None:
    slo = slo_of(errorRateAlert={"above": 2, "over": "1500ms", "for": "20s"})
    *burning, fast = rules_of(slo)
    assert tuple(burning) == BURN_RATE_RULES
    assert fast == ErrorRateRule("error-rate", 0.02, over_seconds=2, hold_seconds=20)
    assert tuple(alert.rule.name for alert in alerts_of(slo)) == ALERT_NAMES
    assert tuple((rule.short_seconds, rule.long_seconds) for rule in BURN_RATE_RULES) == BURN_WINDOWS


@pytest.mark.parametrize(
    ("short", "long", "holds", "value"),
    [
        (Counts(9856, 144), Counts(9856, 144), True, 14.4),
        (Counts(9857, 143), Counts(0, 10_000), False, 14.3),
        (Counts(0, 100), Counts(9857, 143), False, 14.3),
        (Counts(), Counts(0, 100), False, None),
        (Counts(), Counts(), False, None),
    ],
)
def test_a_burn_rate_rule_wants_both_windows_at_its_factor(
    short: Counts, long: Counts, holds: bool, value: float | None
) -> None:
    rule = BURN_RATE_RULES[0]
    assert isinstance(rule, BurnRateRule)
    windows = {TICK - rule.short_seconds: short, TICK - rule.long_seconds: long}
    assert condition_holds(rule, slo_of(), lambda start, _: windows[start], TICK) == (holds, value)


@pytest.mark.parametrize(
    ("counts", "holds", "value"),
    [(Counts(95, 5), False, 0.05), (Counts(94, 6), True, 0.06), (Counts(), False, None)],
)
def test_an_error_rate_rule_wants_more_than_its_share(
    counts: Counts, holds: bool, value: float | None
) -> None:
    windows = {(TICK - 10, TICK): counts}
    assert condition_holds(RULE, slo_of(), lambda *window: windows[window], TICK) == (holds, value)


def test_an_alert_pends_holds_fires_and_resolves() -> None:
    alert, changes = told([GOOD, BAD, BAD, BAD, BAD, BAD, GOOD])
    assert [(change.state, change.at) for change in changes] == [
        (AlertState.PENDING, stamp(TICK + 1)),
        (AlertState.FIRING, stamp(TICK + 4)),
        (AlertState.RESOLVED, stamp(TICK + 6)),
    ]
    assert alert.state is AlertState.RESOLVED
    assert (alert.pending_at, alert.firing_at, alert.resolved_at) == tuple(change.at for change in changes)
    assert (changes[1].slo, changes[1].service, changes[1].alert) == (
        "shop-availability",
        "shop",
        "error-rate",
    )
    assert changes[1].value == 1.0


def test_an_alert_that_clears_while_pending_is_inactive_again_and_holds_anew() -> None:
    _, changes = told([BAD, BAD, GOOD, BAD, BAD, BAD, BAD])
    assert [change.state for change in changes] == [
        AlertState.PENDING,
        AlertState.INACTIVE,
        AlertState.PENDING,
        AlertState.FIRING,
    ]
    assert changes[-1].at == stamp(TICK + 6)


def test_without_a_hold_pending_and_firing_are_one_instant() -> None:
    alert, changes = told([BAD], replace(ALERT, rule=replace(RULE, hold_seconds=0)))
    assert [change.state for change in changes] == [AlertState.FIRING]
    assert alert.pending_at == alert.firing_at == stamp(TICK)


def test_a_resolved_alert_starts_a_new_episode() -> None:
    alert, _ = told([BAD, BAD, BAD, BAD, GOOD, BAD])
    assert alert.state is AlertState.PENDING
    assert (alert.pending_at, alert.firing_at, alert.resolved_at) == (stamp(TICK + 5), None, None)


def test_silence_makes_no_alert_pend() -> None:
    alert, changes = told([SILENT] * 30)
    assert (alert.state, alert.value, changes) == (AlertState.INACTIVE, None, [])


def test_silence_does_not_resolve_a_firing_alert() -> None:
    alert, _ = told([BAD] * 4 + [SILENT] * 600)
    assert alert.state is AlertState.FIRING
    alert, changes = told([GOOD], alert, TICK + 1000)
    assert [change.state for change in changes] == [AlertState.RESOLVED]


def test_a_pending_alert_waits_a_few_seconds_for_data() -> None:
    alert, changes = told([BAD] + [SILENT] * GAP_SECONDS)
    assert alert.state is AlertState.PENDING
    alert, changes = told([SILENT], alert, TICK + GAP_SECONDS + 1)
    assert [change.state for change in changes] == [AlertState.INACTIVE]


def test_a_short_pause_counts_as_held() -> None:
    alert, _ = told([BAD])
    alert, changes = told([BAD], alert, TICK + GAP_SECONDS)
    assert [change.state for change in changes] == [AlertState.FIRING]


def test_after_a_longer_pause_the_hold_starts_again_and_the_episode_stays() -> None:
    alert, _ = told([BAD, BAD])
    alert, changes = told([BAD, BAD, BAD, BAD], alert, TICK + 100)
    assert [(change.state, change.at) for change in changes] == [(AlertState.FIRING, stamp(TICK + 103))]
    assert alert.pending_at == stamp(TICK)


def test_a_pending_alert_read_after_a_restart_holds_anew_or_is_dropped() -> None:
    alert, _ = told([BAD, BAD])
    stored = replace(alert, judged_tick=None)
    _, changes = told([BAD, BAD, BAD, BAD], stored, TICK + 100)
    assert [change.at for change in changes] == [stamp(TICK + 103)]
    _, changes = told([SILENT], stored, TICK + 100)
    assert [change.state for change in changes] == [AlertState.INACTIVE]


def test_a_firing_alert_is_judged_by_what_is_seen_after_a_pause() -> None:
    firing, _ = told([BAD] * 4)
    assert told([BAD], firing, TICK + 3600)[0].state is AlertState.FIRING
    assert told([GOOD], firing, TICK + 3600)[0].state is AlertState.RESOLVED


def test_a_second_that_was_judged_before_changes_nothing() -> None:
    alert, _ = told([BAD, BAD])
    assert told([GOOD], alert, TICK + 1) == (alert, [])
    assert told([GOOD], alert, TICK) == (alert, [])


def test_a_clock_set_back_does_not_stop_judgement() -> None:
    alert, _ = told([BAD, BAD])
    alert, changes = told([BAD] * 4, alert, TICK - 3600)
    assert [change.at for change in changes] == [stamp(TICK - 3597)]


@given(st.lists(st.sampled_from([GOOD, BAD, SILENT]), max_size=60), st.integers(0, 8))
def test_an_alert_fires_only_after_its_hold_and_never_from_silence(
    seconds: list[tuple[bool, float | None]], hold: int
) -> None:
    alert = replace(ALERT, rule=replace(RULE, hold_seconds=hold))
    for tick, (holds, value) in enumerate(seconds, TICK):
        alert, change = evaluate(alert, holds, value, tick, stamp(tick))
        if change and change.state is AlertState.FIRING:
            assert (holds, value) == BAD
            assert alert.firing_at is not None
            assert alert.pending_at is not None
            assert alert.firing_at - alert.pending_at >= timedelta(seconds=hold)
        if change and change.state is AlertState.RESOLVED:
            assert (holds, value) == GOOD


def test_an_alert_is_judged_by_the_seconds_before_its_tick() -> None:
    series, slo = SliSeries(), slo_of()
    alert = replace(alerts_of(slo)[-1], rule=RULE)
    for second in range(-10, 20):
        series.put_second(TICK + second, Counts(good=0 if second >= 0 else 10, bad=10 if second >= 0 else 0))
    moves = []
    for tick in range(TICK - 5, TICK + 20):
        alert, change = judge_alert(alert, slo, series, tick, stamp(tick))
        moves += [(change.state, change.at)] if change else []
    assert moves == [(AlertState.PENDING, stamp(TICK + 1)), (AlertState.FIRING, stamp(TICK + 4))]
