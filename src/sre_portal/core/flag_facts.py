"""Error budgets as facts that rules of flags read below `$slo`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sre_portal.core.board import Board
from sre_portal.core.flag.definition import Flag
from sre_portal.core.flag.lookup import SLO, Facts
from sre_portal.core.flag_reads import RuleReader
from sre_portal.core.slo import Slo, budget, budget_size, burn_rate

BUDGET_REMAINING = "budget_remaining"
"""What is left of the whole window's budget: 1 is all of it, below 0 more than all is spent."""
BURN_1H = "burn_1h"
"""How many times faster than allowed the budget burnt over the last hour."""
FACT_NAMES = (BUDGET_REMAINING, BURN_1H)
BUDGET_DIGITS = 4
BURN_DIGITS = 2
HOUR = 3600


def facts_at(slos: Iterable[Slo], board: Board, second: int) -> Facts:
    """The facts of every SLO by what was counted before a second since the epoch.

    Rounded, so that they seldom change. What is not known is left out: a rule falls to the fallback of its
    `var`. The dots in the name of an SLO lead down, as the dots in the path of a `var` do.
    """
    told: dict[str, Any] = {}
    for slo in slos:
        if known := _known(slo, board, second):
            below = told
            for part in slo.name.split("."):
                below = below.setdefault(part, {})
            below.update(known)
    return told


def unknown_facts(
    flags: Iterable[Flag], evaluators: Mapping[str, object], slos: Iterable[str]
) -> dict[str, list[str]]:
    """By key, the facts that flags read and that no SLO of these names has: a rule gets its fallback.

    Flags that read none such are left out.
    """
    known = {f"{name}.{fact}" for name in slos for fact in FACT_NAMES}
    reader = RuleReader(evaluators)
    read = ((flag.key, reader.of(flag.targeting).facts - known) for flag in flags)
    return {key: sorted(f"{SLO}.{path}" for path in paths) for key, paths in read if paths}


def _known(slo: Slo, board: Board, second: int) -> dict[str, float]:
    series = board.sli(slo.name)
    found: dict[str, float] = {}
    if budget_size(series, slo, second):  # without a request there is a budget, and nothing known of it
        found[BUDGET_REMAINING] = round(budget(series, slo, second).left_ratio, BUDGET_DIGITS)
    burn = burn_rate(series.counts(second - HOUR, second), slo)
    if burn is not None:
        found[BURN_1H] = round(burn, BURN_DIGITS)
    return found
