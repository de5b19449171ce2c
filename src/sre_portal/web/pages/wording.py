"""What is broken, in words: one sentence for a fault, a share, a target, a condition."""

from __future__ import annotations

from datetime import timedelta
from typing import assert_never

from sre_portal.contract.fault import Abort, ErrorException, ErrorStatus, Fault, Latency
from sre_portal.contract.match import Share
from sre_portal.core.drill import cohort_words
from sre_portal.core.drill_course import drills_of
from sre_portal.core.experiment import (
    AbortFault,
    ErrorFault,
    Experiment,
    FaultSpec,
    FlagExpectation,
    LatencyFault,
    Target,
)
from sre_portal.core.run import Run
from sre_portal.core.slo import AvailabilitySli, LatencySli, Slo
from sre_portal.web.pages.figures import milliseconds, short_percent


def fault_words(fault: Fault) -> str:
    match fault:
        case Latency():
            return f"Latency +{milliseconds(fault.delay_ms)}"
        case ErrorStatus():
            return f"Status {fault.status}"
        case ErrorException():
            return "Exception"
        case Abort():
            return "Connection abort"
        case _:
            assert_never(fault)


def spec_words(fault: FaultSpec) -> str:
    match fault:
        case LatencyFault():
            around = "" if fault.distribution == "fixed" else f", {fault.distribution}"
            return f"Latency +{milliseconds(fault.delay / timedelta(milliseconds=1))}{around}"
        case ErrorFault():
            return "Exception" if fault.exception else f"Status {fault.status}"
        case AbortFault():
            return "Connection abort"
        case _:
            assert_never(fault)


def share_words(share: Share) -> str:
    everything = "all requests" if share.of == "requests" else "all users"
    return everything if share.ratio >= 1 else f"{short_percent(share.ratio * 100)} of {share.of}"


def target_share_words(target: Target) -> str:
    return share_words(Share(float(target.share.percent) / 100, target.share.of))


def target_words(target: Target) -> str:
    """`payments /charge, POST`."""
    methods = f", {' '.join(target.methods)}" if target.methods else ""
    return f"{target.service}{' ' + target.route if target.route else ''}{methods}"


def experiment_words(experiment: Experiment) -> str:
    """`Latency +600 ms on 25 % of requests to payments`."""
    spec = experiment.spec
    drills = ", ".join(drill_words(experiment, one) for one in experiment.drills)
    if not spec.faults:
        return drills
    faults = " and ".join(spec_words(fault) for fault in spec.faults)
    broken = f"{faults} on {target_share_words(spec.target)} to {target_words(spec.target)}"
    return f"{broken}, {drills}" if drills else broken


def drill_words(experiment: Experiment, drill: FlagExpectation) -> str:
    """`shop/recommendations off for 20 % of targeting keys`."""
    name = f"{experiment.set_of(drill)}/{drill.flag}"
    return f"{name} {drill.variant} for {cohort_words(drill.cohort)}"


def drill_lines(run: Run) -> list[str]:
    """The switches that a run has flipped and that are not known to be back."""
    return [
        drill_words(run.experiment, drill)
        for drill, mark in drills_of(run)
        if mark.flipped_at is not None and mark.restored_at is None
    ]


def objective_words(slo: Slo) -> str:
    """`99.9 % without errors`, `99.5 % within 300 ms`."""
    percent = short_percent(float(slo.spec.objective))
    match slo.spec.sli:
        case AvailabilitySli():
            return f"{percent} without errors"
        case LatencySli(threshold=threshold):
            return f"{percent} within {milliseconds(threshold / timedelta(milliseconds=1))}"
        case other:
            assert_never(other)
