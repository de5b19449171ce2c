"""The verdict, large: the word, the reason in one sentence, and the next step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from sre_portal.core.run import Run, Verdict
from sre_portal.web.pages.flag_words import flag_href
from sre_portal.web.pages.pill import Pill, pill, run_pill

DEFAULT_REASON: Mapping[Verdict, str] = {
    Verdict.PASSED: "Every expectation was met.",
    Verdict.FAILED: "An expectation was missed.",
    Verdict.INCONCLUSIVE: "What was seen allows no verdict.",
    Verdict.INVALID: "The injection was not what was asked for, so nothing is proved.",
    Verdict.ABORTED: "The run was cut short.",
}


@dataclass(frozen=True, slots=True)
class VerdictBanner:
    pill: Pill
    reason: str
    more: tuple[str, ...]
    next_href: str
    next_words: str


def verdict_of(run: Run, *, in_library: bool) -> VerdictBanner | None:
    """None while the run is live."""
    if run.live:
        return None
    reasons = list(run.reasons)
    if run.abortion is not None and not any(run.abortion.reason in reason for reason in reasons):
        reasons.insert(0, f"Cut short by {run.abortion.by}: {run.abortion.reason}.")
    first = reasons[0] if reasons else DEFAULT_REASON.get(run.verdict or Verdict.INCONCLUSIVE, "")
    shown = run_pill(run) if run.verdict else pill("off", "Not started", "slash")
    return VerdictBanner(shown, first, tuple(reasons[1:]), *_again(run, in_library=in_library))


def _again(run: Run, *, in_library: bool) -> tuple[str, str]:
    """Where the same is started again, and how that is called."""
    if in_library:
        return f"/experiments/{quote(run.name)}", "Run again"
    drills = run.experiment.drills
    if drills and not run.injects:
        return flag_href(run.experiment.set_of(drills[0]), drills[0].flag, "drill"), "Drill again"
    return f"/services/{quote(run.service)}", "Try again"
