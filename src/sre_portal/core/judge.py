"""The verdict of a run: every expectation against what was seen, with a sentence each."""

from __future__ import annotations

from collections.abc import Iterator

from sre_portal.core.access import PORTAL
from sre_portal.core.alarm import measured
from sre_portal.core.fidelity import FidelityCheck, outcome, totals_of
from sre_portal.core.observed import Observed
from sre_portal.core.phrase import listed
from sre_portal.core.results import results_of
from sre_portal.core.run import Abortion, ExpectationResult, Run, Verdict

SILENT_TOLD = 3
"""So many alerts that stayed silent get a sentence each. More are counted."""

Judged = tuple[Verdict, tuple[str, ...], tuple[ExpectationResult, ...]]


def judge(run: Run, seen: Observed) -> Judged:
    """The verdict, the sentences that say why, and the results of all expectations.

    In this order: a run that was cut short keeps the verdict it was cut short with. One whose injection was
    not what was asked, or that hit nothing, is invalid. One whose injection cannot be told is inconclusive,
    whatever it missed. Then it failed where an expectation was missed; it is inconclusive where anything is
    unknown, and passed where something was judged and all of it was met.
    """
    results = results_of(run, seen, final=not run.cut_short)
    if run.abortion is not None:
        return run.abortion.verdict, (_cut_short(run.abortion),), results
    if invalid := list(_invalid(run, seen)):
        return Verdict.INVALID, tuple(invalid), results
    doubts = list(_doubts(run))
    missed = [_sentence(_why(one)) for one in results if one.outcome == "missed"]
    unknown = [_sentence(_why(one)) for one in results if one.outcome not in ("met", "missed")]
    if run.injects and outcome(run.fidelity) == "too_few":
        return Verdict.INCONCLUSIVE, (*doubts, *missed, *unknown), results
    if missed:
        return Verdict.FAILED, (*missed, *unknown, *doubts), results
    if unknown or doubts:
        return Verdict.INCONCLUSIVE, (*unknown, *doubts), results
    if not results:
        nothing = "Nothing was judged: there is no expectation and no steady state to come back to."
        return Verdict.INCONCLUSIVE, (nothing,), results
    return Verdict.PASSED, _praise(run, results), results


def results_so_far(run: Run, seen: Observed) -> tuple[ExpectationResult, ...]:
    """The live table: what is decided, and what is still open."""
    return results_of(run, seen, final=False)


def _invalid(run: Run, seen: Observed) -> Iterator[str]:
    if run.effective_at is None:
        if run.injects:
            yield "Nothing was hit: no agent told of a request under this fault."
        return
    for index, fault in enumerate(run.experiment.spec.faults):
        if totals_of(seen.injections, index).hits == 0:
            yield f"Fault {index + 1} ({fault.type}) hit nothing."
    off = [measured(check) for check in run.fidelity if check.outcome == "out_of_band"]
    if off:
        yield f"The injection is not what was asked: {listed(off)}."


def _doubts(run: Run) -> Iterator[str]:
    few = [check for check in run.fidelity if check.outcome == "too_few"]
    if few:
        yield f"Too few requests to tell whether the injection was what was asked: {listed(map(_few, few))}."
    silent = sorted({receipt.instance for receipt in run.receipts if receipt.status is None})
    if silent:
        yield f"No receipt came from {listed(silent)}: the end of its lease bounds when it stopped."
    if run.injects and run.withdrawn_at is not None and not run.receipts:
        yield "No agent is known to have held the leases, so none could confirm that it stopped."


def _few(check: FidelityCheck) -> str:
    return f"{check.label} from {check.samples}"


def _why(result: ExpectationResult) -> str:
    return result.reason or f"{result.label}: {result.observed_text or result.outcome}"


def _praise(run: Run, results: tuple[ExpectationResult, ...]) -> tuple[str, ...]:
    if run.experiment.spec.expectations:
        first = (
            "1 expectation was met." if len(results) == 1 else f"All {len(results)} expectations were met."
        )
    else:
        first = "Nothing was expected; only the return of the steady state was judged."
    quiet = [one for one in results if one.reason.endswith(" stayed silent")]
    if len(quiet) <= SILENT_TOLD:
        return (first, *(_sentence(_why(one)) for one in results))
    told = (_sentence(_why(one)) for one in results if one not in quiet)
    return (first, *told, f"{len(quiet)} alerts stayed silent.")


def _cut_short(abortion: Abortion) -> str:
    by_hand = abortion.by != PORTAL.name
    return _sentence(f"{abortion.by} ended the run: {abortion.reason}" if by_hand else abortion.reason)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
