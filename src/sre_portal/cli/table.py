"""Lists as plain columns."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import TypeAdapter, ValidationError

from sre_portal.cli.plain import plain
from sre_portal.cli.portal import PortalLost
from sre_portal.cli.seen import RunSeen, Seen


class ExperimentSeen(Seen):
    name: str
    title: str = ""
    service: str = ""
    last_run: RunSeen | None = None


_EXPERIMENTS = TypeAdapter(list[ExperimentSeen])
_RUNS = TypeAdapter(list[RunSeen])


def experiment_lines(answer: object) -> list[str]:
    """One line an experiment."""
    try:
        found = _EXPERIMENTS.validate_python(answer)
    except ValidationError:
        raise PortalLost("The portal's answer is not a list of experiments.") from None
    if not found:
        return ["The portal holds no experiment."]
    rows = [(one.name, one.service, _last(one.last_run), one.title) for one in found]
    return columns(("NAME", "SERVICE", "LAST RUN", "TITLE"), rows)


def run_lines(answer: object) -> list[str]:
    """One line a run, newest first as the portal gives them."""
    try:
        found = _RUNS.validate_python(answer)
    except ValidationError:
        raise PortalLost("The portal's answer is not a list of runs.") from None
    if not found:
        return ["There was no run yet."]
    rows = [(str(one.id), one.name, one.service, one.verdict or one.phase, _started(one)) for one in found]
    return columns(("ID", "EXPERIMENT", "SERVICE", "STATE", "STARTED"), rows)


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows under a head, each column as wide as its widest cell."""
    table = [[plain(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[index]) for row in table) for index in range(len(head))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]


def _last(run: RunSeen | None) -> str:
    return "never" if run is None else f"{run.verdict or run.phase} (run {run.id})"


def _started(run: RunSeen) -> str:
    return "" if run.started_at is None else f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC"
