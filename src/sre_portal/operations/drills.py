"""Drilling one kill switch the quick way: an experiment made of defaults, started like any other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sre_portal.core.access import Principal
from sre_portal.core.document import dump_duration
from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.core.experiment import Experiment
from sre_portal.core.flag_name import service_of
from sre_portal.core.parse import parse_mapping
from sre_portal.core.run import Run
from sre_portal.core.slo import Slo
from sre_portal.operations.access_act import reason_problems
from sre_portal.operations.handover import start_anywhere
from sre_portal.operations.ports import Ports

QUICK_SECONDS = 30
QUICK_SEEN_SECONDS = 2
STEADY_BELOW_PERCENT = 5
STEADY_OVER_SECONDS = 30
GUARD_BELOW_PERCENT = 20
GUARD_OVER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class QuickDrill:
    """What somebody asks for. `percent` of None is everybody; the rest has defaults."""

    flag_set: str
    flag: str
    variant: str
    percent: Decimal | None = None
    duration: timedelta = timedelta(seconds=QUICK_SECONDS)
    seen_within: timedelta = timedelta(seconds=QUICK_SEEN_SECONDS)
    reason: str = ""


async def quick_drill(ports: Ports, actor: Principal, drill: QuickDrill, address: str = "") -> Run:
    """Starts it. The SLOs of the service are its steady state and its guardrails.

    Raises as `start_anywhere` does: `InvalidInput` with every problem, `Refused` with every objection.
    """
    if drill.reason and (problems := reason_problems(drill.reason)):
        raise InvalidInput(problems)
    return await start_anywhere(ports, actor, experiment_of(ports, drill), address)


def experiment_of(ports: Ports, drill: QuickDrill) -> Experiment:
    """The experiment of a quick drill. Raises `InvalidInput`."""
    service = service_of(drill.flag_set)
    slos = [slo for slo in ports.catalogue.slos() if slo.spec.service == service]
    if not slos:
        expected = f"a set whose service has an SLO: without one nobody sees what a drill of {service} does"
        raise InvalidInput([Problem("set", f'"{drill.flag_set[:80]}"', expected)])
    document = parse_mapping(_document(drill, service, slos), "drill")
    if not isinstance(document, Experiment):
        raise TypeError("the kind was written here")
    return document


def _document(drill: QuickDrill, service: str, slos: list[Slo]) -> dict[str, object]:
    cohort: dict[str, object] = {} if drill.percent is None else {"percent": str(drill.percent)}
    expectation: dict[str, object] = {
        "type": "flag",
        "flag": drill.flag,
        "set": drill.flag_set,
        "variant": drill.variant,
        "cohort": cohort,
        "seenWithin": dump_duration(drill.seen_within),
    }
    spec: dict[str, object] = {
        "target": {"service": service},
        "duration": dump_duration(drill.duration),
        "steadyState": [_errors(slo, STEADY_BELOW_PERCENT, STEADY_OVER_SECONDS) for slo in slos],
        "guardrails": [_errors(slo, GUARD_BELOW_PERCENT, GUARD_OVER_SECONDS) for slo in slos],
        "expectations": [expectation],
    }
    metadata = {"name": "drill", "title": f"Drill of {drill.flag} in {drill.flag_set}"[:200]}
    if drill.reason:
        metadata["description"] = drill.reason
    return {"apiVersion": "sre-portal.dev/v1", "kind": "Experiment", "metadata": metadata, "spec": spec}


def _errors(slo: Slo, below_percent: int, over_seconds: int) -> dict[str, object]:
    return {"type": "errors", "slo": slo.name, "below": below_percent, "over": f"{over_seconds}s"}
