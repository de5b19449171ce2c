"""What everybody must see, in one strip each: a live run, and whose glass is broken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sre_portal.core.run import Phase, Run
from sre_portal.operations.ports import Ports
from sre_portal.web.pages.figures import Moment, clock, instant, percent, span
from sre_portal.web.pages.pill import Pill, run_pill
from sre_portal.web.pages.wording import experiment_words


@dataclass(frozen=True, slots=True)
class GlassBanner:
    """Somebody gave themselves the role admin in an emergency."""

    name: str
    until: Moment
    reason: str


@dataclass(frozen=True, slots=True)
class Banner:
    """What is broken, by whom, since when, when it ends by itself, what it has cost."""

    run_id: int
    tone: str
    pill: Pill
    headline: str
    actor: str
    when: str
    cost: str
    can_abort: bool

    @classmethod
    def of(cls, run: Run, now: datetime) -> Banner:
        return cls(
            run_id=run.id,
            tone="harm" if run.harmful else "planned",
            pill=run_pill(run),
            headline=experiment_words(run.experiment),
            actor=run.actor,
            when=_when(run, now),
            cost=cost_words(run),
            can_abort=run.phase in {Phase.PREFLIGHT, Phase.PREDICT} or run.harmful,
        )


def banners(ports: Ports, now: datetime) -> tuple[Banner, ...]:
    """Newest first."""
    return tuple(Banner.of(run, now) for _, run in sorted(ports.watch.live.items(), reverse=True))


def glass_banners(ports: Ports) -> tuple[GlassBanner, ...]:
    """From memory; what is over is not shown, whether or not a loop has passed since."""
    now = ports.clock.now()
    broken = [one for one in ports.watch.glass if now < one.ends_at]
    return tuple(GlassBanner(one.name, instant(one.ends_at), one.reason) for one in broken)


def cost_words(run: Run) -> str:
    """`Budget spent 2.20 % of 3.00 % escrow`, for the SLO it costs most."""
    escrow = float(run.experiment.spec.budget_percent) / 100
    if not run.costs:
        return f"Budget escrow {percent(escrow)}"
    slo, spent = max(run.costs, key=lambda cost: cost[1])
    return f"Budget of {slo} spent {percent(spent)} of {percent(escrow)} escrow"


def _when(run: Run, now: datetime) -> str:
    started = f"Started {span(now - run.created_at)} ago"
    if run.harmful and run.ends_at is not None:
        return f"{started}, ends by itself at {clock(run.ends_at)} UTC at the latest"
    if run.withdrawn_at is not None:
        return f"{started}, leases withdrawn {span(now - run.withdrawn_at)} ago"
    return started
