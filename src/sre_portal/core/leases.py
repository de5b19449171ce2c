"""What an experiment and an SLO mean to an agent: leases, SLI definitions, and what overlaps."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sre_portal.contract.fault import Abort, ErrorException, ErrorStatus, Fault, Latency
from sre_portal.contract.lease import Lease, SliDefinition
from sre_portal.contract.match import Match, Share
from sre_portal.core.experiment import (
    AbortFault,
    ErrorFault,
    Experiment,
    FaultSpec,
    LatencyFault,
    ShareSpec,
    Target,
)
from sre_portal.core.route import methods_overlap, routes_overlap
from sre_portal.core.slo import LatencySli, Slo


def lease_id(run_id: int, index: int) -> str:
    """The id of the lease of a run's fault, counted from 0."""
    return f"{run_id}-{index}"


def lease_ids(experiment: Experiment, run_id: int) -> tuple[str, ...]:
    """The ids of all leases of a run, in the order of its faults."""
    return tuple(lease_id(run_id, index) for index in range(len(experiment.spec.faults)))


def leases_of(experiment: Experiment, run_id: int, ttl_ms: float) -> tuple[Lease, ...]:
    """One lease a fault, each good for `ttl_ms` milliseconds from the plan it is sent in."""
    target = experiment.spec.target
    match, share = match_of(target), share_of(target.share)
    return tuple(
        Lease(lease_id(run_id, index), run_id, fault_of(fault), match, share, ttl_ms)
        for index, fault in enumerate(experiment.spec.faults)
    )


def match_of(target: Target) -> Match:
    """Which requests a target means. Header names are lower case on the wire."""
    headers = tuple(sorted((name.lower(), value) for name, value in target.headers.items()))
    return Match(target.methods, target.route, headers)


def share_of(share: ShareSpec) -> Share:
    """How much of them, as a ratio."""
    return Share(float(share.percent / 100), share.of, share.key_header.lower())


def fault_of(spec: FaultSpec) -> Fault:
    """The fault on the wire."""
    match spec:
        case LatencyFault():
            return Latency(
                delay_ms=_ms(spec.delay),
                distribution=spec.distribution,
                spread_ms=_ms(spec.spread),
                shape=spec.shape,
                cap_ms=_ms(spec.cap),
            )
        case ErrorFault(exception=True):
            return ErrorException()
        case ErrorFault():
            return ErrorStatus(spec.status, spec.body)
        case AbortFault():
            return Abort()


def definition_of(slo: Slo) -> SliDefinition:
    """What an agent counts for an SLO. Its name is the name of the SLO."""
    match = Match(tuple(method.upper() for method in slo.spec.methods), slo.spec.route)
    sli = slo.spec.sli
    if isinstance(sli, LatencySli):
        return SliDefinition(slo.name, "latency", match, _ms(sli.threshold))
    return SliDefinition(slo.name, "availability", match)


def overlaps(one: Target, other: Target) -> bool:
    """Whether a request can fall under both targets.

    Headers and shares do not keep targets apart: a request may carry any headers, and shares are drawn apart.
    """
    return (
        one.service == other.service
        and methods_overlap(one.methods, other.methods)
        and routes_overlap(one.route, other.route)
    )


def shared_slos(one: Experiment, other: Experiment, slos: Collection[Slo]) -> list[str]:
    """The SLOs that one of two experiments burns and the other is judged by, by name."""
    burnt = [{slo.name for slo in slos if counts_for(each.spec.target, slo)} for each in (one, other)]
    named = [_judged_by(each) for each in (one, other)]
    return sorted(burnt[0] & (burnt[1] | named[1]) | burnt[1] & named[0])


def _judged_by(experiment: Experiment) -> set[str]:
    """The SLOs that an experiment names: in what it expects, and in what stops it."""
    spec = experiment.spec
    conditions = (*spec.steady_state, *spec.guardrails, *experiment.held_conditions)
    named = {condition.slo for condition in conditions if condition.type == "errors"}
    return named | {expectation.slo for expectation in spec.expectations if expectation.type == "alert"}


def counts_for(target: Target, slo: Slo) -> bool:
    """Whether a request of the target can count for an SLO."""
    return (
        slo.spec.service == target.service
        and methods_overlap(slo.spec.methods, target.methods)
        and routes_overlap(slo.spec.route, target.route)
    )


def _ms(span: timedelta) -> float:
    return span / timedelta(milliseconds=1)
