"""The record of a run: what it tells of itself, and that it is the same after it was stored."""

from datetime import timedelta

from sre_portal.core.loop import advance
from sre_portal.core.run import HARMFUL, Phase, Run
from tests.unit.core.given import HOLDS, RECOVERS, at, full_experiment, observed, reading, run_of, statuses


def driven() -> Run:
    """A run in the middle of its recovery, with something in every field it can have by then."""
    between = {"type": "alert", "slo": "a", "alert": "burn-6", "between": ["20s", "1h30m"]}
    run = run_of(full_experiment(expectations=[between, HOLDS, RECOVERS], budgetPercent=12.5))
    for quarter in range(1, 190):
        seconds = quarter / 4
        told = statuses(0.8, 40.0 if seconds > 40 else None)
        costs = (("shop-availability", 0.001),)
        run, _ = advance(run, observed(seconds, statuses=told, held=(reading(),), costs=costs))
    return run


def test_a_run_is_the_same_after_it_was_stored() -> None:
    run = driven()
    assert run.phase is Phase.RECOVER
    assert run.receipts
    assert run.held
    assert Run.model_validate_json(run.model_dump_json()) == run


def test_a_run_tells_what_it_is_about() -> None:
    run = run_of()
    assert (run.name, run.service, run.live, run.harmful) == ("latency-checkout", "shop", True, True)
    assert run.ends_at == at(40)
    assert run_of(granted_at=None).ends_at is None
    assert run.entered(Phase.INJECT) == at(0)
    assert run.entered(Phase.REVERT) is None
    assert {phase for phase in Phase if run_of(phase=phase).harmful} == HARMFUL


def test_offsets_count_from_the_first_hit() -> None:
    run = run_of(effective_at=at(1.5))
    assert run.since_effective(at(4)) == 2.5
    assert run.since_effective(None) is None
    assert run_of().since_effective(at(4)) is None
    assert run.experiment.spec.duration == timedelta(seconds=40)
