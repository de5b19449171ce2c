"""The loop: how a run moves, what stops it, and that it always ends."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sre_portal.core.alert import AlertState
from sre_portal.core.condition import Reading
from sre_portal.core.loop import Note, Observed, Renew, Step, Withdraw, abort, advance
from sre_portal.core.run import HARMFUL, Phase, Run, Verdict
from tests.unit.core.given import (
    BREACHED,
    START,
    UNREADABLE,
    alert,
    at,
    change,
    experiment,
    full_experiment,
    observed,
    reading,
    run_of,
    status,
    statuses,
    totals,
)

LEASE = timedelta(seconds=5)
Seen = Callable[[float], Observed]


def healthy(seconds: float) -> Observed:
    """Everything goes as predicted: a hit at 0.8 s, receipts half a second after the end."""
    if seconds < 1:
        return observed(seconds, statuses={}, injections=())
    if seconds < 41:
        return observed(seconds)
    return observed(seconds, statuses=statuses(ended=40.1))


def drive(run: Run, seen: Seen, until: float = 200.0, pace: float = 0.25) -> tuple[Run, list[Step]]:
    """Advances a run four times a second until it is done."""
    steps: list[Step] = []
    seconds = pace
    while run.live and seconds <= until:
        run, more = advance(run, seen(seconds))
        steps += more
        seconds += pace
    return run, steps


def notes(steps: list[Step] | tuple[Step, ...], kind: str) -> list[str]:
    return [step.text for step in steps if isinstance(step, Note) and step.kind == kind]


def test_a_run_that_goes_as_predicted_passes_every_phase_and_passes() -> None:
    run, steps = drive(run_of(), healthy)
    phases = [mark.phase for mark in run.marks]
    assert phases == list(Phase)
    assert run.verdict is Verdict.PASSED, run.reasons
    assert run.effective_at == at(0.8)
    assert run.withdrawn_at == at(40.0)
    assert run.reverted_at == at(40.1)
    assert run.recovered_at is not None
    assert run.ended_at is not None
    assert len(notes(steps, "verdict")) == 1


def test_the_journal_of_a_run_tells_it_in_order() -> None:
    _, steps = drive(run_of(), healthy)
    texts = [step.text for step in steps if isinstance(step, Note)]
    told = [
        "The first request was hit at 12:00:00 UTC, 0.8 s after the leases went out.",
        "Fidelity: in band.",
        "error-rate of checkout-latency is pending 1.2 s after the first hit.",
        "error-rate of checkout-latency is firing 31.5 s after the first hit.",
        "Phase revert began at 12:00:40 UTC.",
        "shop-1 stopped lease 12-0 after 60 hits (withdrawn).",
        "Every lease had ended at 12:00:40 UTC.",
        "The steady state is back",
        "error-rate of checkout-latency is resolved 48.2 s after the first hit.",
        "Verdict passed",
    ]
    places = [next(index for index, text in enumerate(texts) if text.startswith(start)) for start in told]
    assert places == sorted(places)


def test_leases_are_renewed_while_the_fault_is_active_and_never_past_its_end() -> None:
    _, steps = drive(run_of(), healthy)
    renewals = [step.until for step in steps if isinstance(step, Renew)]
    assert renewals[0] == at(5.25)
    assert max(renewals) == at(40.0)
    assert len(renewals) == 159


def test_a_step_that_ends_harm_comes_before_every_note() -> None:
    moved, steps = advance(run_of(phase=Phase.OBSERVE), observed(10, guardrails=(BREACHED,)))
    assert isinstance(steps[0], Withdraw)
    assert not any(isinstance(step, Renew) for step in steps)
    assert moved.phase is Phase.REVERT


STOPS: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "a breached guardrail": (
        {"guardrails": (BREACHED,)},
        Verdict.ABORTED,
        "guardrail shop-availability errors under 5 % over 10 s: breached, 6.2 %",
    ),
    "an unreadable guardrail": (
        {"guardrails": (UNREADABLE,)},
        Verdict.ABORTED,
        "guardrail shop-availability errors under 5 % over 10 s: unreadable, the newest count is 9 s old",
    ),
    "a guardrail that was not read": ({"guardrails": ()}, Verdict.ABORTED, "1 guardrails could not be read"),
    "a used up escrow": (
        {"costs": (("checkout-latency", 0.5),)},
        Verdict.ABORTED,
        "the budget escrow of 50 % is used up: 50 % of the error budget of checkout-latency",
    ),
    "a cost that is not a number": (
        {"costs": (("checkout-latency", float("nan")),)},
        Verdict.ABORTED,
        "the budget escrow of 50 % is used up: NaN % of the error budget of checkout-latency",
    ),
    "a restart": (
        {"interrupted": True},
        Verdict.ABORTED,
        "the portal restarted while leases were out, and nobody watched the guardrails",
    ),
    "a share that is off": (
        {"injections": (totals(hits=110),)},
        Verdict.INVALID,
        "the injection is not what was asked: latency: share of requests 91.7 % instead of 29 % to 71 %",
    ),
    "an instance that refuses": (
        {"statuses": {("shop-1", "12-0"): status(refused="unknown fault kind 'latency'")}},
        Verdict.INVALID,
        "shop-1 refuses to inject: unknown fault kind 'latency'",
    ),
    "an instance that stopped early": (
        {"statuses": {("shop-1", "12-0"): status(ended=9.0, by="expired")}},
        Verdict.INVALID,
        "shop-1 stopped injecting at 12:00:09 UTC, before the end (expired)",
    ),
}


@pytest.mark.parametrize("phase", sorted(HARMFUL))
@pytest.mark.parametrize("case", STOPS)
def test_a_run_is_cut_short_in_every_phase_with_leases_out_by(case: str, phase: Phase) -> None:
    seen, verdict, reason = STOPS[case]
    moved, steps = advance(run_of(phase=phase, driven_at=at(9.75)), observed(10, **seen))
    assert moved.phase is Phase.REVERT
    assert moved.withdrawn_at == at(10)
    assert moved.abortion is not None
    assert (moved.abortion.verdict, moved.abortion.reason) == (verdict, reason)
    assert Withdraw() in steps
    assert notes(steps, "abort") == [f"Cut short by portal: {reason}."]
    done, _ = drive(moved, lambda seconds: observed(10 + seconds, statuses=statuses(ended=10.3)))
    assert done.verdict is verdict
    assert done.reasons == (f"{reason}.",)
    assert Phase.RECOVER not in [mark.phase for mark in done.marks]


def test_an_instance_that_shuts_down_does_not_stop_a_run() -> None:
    seen = observed(10, statuses=statuses() | {("shop-1", "12-0"): status(ended=9.0, by="shutdown")})
    moved, _ = advance(run_of(phase=Phase.OBSERVE, driven_at=at(9.75)), seen)
    assert moved.phase is Phase.OBSERVE


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (4.0, "the portal's clock went back by 6 s"),
        (15.5, "nobody watched for 5.5 s: the portal stood still or its clock jumped"),
    ],
)
@pytest.mark.parametrize("phase", [Phase.INJECT, Phase.FIDELITY, Phase.OBSERVE, Phase.REVERT, Phase.RECOVER])
def test_a_clock_that_jumps_ends_a_run(now: float, reason: str, phase: Phase) -> None:
    run = run_of(phase=phase, driven_at=at(10), withdrawn_at=at(9) if phase not in HARMFUL else None)
    moved, steps = advance(run, observed(now))
    assert moved.abortion is not None
    assert moved.abortion.reason == reason
    assert Withdraw() in steps
    assert moved.phase not in HARMFUL


def test_a_restart_is_told_rather_than_what_follows_from_it() -> None:
    after = observed(40.5, interrupted=True, guardrails=(UNREADABLE,))
    moved, _ = advance(run_of(phase=Phase.OBSERVE, driven_at=at(10)), after)
    assert moved.abortion is not None
    assert moved.abortion.reason.startswith("the portal restarted")


def test_five_seconds_between_two_passes_are_still_fine() -> None:
    moved, _ = advance(run_of(driven_at=at(10)), observed(15, changes=()))
    assert moved.abortion is None


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.DONE])
def test_an_operator_aborts_a_run_in_any_phase(phase: Phase) -> None:
    run = run_of(phase=phase, withdrawn_at=at(9) if phase in (Phase.REVERT, Phase.RECOVER) else None)
    moved, steps = abort(run, at(10), "omar", "customers call")
    assert moved.abortion is not None
    assert (moved.abortion.by, moved.abortion.verdict) == ("omar", Verdict.ABORTED)
    assert steps[0] == Withdraw()
    assert moved.phase not in HARMFUL
    done, _ = drive(moved, lambda seconds: observed(10 + seconds, statuses=statuses(ended=10.3)))
    assert done.verdict is Verdict.ABORTED
    assert done.reasons == ("omar ended the run: customers call.",)


def test_a_run_that_is_done_or_cut_short_cannot_be_aborted() -> None:
    done, _ = drive(run_of(), healthy)
    assert abort(done, at(99), "omar", "late") == (done, ())
    once, _ = abort(run_of(), at(10), "omar", "first")
    assert abort(once, at(11), "vera", "second") == (once, ())
    assert advance(done, observed(99)) == (done, ())


def test_fidelity_waits_until_there_are_enough_requests() -> None:
    few = observed(3, injections=(totals(matched=20, hits=10),))
    moved, _ = advance(run_of(phase=Phase.FIDELITY), few)
    assert moved.phase is Phase.FIDELITY
    moved, _ = advance(moved, observed(4))
    assert moved.phase is Phase.OBSERVE


def test_a_run_with_too_few_requests_goes_through_to_its_end_and_is_inconclusive() -> None:
    def few(seconds: float) -> Observed:
        base = healthy(seconds)
        return observed(seconds, statuses=base.statuses, injections=(totals(matched=20, hits=10),))

    run, _ = drive(run_of(), few)
    assert run.entered(Phase.OBSERVE) == at(40.0)
    assert run.verdict is Verdict.INCONCLUSIVE
    assert run.reasons[0].startswith("Too few requests to tell whether the injection was what was asked")


def test_a_run_that_hits_nothing_is_invalid_at_its_end() -> None:
    run, steps = drive(run_of(), lambda seconds: observed(seconds, statuses={}, injections=(), changes=()))
    assert run.verdict is Verdict.INVALID
    assert run.reasons == ("Nothing was hit: no agent told of a request under this fault.",)
    assert run.withdrawn_at == at(40.0)
    assert notes(steps, "effective") == [
        "No request was hit in the first 10 s: the target may have no traffic."
    ]


def test_a_receipt_that_comes_late_replaces_its_bound() -> None:
    def late(seconds: float) -> Observed:
        return observed(seconds, statuses=statuses(ended=40.1) if seconds > 43 else statuses())

    run, _ = drive(run_of(), late)
    assert run.entered(Phase.RECOVER) == at(41.0)
    assert run.reverted_at == at(40.1)
    assert run.verdict is Verdict.PASSED


def test_a_short_run_waits_ten_seconds_for_the_report_of_its_first_hit() -> None:
    short = run_of(full_experiment(duration="3s", expectations=[]))

    def quiet(seconds: float) -> Observed:
        return observed(seconds, statuses=statuses(None, 3.0 if seconds > 3 else None), changes=())

    silent, _ = drive(short, quiet)
    assert silent.verdict is Verdict.INVALID
    assert silent.ended_at is not None
    assert silent.ended_at >= at(10)

    def late(seconds: float) -> Observed:
        told = statuses(2.9, 3.0) if seconds > 4 else quiet(seconds).statuses
        return observed(seconds, statuses=told, changes=())

    heard, _ = drive(short, late)
    assert heard.effective_at == at(2.9)
    assert heard.verdict is Verdict.PASSED


def test_a_missing_receipt_is_said_and_bounded_by_the_end_of_the_lease() -> None:
    def one_silent(seconds: float) -> Observed:
        told = {("shop-1", "12-0"): status(ended=40.1 if seconds > 40.5 else None)}
        return observed(seconds, statuses=told if seconds >= 1 else {}, lease_ends_at=at(40))

    run, steps = drive(run_of(), one_silent)
    missing = [receipt for receipt in run.receipts if receipt.status is None]
    assert [(receipt.instance, receipt.bounded_by) for receipt in missing] == [("shop-2", at(40))]
    assert run.reverted_at == at(40.1)
    assert run.verdict is Verdict.INCONCLUSIVE
    assert run.reasons == ("No receipt came from shop-2: the end of its lease bounds when it stopped.",)
    assert "No receipt came from shop-2 (12-0)" in notes(steps, "reverted")[0]


def test_receipts_are_waited_for_at_most_one_second_past_the_lease() -> None:
    aborted, _ = abort(run_of(phase=Phase.OBSERVE), at(10), "ada", "enough")
    run, _ = drive(aborted, lambda seconds: observed(10 + seconds, lease_ends_at=at(10 + seconds + 5)))
    assert run.entered(Phase.JUDGE) == at(16.0)
    assert run.reverted_at == at(15.0)


def test_a_run_without_known_holders_waits_for_its_leases_to_lapse() -> None:
    cut, _ = advance(run_of(driven_at=at(9.9)), observed(10, interrupted=True, holders=(), statuses={}))
    run, _ = drive(cut, lambda seconds: observed(10 + seconds, holders=(), statuses={}, injections=()))
    assert run.reverted_at == at(15.0)
    assert run.verdict is Verdict.ABORTED


def test_recover_waits_for_the_steady_state_and_for_every_expected_alert() -> None:
    def slow(seconds: float) -> Observed:
        base = healthy(seconds)
        back = reading() if seconds >= 60 else BREACHED
        return observed(seconds, statuses=base.statuses, steady=(back,))

    run, _ = drive(run_of(), slow)
    assert run.recovered_at == at(60.0)
    assert run.entered(Phase.JUDGE) == at(60.0)
    assert run.verdict is Verdict.PASSED


def test_recover_does_not_look_before_the_last_hits_are_counted() -> None:
    what = full_experiment(expectations=[])
    run, _ = drive(run_of(what), healthy)
    assert run.reverted_at == at(40.1)
    assert run.entered(Phase.JUDGE) == at(42.25)


def test_recover_gives_up_ten_seconds_after_the_latest_predicted_resolution() -> None:
    def stuck(seconds: float) -> Observed:
        base = healthy(seconds)
        return observed(seconds, statuses=base.statuses, changes=base.changes[:2])

    run, _ = drive(run_of(), stuck)
    assert run.entered(Phase.JUDGE) == at(70.25)  # the steady state may take 30 s from 40.1 s on
    assert run.verdict is Verdict.FAILED
    assert run.reasons[0] == (
        "error-rate of checkout-latency had not resolved by the end of its predicted band 45.0-52.0 s."
    )


def test_without_any_bound_recover_takes_at_most_sixty_seconds_after_its_window_is_clean() -> None:
    what = experiment(steadyState=[{"type": "errors", "slo": "shop-availability", "below": 5}])

    def never(seconds: float) -> Observed:
        return observed(seconds, statuses=healthy(seconds).statuses, steady=(BREACHED,), changes=())

    run, _ = drive(run_of(what), never)
    assert run.entered(Phase.JUDGE) == at(110.25)
    assert run.verdict is Verdict.FAILED


def test_an_alert_that_pends_late_is_waited_for() -> None:
    pending = alert("shop-availability", AlertState.PENDING, pending_at=at(45))

    def late(seconds: float) -> Observed:
        base = healthy(seconds)
        moves = (change(45, AlertState.PENDING, "shop-availability"),) if seconds > 45 else ()
        fires = (change(65, AlertState.FIRING, "shop-availability"),) if seconds > 65 else ()
        alerts = (alert(), pending if moves else alert("shop-availability"))
        changes = (*base.changes, *moves, *fires)
        return observed(seconds, statuses=base.statuses, alerts=alerts, changes=changes)

    run, _ = drive(run_of(), late)
    assert run.verdict is Verdict.FAILED
    assert run.reasons == (
        "error-rate of shop-availability fired 64.2 s after the first hit, and had to stay silent.",
    )


def test_a_steady_state_that_breaks_again_is_not_back() -> None:
    def flaps(seconds: float) -> Observed:
        base = healthy(seconds)
        holds = 42 <= seconds < 44 or seconds >= 50
        return observed(seconds, statuses=base.statuses, steady=(reading() if holds else BREACHED,))

    run, steps = drive(run_of(), flaps)
    assert run.recovered_at == at(50.0)
    assert "The steady state broke again." in notes(steps, "recovered")


def test_the_nearest_reading_of_a_guardrail_is_kept() -> None:
    near = reading(value=0.045, distance=0.1)
    run, _ = advance(run_of(), observed(1, guardrails=(near,)))
    run, _ = advance(run, observed(2))
    assert run.nearest == (near,)
    assert run.guardrails == (reading(),)


def test_an_agent_cannot_move_a_run_out_of_what_is_possible() -> None:
    for told in (-1e30, 0.0, 1e30, float("nan"), float("inf")):
        wild = status(first=told)
        run, _ = advance(run_of(), observed(10, statuses={("shop-1", "12-0"): wild}))
        assert run.effective_at is not None
        assert START <= run.effective_at <= at(10)


def test_statuses_of_another_run_are_not_this_runs() -> None:
    other = status()
    other.run_id = 11
    run, _ = advance(run_of(), observed(10, statuses={("shop-1", "11-0"): other}))
    assert run.effective_at is None


def test_a_start_that_never_came_to_inject_is_ended() -> None:
    stuck = run_of(phase=Phase.PREDICT, granted_at=None, driven_at=None)
    same, _ = advance(stuck, observed(29, statuses={}))
    assert same.phase is Phase.PREDICT
    ended, steps = advance(stuck, observed(30, statuses={}))
    assert ended.abortion is not None
    assert Withdraw() in steps
    assert ended.phase is Phase.JUDGE


READINGS = st.sampled_from([reading(), reading(), reading(), BREACHED, UNREADABLE])


@st.composite
def looks(draw: st.DrawFn) -> Callable[[float], Observed]:
    """Anything a portal may see, in any order: it need not make sense."""

    def look(now: float) -> Observed:
        def maybe(one: Reading) -> tuple[Reading, ...]:
            return draw(st.sampled_from([(one,), (one,), ()]))

        told = draw(st.sampled_from([{}, statuses(None), statuses(), statuses(ended=now), statuses(1e12)]))
        hits = draw(st.integers(0, 120))
        return observed(
            now,
            statuses=told,
            holders=draw(st.sampled_from([(), {"shop-1"}, {"shop-1", "shop-3"}])),
            injections=draw(st.sampled_from([(), (totals(hits=hits),), (totals(),)])),
            guardrails=maybe(draw(READINGS)) if draw(st.integers(0, 9)) == 0 else (reading(),),
            steady=maybe(draw(READINGS)),
            interrupted=draw(st.integers(0, 40)) == 0,
            lease_ends_at=draw(st.sampled_from([None, at(now + 5), at(now - 5), at(now + 500)])),
        )

    return look


@settings(max_examples=25)
@given(looks(), st.lists(st.floats(-2, 7), min_size=30, max_size=60))
def test_a_run_never_renews_after_it_withdrew_and_always_ends(
    look: Callable[[float], Observed], gaps: list[float]
) -> None:
    run, now, withdrawn = run_of(), 0.0, False
    for gap in gaps:
        now += gap
        run, steps = advance(run, look(now))
        withdrawn = withdrawn or any(isinstance(step, Withdraw) for step in steps)
        renewals = [step.until for step in steps if isinstance(step, Renew)]
        assert not (withdrawn and renewals)
        assert all(until <= min(at(now) + LEASE, run.ends_at or START) for until in renewals)
        assert bool(renewals) == run.harmful
    for _ in range(60):
        if not run.live:
            break
        now += 4.9
        run, _ = advance(run, look(now))
    assert run.phase is Phase.DONE
    assert run.verdict is not None
    assert run.reasons
