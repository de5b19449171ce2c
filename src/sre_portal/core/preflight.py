"""The guards before a run. Each answers with its reason, or with None; what is not known is never fine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sre_portal.core.access import Permission, Principal, needs
from sre_portal.core.condition import Condition, Outcome, Reading
from sre_portal.core.document import dump_duration
from sre_portal.core.drill import share_of
from sre_portal.core.errors import Objection
from sre_portal.core.experiment import Experiment, Target
from sre_portal.core.flag_name import service_of
from sre_portal.core.instance import Instance
from sre_portal.core.leases import overlaps, shared_slos
from sre_portal.core.phrase import clock, listed, percent, seconds
from sre_portal.core.prediction import Prediction
from sre_portal.core.run import HARMFUL, Run
from sre_portal.core.slo import Slo

FRESH = timedelta(seconds=3)
"""An instance that is there has reported this recently: agents report once a second."""

CLOCK_ERROR_MS = 500.0
"""Time stamps that may be off by more than this prove nothing about bands of seconds."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What nobody may exceed: the longest fault, and the largest share of the traffic in percent."""

    longest_run: timedelta = timedelta(hours=4)
    largest_share_percent: float = 100.0


@dataclass(frozen=True, slots=True)
class Switch:
    """A kill switch that the experiment drills, as it is now. `subscribers` of None are not known."""

    flag_set: str
    flag: str
    subscribers: int | None = None
    drilled: bool = False
    """Its targeting has the wrapper of a drill already."""
    unfit: str = ""
    """Why it cannot be wrapped, a sentence."""

    @property
    def name(self) -> str:
        return f"{self.flag_set}/{self.flag}"


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything the guards look at, gathered by the shell at `now`.

    `instances` are those of the target service, `steady` and `guardrails` the readings of the experiment's
    conditions in their order, `live_runs` all runs that are not done, `slos` all there are. A `prediction` of
    None could not be made; `prediction_reason` says why.
    """

    now: datetime
    actor: Principal
    experiment: Experiment
    instances: Sequence[Instance] = ()
    steady: Sequence[Reading] = ()
    guardrails: Sequence[Reading] = ()
    live_runs: Sequence[Run] = ()
    slos: Sequence[Slo] = ()
    switches: Sequence[Switch] = ()
    """One for each drill of the experiment, in their order."""
    limits: Limits = Limits()
    prediction: Prediction | None = None
    prediction_reason: str = ""

    @property
    def live_instances(self) -> list[Instance]:
        return [one for one in self.instances if one.is_live(self.now)]


def objections(situation: Situation) -> list[Objection]:
    """Every reason not to start. An empty list means go."""
    found = [guard(situation) for guard in GUARDS]
    return [objection for objection in found if objection is not None]


def permission(situation: Situation) -> Objection | None:
    service, experiment = situation.experiment.spec.target.service, situation.experiment
    name, found = situation.actor.name, []
    if not situation.actor.may(Permission.RUN_START, service):
        takes = needs(Permission.RUN_START, service)
        found.append(f"{name} may not start runs on {service}; it takes {takes}")
    for owner in sorted({service_of(experiment.set_of(one)) for one in experiment.drills}):
        if not situation.actor.may(Permission.FLAG_FLIP, owner):
            takes = needs(Permission.FLAG_FLIP, owner)
            found.append(f"{name} may not flip flags of {owner}; it takes {takes}")
    return Objection("permission", "; ".join(found)) if found else None


def agents(situation: Situation) -> Objection | None:
    service = situation.experiment.spec.target.service
    if situation.live_instances:
        return None
    if situation.instances:
        last = max(one.seen_at for one in situation.instances)
        return Objection("agents", f"no agent of {service} is live; the last report came at {clock(last)}")
    return Objection("agents", f"no agent of {service} has ever reported")


def fresh_reports(situation: Situation) -> Objection | None:
    late = [one for one in situation.live_instances if situation.now - one.seen_at > FRESH]
    if not late:
        return None
    ages = (f"{one.instance} ({seconds(_age_s(situation, one))} ago)" for one in late)
    return Objection("fresh reports", f"the last report is older than {dump_duration(FRESH)}: {listed(ages)}")


def agent_clocks(situation: Situation) -> Objection | None:
    unknown = [one.instance for one in situation.live_instances if one.clock_error_ms is None]
    rough = [
        f"{one.instance} (within {one.clock_error_ms:.0f} ms)"
        for one in situation.live_instances
        # Written so that an error that is not a number counts as rough.
        if one.clock_error_ms is not None and not one.clock_error_ms <= CLOCK_ERROR_MS
    ]
    if unknown:
        return Objection("agent clocks", f"the clock is not known yet of {listed(unknown)}")
    if rough:
        limit = f"{CLOCK_ERROR_MS:.0f} ms"
        return Objection("agent clocks", f"the clock has to be known within {limit}: {listed(rough)}")
    return None


def steady_state(situation: Situation) -> Objection | None:
    conditions = situation.experiment.spec.steady_state
    return _all_hold("steady state", conditions, situation.steady)


def guardrails(situation: Situation) -> Objection | None:
    conditions = situation.experiment.spec.guardrails
    return _all_hold("guardrails", conditions, situation.guardrails)


def no_overlap(situation: Situation) -> Objection | None:
    """Two runs may not hit the same requests, and neither may burn what the other is judged by."""
    ours, found = situation.experiment, []
    for run in situation.live_runs:
        shared = shared_slos(ours, run.experiment, situation.slos)
        if run.live and overlaps(run.experiment.spec.target, ours.spec.target):
            found.append(_holding(run))
        elif run.live and shared:
            found.append(f"{_holding(run)}, and both would burn {listed(shared)}")
        both = _drilled_by(ours) & _drilled_by(run.experiment)
        if run.live and both:
            found.append(f"{_holding(run)}, and both would drill {listed(sorted(both))}")
    return Objection("overlap", "; ".join(found)) if found else None


def switches(situation: Situation) -> Objection | None:
    """A drill that nobody would see proves nothing, and of two around one flag the inner is hidden."""
    found = []
    for switch in situation.switches:
        if switch.drilled:
            found.append(
                f"{switch.name} has the rule of a drill already: it is drilled, or a drill has left it behind"
            )
        if switch.unfit:
            found.append(f"{switch.name} cannot be drilled: {switch.unfit}")
        if switch.subscribers is None:
            found.append(f"who subscribes to {switch.flag_set} is not known")
        elif not switch.subscribers:
            found.append(f"nobody subscribes to {switch.flag_set}: nobody would see {switch.name} flip")
    missing = len(situation.experiment.drills) - len(situation.switches)
    if missing > 0:
        found.append(f"{missing} of {len(situation.experiment.drills)} switches were not looked at")
    return Objection("switches", "; ".join(found)) if found else None


def policy(situation: Situation) -> Objection | None:
    spec, limits = situation.experiment.spec, situation.limits
    found = []
    if spec.duration > limits.longest_run:
        longest = dump_duration(limits.longest_run)
        found.append(f"{dump_duration(spec.duration)} is longer than the longest run allowed, {longest}")
    if spec.faults and spec.target.share.percent > limits.largest_share_percent:
        found.append(
            f"{spec.target.share.percent} % of the {spec.target.share.of} "
            f"is more than the largest share allowed, {limits.largest_share_percent:g} %"
        )
    for drill in situation.experiment.drills:
        if (share := share_of(drill.cohort)) > limits.largest_share_percent:
            most = f"the largest share allowed, {limits.largest_share_percent:g} %"
            found.append(f"the drill of {drill.flag} may reach {share:f} % of everybody, more than {most}")
    return Objection("policy", "; ".join(found)) if found else None


def forecast(situation: Situation) -> Objection | None:
    if situation.prediction is not None:
        return None
    reason = situation.prediction_reason or "the reason is not known"
    return Objection("prediction", f"what this run would do cannot be predicted: {reason}")


def budget_escrow(situation: Situation) -> Objection | None:
    if situation.prediction is None:
        return Objection("budget", "without a prediction the cost is not known")
    escrow = float(situation.experiment.spec.budget_percent / 100)
    found = []
    for cost in situation.prediction.costs:
        if cost.high_ratio == 0:
            continue  # an SLO this run does not touch may be overspent
        dear = f"{cost.slo} may lose {percent(cost.high_ratio)} of its error budget"
        # Written so that a cost that is not a number is too dear.
        if not cost.high_ratio <= escrow:
            found.append(f"{dear}, and the escrow is {percent(escrow)}")
        elif not cost.high_ratio <= cost.left_ratio:
            found.append(f"{dear}, and {percent(max(cost.left_ratio, 0.0))} is left")
    return Objection("budget", "; ".join(found)) if found else None


Guard = Callable[[Situation], Objection | None]

GUARDS: tuple[Guard, ...] = (
    permission,
    policy,
    no_overlap,
    switches,
    agents,
    fresh_reports,
    agent_clocks,
    steady_state,
    guardrails,
    forecast,
    budget_escrow,
)


def _all_hold(guard: str, conditions: Sequence[Condition], readings: Sequence[Reading]) -> Objection | None:
    found = [_said(reading) for reading in readings if reading.outcome is not Outcome.HOLDS]
    if len(readings) < len(conditions):
        found.append(f"{len(conditions) - len(readings)} of {len(conditions)} conditions were not read")
    return Objection(guard, "; ".join(found)) if found else None


def _drilled_by(experiment: Experiment) -> set[str]:
    return {f"{experiment.set_of(one)}/{one.flag}" for one in experiment.drills}


def _said(reading: Reading) -> str:
    return f"{reading.label} is {reading.outcome.value}" + (f": {reading.reason}" if reading.reason else "")


def _holding(run: Run) -> str:
    who = f"run {run.id} ({run.name}) by {run.actor} holds {place(run.experiment.spec.target)}"
    if run.phase in HARMFUL and run.ends_at is not None:
        return f"{who} until {clock(run.ends_at)}"
    return f"{who} until it is judged (it is in {run.phase.value})"


def place(target: Target) -> str:
    """`shop`, `shop /checkout` or `shop POST /checkout`."""
    return " ".join((target.service, *target.methods, *([target.route] if target.route else [])))


def _age_s(situation: Situation, instance: Instance) -> float:
    return (situation.now - instance.seen_at) / timedelta(seconds=1)
