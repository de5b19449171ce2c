"""Verdicts: what was expected against what was seen, with a sentence each."""

from typing import Any

import pytest

from sre_portal.core.alert import BURN_RATE_RULES, Alert, AlertState
from sre_portal.core.experiment import Experiment
from sre_portal.core.fidelity import check
from sre_portal.core.judge import judge, results_so_far
from sre_portal.core.marks import marks_of
from sre_portal.core.prediction import AlertPrediction, Band
from sre_portal.core.run import Abortion, Phase, Receipt, Run, Verdict
from tests.unit.core.given import (
    BREACHED,
    ERRORS_BELOW,
    FIRED,
    FIRES,
    FIRING,
    HOLDS,
    RECOVERS,
    SILENT,
    UNREADABLE,
    alert,
    at,
    change,
    experiment,
    full_experiment,
    observed,
    prediction,
    reading,
    run_of,
    status,
    totals,
)

BETWEEN = {**FIRES, "between": ["20s", "40s"]}


def ended(what: Experiment | None = None, **fields: Any) -> Run:  # noqa: ANN401  # any field of a run
    """A run before its judge: in band, reverted at 40.1 s, recovered at 48 s, all alerts as predicted."""
    known: dict[str, Any] = {
        "phase": Phase.JUDGE,
        "effective_at": at(0.8),
        "withdrawn_at": at(40),
        "reverted_at": at(40.1),
        "recovered_at": at(48),
        "alerts": marks_of(FIRED),
        "receipts": (receipt(),),
        "fidelity": check_of(),
    }
    return run_of(what or full_experiment(), **known | fields)


def receipt(*, told: bool = True) -> Receipt:
    told_status = status(ended=40.1) if told else None
    return Receipt(instance="shop-1", lease_id="12-0", status=told_status, bounded_by=at(40.1))


def check_of(hits: int = 60, matched: int = 120) -> tuple[Any, ...]:
    return check(experiment(), (totals(matched=matched, hits=hits),))


def test_a_run_in_which_everything_was_met_passes_and_says_what_was_judged() -> None:
    verdict, reasons, results = judge(ended(), observed(60))
    assert verdict is Verdict.PASSED
    assert [result.outcome for result in results] == ["met", "met", "met"]
    assert reasons == (
        "All 3 expectations were met.",
        (
            "error-rate of checkout-latency fired 31.5 s after the first hit, in its predicted band "
            "30.0-34.0 s; it resolved 48.2 s after the first hit, in its predicted band 45.0-52.0 s."
        ),
        "error-rate of shop-availability stayed silent.",
        "The steady state was back 7.9 s after the revert.",
    )


def moved(firing: float | None, resolved: float | None = None) -> tuple[Any, ...]:
    """The alert as it would be stamped, in seconds since the first hit."""
    changes = []
    if firing is not None:
        changes.append(change(firing + 0.8, AlertState.FIRING))
    if resolved is not None:
        changes.append(change(resolved + 0.8, AlertState.RESOLVED))
    return marks_of(changes)


TIMES = [
    (30.0, 45.0, "met", ""),
    (34.0, 52.0, "met", ""),
    (28.2, 48.0, "missed", "fired 1.8 s before its predicted band 30.0-34.0 s"),
    (36.5, 48.0, "missed", "fired 2.5 s after its predicted band 30.0-34.0 s"),
    (None, None, "missed", "had not fired by the end of its predicted band 30.0-34.0 s"),
    (32.0, 44.0, "missed", "resolved 1 s before its predicted band 45.0-52.0 s"),
    (32.0, 52.3, "missed", "resolved 0.3 s after its predicted band 45.0-52.0 s"),
    (32.0, None, "missed", "had not resolved by the end of its predicted band 45.0-52.0 s"),
]


@pytest.mark.parametrize(("firing", "resolved", "outcome", "reason"), TIMES)
def test_an_alert_has_to_fire_and_resolve_inside_its_bands(
    firing: float | None, resolved: float | None, outcome: str, reason: str
) -> None:
    run = ended(full_experiment(expectations=[FIRES]), alerts=moved(firing, resolved))
    verdict, reasons, results = judge(run, observed(70))
    assert results[0].outcome == outcome
    assert verdict is (Verdict.PASSED if outcome == "met" else Verdict.FAILED)
    if reason:
        assert reasons[0] == f"error-rate of checkout-latency {reason}."
    assert results[0].predicted == FIRING
    assert results[0].predicted_text == "30.0-34.0 s"


def test_a_band_of_the_authors_own_replaces_the_prediction_and_asks_nothing_of_the_resolution() -> None:
    own = full_experiment(expectations=[BETWEEN])
    inside, _, _ = judge(ended(own, alerts=moved(21.0)), observed(120))
    late, reasons, _ = judge(ended(own, alerts=moved(41.0)), observed(120))
    assert inside is Verdict.PASSED
    assert late is Verdict.FAILED
    assert reasons[0] == "error-rate of checkout-latency fired 1 s after its own band 20.0-40.0 s."


def predicted(outcome: Any, reason: str = "") -> Any:  # noqa: ANN401  # the outcomes of a prediction
    return prediction(AlertPrediction("checkout-latency", "error-rate", outcome, reason=reason))


def test_what_was_already_firing_or_uncertain_or_not_predicted_is_unknown() -> None:
    what = full_experiment(expectations=[FIRES])
    cases = {
        "was active before the first hit, so this run proves nothing about it.": predicted("already"),
        "the forecast allowed both outcomes: too few requests.": predicted("uncertain", "too few requests"),
        "was not predicted, and the experiment gives no band.": None,
    }
    for ending, forecast in cases.items():
        verdict, reasons, results = judge(ended(what, prediction=forecast), observed(60))
        assert verdict is Verdict.INCONCLUSIVE
        assert results[0].outcome == "unknown"
        assert reasons[0].endswith(ending)


def test_an_alert_that_was_active_before_the_leases_went_out_proves_nothing() -> None:
    own = full_experiment(expectations=[BETWEEN])
    active = alert(state=AlertState.FIRING, pending_at=at(-40), firing_at=at(-10))
    gone = alert(state=AlertState.RESOLVED, pending_at=at(-40), firing_at=at(-10), resolved_at=at(5))
    before = alert(state=AlertState.RESOLVED, pending_at=at(-90), firing_at=at(-60), resolved_at=at(-5))
    verdicts = [
        judge(ended(own, alerts=moved(21.0)), observed(60, alerts=(one,)))[0]
        for one in (active, gone, before)
    ]
    assert verdicts == [Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE, Verdict.PASSED]


def test_an_alert_expected_to_fire_against_its_prediction_fails_either_way() -> None:
    what = full_experiment(expectations=[FIRES])
    quiet, said, _ = judge(ended(what, prediction=predicted("silent"), alerts=()), observed(60))
    loud, told, _ = judge(ended(what, prediction=predicted("silent"), alerts=moved(32.0)), observed(60))
    assert (quiet, loud) == (Verdict.FAILED, Verdict.FAILED)
    assert said[0].endswith("stayed silent, as predicted, and was expected to fire.")
    assert told[0].endswith("fired 32 s after the first hit, and was predicted to stay silent.")


SILENCES: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    ("it stayed silent", {}, {}, "met", "stayed silent"),
    (
        "it fired",
        {"alerts": marks_of([change(40.8, AlertState.FIRING, "shop-availability")])},
        {},
        "missed",
        "fired 40 s after the first hit, and had to stay silent",
    ),
    ("nobody judges it", {}, {"alerts": ()}, "unknown", "was never judged"),
    (
        "it never had data",
        {},
        {"alerts": (alert("shop-availability", judged_tick=None),)},
        "unknown",
        "was never judged",
    ),
    (
        "it is pending at the end",
        {},
        {"alerts": (alert("shop-availability", AlertState.PENDING, pending_at=at(50)),)},
        "unknown",
        "was still pending at the end",
    ),
    (
        "the forecast allowed both",
        {"prediction": prediction(AlertPrediction("shop-availability", "error-rate", "uncertain"))},
        {},
        "unknown",
        "stayed silent, but the forecast allowed both outcomes",
    ),
]


@pytest.mark.parametrize(("case", "fields", "seen", "outcome", "reason"), SILENCES)
def test_an_alert_that_has_to_stay_silent(
    case: str, fields: dict[str, Any], seen: dict[str, Any], outcome: str, reason: str
) -> None:
    run = ended(full_experiment(expectations=[SILENT]), **fields)
    _, _, results = judge(run, observed(60, **seen))
    assert results[0].outcome == outcome, case
    assert results[0].reason == f"error-rate of shop-availability {reason}"


@pytest.mark.parametrize(
    ("held", "outcome", "verdict"),
    [
        ((reading(),), "met", Verdict.PASSED),
        ((BREACHED,), "missed", Verdict.FAILED),
        ((UNREADABLE,), "unknown", Verdict.INCONCLUSIVE),
        ((), "unknown", Verdict.INCONCLUSIVE),
    ],
)
def test_a_condition_has_to_hold_all_the_time_the_fault_is_active(
    held: tuple[Any, ...], outcome: str, verdict: Verdict
) -> None:
    judged, _, results = judge(ended(full_experiment(expectations=[HOLDS]), held=held), observed(60))
    assert (judged, results[0].outcome) == (verdict, outcome)


def test_the_steady_state_has_to_be_back_in_time() -> None:
    what = full_experiment(expectations=[RECOVERS])
    late, reasons, _ = judge(ended(what, recovered_at=at(71)), observed(80))
    never, told, _ = judge(ended(what, recovered_at=None), observed(80, steady=(BREACHED,)))
    blind, blinded, _ = judge(ended(what, recovered_at=None), observed(80, steady=(UNREADABLE,)))
    assert (late, never, blind) == (Verdict.FAILED, Verdict.FAILED, Verdict.INCONCLUSIVE)
    assert reasons == ("The steady state was back 30.9 s after the revert, later than 30s.",)
    assert told[0].startswith("The steady state was not back 30s after the revert: shop-availability errors")
    assert blinded[0].startswith("The steady state could not be read")


def test_without_expectations_only_the_return_of_the_steady_state_is_judged() -> None:
    steady = experiment(steadyState=[ERRORS_BELOW])
    passed, reasons, results = judge(ended(steady), observed(60))
    failed, _, _ = judge(ended(steady, recovered_at=None), observed(120, steady=(BREACHED,)))
    nothing, told, _ = judge(ended(experiment(), recovered_at=None), observed(60))
    assert (passed, failed, nothing) == (Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE)
    assert reasons[0] == "Nothing was expected; only the return of the steady state was judged."
    assert [result.label for result in results] == ["steady state is back within 1m10s"]
    assert told == ("Nothing was judged: there is no expectation and no steady state to come back to.",)


def test_a_run_whose_injection_is_off_is_invalid_and_never_failed() -> None:
    run = ended(alerts=(), fidelity=check_of(hits=115))
    verdict, reasons, _ = judge(run, observed(60, injections=(totals(hits=115),)))
    assert verdict is Verdict.INVALID
    assert reasons[0].startswith("The injection is not what was asked: latency: share of requests 95.8 %")


def test_a_run_whose_injection_cannot_be_told_is_inconclusive_whatever_it_missed() -> None:
    verdict, reasons, _ = judge(ended(alerts=(), fidelity=check_of(10, 20)), observed(60))
    assert verdict is Verdict.INCONCLUSIVE
    assert reasons[0].startswith("Too few requests to tell")
    assert "had not fired" in reasons[1]


def test_a_run_that_hit_nothing_is_invalid() -> None:
    none = judge(ended(effective_at=None), observed(60))
    told_but_not_counted = judge(ended(), observed(60, injections=(totals(hits=0),)))
    assert none[0] is Verdict.INVALID
    assert told_but_not_counted[:2] == (Verdict.INVALID, ("Fault 1 (latency) hit nothing.",))


def test_a_missing_receipt_is_at_least_inconclusive_and_does_not_hide_a_failure() -> None:
    missing = (receipt(told=False),)
    unsure, reasons, _ = judge(ended(receipts=missing), observed(60))
    failed, _, _ = judge(ended(receipts=missing, alerts=()), observed(60))
    assert (unsure, failed) == (Verdict.INCONCLUSIVE, Verdict.FAILED)
    assert reasons == ("No receipt came from shop-1: the end of its lease bounds when it stopped.",)
    nobody, told, _ = judge(ended(receipts=()), observed(60))
    assert nobody is Verdict.INCONCLUSIVE
    assert told[0].startswith("No agent is known to have held the leases")


def test_a_run_that_was_cut_short_keeps_that_verdict_and_leaves_open_what_was_open() -> None:
    cut = Abortion(at=at(10), by="omar", reason="customers call")
    run = ended(alerts=(), abortion=cut, recovered_at=None)
    verdict, reasons, results = judge(run, observed(10))
    assert (verdict, reasons) == (Verdict.ABORTED, ("omar ended the run: customers call.",))
    assert [result.outcome for result in results] == ["open", "open", "open"]


def test_the_live_table_shows_what_is_decided_and_what_is_open() -> None:
    what = full_experiment(expectations=[FIRES, SILENT, HOLDS, RECOVERS])
    run = run_of(what, phase=Phase.OBSERVE, effective_at=at(0.8), alerts=moved(28.0), held=(reading(),))
    assert [result.outcome for result in results_so_far(run, observed(30))] == [
        "missed",
        "open",
        "open",
        "open",
    ]
    back = results_so_far(ended(what, held=(reading(),)), observed(50))
    assert [result.outcome for result in back] == ["met", "open", "met", "met"]
    assert back[3].predicted == Band(39.3, 69.3)


def test_many_alerts_that_stayed_silent_are_counted() -> None:
    names = ("burn-14.4", "burn-6", "burn-3", "burn-1")
    silent = [
        {"type": "alert", "slo": "shop-availability", "alert": name, "outcome": "silent"} for name in names
    ]
    told = tuple(Alert("shop-availability", "shop", rule, judged_tick=1) for rule in BURN_RATE_RULES)
    verdict, reasons, _ = judge(ended(experiment(expectations=silent)), observed(60, alerts=told))
    assert (verdict, reasons) == (Verdict.PASSED, ("All 4 expectations were met.", "4 alerts stayed silent."))
