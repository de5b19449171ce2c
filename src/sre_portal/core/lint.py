"""What is wrong with an experiment here, in this portal, and what could be better."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from sre_portal.core.alert import ERROR_RATE
from sre_portal.core.condition import Condition, ErrorsBelow
from sre_portal.core.document import dump_duration
from sre_portal.core.drill_fit import drill_problems
from sre_portal.core.errors import Problem
from sre_portal.core.experiment import AlertExpectation, ErrorFault, Experiment, FlagExpectation
from sre_portal.core.flag.definition import Definitions
from sre_portal.core.leases import counts_for
from sre_portal.core.phrase import closest_first, listed
from sre_portal.core.route import routes_overlap
from sre_portal.core.slo import Slo

NO_FLAGS: Mapping[str, Definitions] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Known:
    """What the portal knows: SLOs by name, the routes each live service has told, and the flags."""

    slos: Mapping[str, Slo]
    routes: Mapping[str, Collection[str]]
    flags: Mapping[str, Definitions]
    """By the name of their set."""


def problems_of(
    experiment: Experiment,
    slos: Mapping[str, Slo],
    routes: Mapping[str, Collection[str]],
    flags: Mapping[str, Definitions] = NO_FLAGS,
) -> list[Problem]:
    """Everything that keeps the experiment from being run here, in document order.

    `slos` are all SLOs by name, `routes` the routes of each live service (empty where it told none), `flags`
    all sets of flags.
    """
    known = Known(slos, routes, flags)
    return [problem for look in LOOKS for problem in look(experiment, known)]


def advice_of(experiment: Experiment) -> list[str]:
    """What could be better, as sentences. Nothing here keeps the experiment from being run."""
    spec, found = experiment.spec, []
    if not spec.guardrails:
        found.append("No guardrail: nothing but its end, its budget or a person would stop this run.")
    if not spec.steady_state:
        found.append(
            "No steady state: the run may start into trouble, and nobody sees whether it comes back."
        )
    if not spec.expectations:
        found.append("No expectation: the run breaks something and proves nothing.")
    mild = [
        one for one in spec.faults if isinstance(one, ErrorFault) and not one.exception and one.status < 500
    ]
    if mild:
        found.append(
            f"Status {mild[0].status} is below 500 and counts as good in every SLI: no alert will move."
        )
    return found


def _service(experiment: Experiment, known: Known) -> Iterator[Problem]:
    yield from _known_service("spec.target.service", experiment.spec.target.service, known)


def _route(experiment: Experiment, known: Known) -> Iterator[Problem]:
    target = experiment.spec.target
    routes = [route[route.find("/") :] for route in known.routes.get(target.service, ()) if "/" in route]
    if target.route is None or not routes or any(routes_overlap(target.route, one) for one in routes):
        return
    expected = f"a route of {target.service}: {listed(closest_first(target.route, sorted(routes)))}"
    yield Problem("spec.target.route", f'"{target.route}"', expected)


def _conditions(experiment: Experiment, known: Known) -> Iterator[Problem]:
    for path, condition in conditions_of(experiment):
        if isinstance(condition, ErrorsBelow):
            yield from _known_slo(f"{path}.slo", condition.slo, known)
        else:
            yield from _known_service(f"{path}.service", condition.service, known)


def conditions_of(experiment: Experiment) -> Iterator[tuple[str, Condition]]:
    """Every condition of an experiment with its path."""
    spec = experiment.spec
    for index, condition in enumerate(spec.steady_state):
        yield f"spec.steadyState[{index}]", condition
    for index, condition in enumerate(spec.guardrails):
        yield f"spec.guardrails[{index}]", condition
    for index, expectation in enumerate(spec.expectations):
        if expectation.type == "holds":
            yield f"spec.expectations[{index}].condition", expectation.condition


def _expectations(experiment: Experiment, known: Known) -> Iterator[Problem]:
    for index, expectation in enumerate(experiment.spec.expectations):
        if isinstance(expectation, AlertExpectation):
            path = f"spec.expectations[{index}]"
            slo = known.slos.get(expectation.slo)
            if slo is None:
                yield from _known_slo(f"{path}.slo", expectation.slo, known)
            elif expectation.outcome == "fires":
                yield from _can_fire(path, experiment, expectation, slo)


def _can_fire(
    path: str, experiment: Experiment, expectation: AlertExpectation, slo: Slo
) -> Iterator[Problem]:
    target = experiment.spec.target
    if not experiment.spec.faults and expectation.between is None:
        yield Problem(
            f"{path}.between", "nothing", "[earliest, latest] since the flip: without a fault no alert is due"
        )
    elif slo.spec.service != target.service and expectation.between is None:
        expected = (
            f"[earliest, latest] since the first hit: {slo.name} belongs to {slo.spec.service}, and what"
        )
        yield Problem(
            f"{path}.between", "nothing", f"{expected} it does when {target.service} breaks is not predicted"
        )
    elif slo.spec.service == target.service and not counts_for(target, slo):
        yield Problem(
            f"{path}.slo", f'"{slo.name}"', "an SLO that counts requests of the target: this one counts none"
        )
    hold = slo.spec.error_rate_alert.hold if expectation.alert == ERROR_RATE else timedelta(0)
    if experiment.spec.duration < hold:
        seen = dump_duration(experiment.spec.duration)
        least = dump_duration(hold)
        expected = f"at least {least}: {expectation.alert} of {slo.name} fires after {least} of errors"
        yield Problem("spec.duration", seen, expected)


def _drills(experiment: Experiment, known: Known) -> Iterator[Problem]:
    for index, drill in enumerate(experiment.spec.expectations):
        if isinstance(drill, FlagExpectation):
            path = f"spec.expectations[{index}]"
            yield from drill_problems(path, drill, experiment.set_of(drill), known.flags)


def _known_service(path: str, service: str, known: Known) -> Iterator[Problem]:
    if service not in known.routes:
        names = listed(closest_first(service, sorted(known.routes)), none="none is known yet")
        yield Problem(path, f'"{service}"', f"a service that this portal knows: {names}")


def _known_slo(path: str, slo: str, known: Known) -> Iterator[Problem]:
    if slo not in known.slos:
        names = listed(closest_first(slo, sorted(known.slos)), none="none is known yet")
        yield Problem(path, f'"{slo}"', f"an SLO that this portal knows: {names}")


LOOKS: tuple[Callable[[Experiment, Known], Iterator[Problem]], ...] = (
    _service,
    _route,
    _conditions,
    _expectations,
    _drills,
)
