"""Random runs in which a step fault is a step: the ranges over which bands are held to be narrow.

The share of the SLO's requests that is made bad is at least ten times the alert's threshold (error rate), or
all of them (burn rates, whose long windows would otherwise wait for many draws).
"""

from __future__ import annotations

from random import Random
from typing import Any

from sre_portal.core.alert import BURN_RATE_RULES
from tests.unit.core.documents import experiment_of, slo_of
from tests.unit.core.simulation import Arrivals, Case, Traffic

FAULTS: tuple[dict[str, Any], ...] = (
    {"type": "error", "status": 503},
    {"type": "error", "exception": True},
    {"type": "abort"},
)
HISTORIES = (120, 300, 900, 3600, 6 * 3600, 86400, 3 * 86400, 5 * 86400)


def draw_case(seed: int, arrivals: Arrivals = "paced") -> Case:
    """A case of the seed: half of them watch the error rate, half one of the four burn rates."""
    random = Random(seed)
    return (
        _error_rate(random, seed, arrivals) if random.random() < 0.5 else _burn_rate(random, seed, arrivals)
    )


def _error_rate(random: Random, seed: int, arrivals: Arrivals) -> Case:
    """2 to 5 % over 5 to 15 s, held for 0 to 60 s.

    At least 40 requests/s of the SLO of which 48 to 100 % are hit: of the whole service, of a route, or of a
    whole service of which a route is hit whose share another SLO tells.
    """
    kind = random.choice(("service", "route", "part"))
    on_route = 1.0 if kind == "service" else random.uniform(0.6, 0.9)
    hold = random.choice((0, random.randrange(1, 60), 30))
    threshold = random.choice((None, "300ms"))
    alert = {
        "above": round(random.uniform(2, 5), 2),
        "over": f"{random.randrange(5, 16)}s",
        "for": f"{hold}s",
    }
    slo = slo_of(
        objective=random.choice(("99", "99.5", "99.9", "99.95")),
        threshold=threshold,
        route="/cart" if kind == "route" else None,
        errorRateAlert=alert,
    )
    fault = random.choice(FAULTS)
    if threshold and random.random() < 0.5:
        fault = {"type": "latency", "delay": f"{random.randrange(400, 2500)}ms"}
    share = random.choice((100, random.uniform(80, 100)))
    route = {"service": None, "route": random.choice(("/cart", "/{page}")), "part": "/cart"}[kind]
    return Case(
        seed=seed,
        slo=slo,
        alert="error-rate",
        experiment=experiment_of(
            fault, {"route": route, "share": {"percent": round(share, 2)}}, duration=f"{hold + 45}s"
        ),
        traffic=Traffic(
            rate=random.uniform(40, 150) / on_route,
            arrivals=arrivals,
            jitter=random.uniform(0, 1),
            on_route=on_route,
            base_errors=random.choice((0.0, 0.0005, 0.002)),
            past=random.uniform(0.5, 1.5),
        ),
        others=(slo_of("cart", route="/cart"),) if kind == "part" else (),
        history_seconds=random.choice(HISTORIES),
        instances=random.randrange(1, 4),
    )


def _burn_rate(random: Random, seed: int, arrivals: Arrivals) -> Case:
    """Every request of the SLO is hit, and errors before stay within a fifth of the objective.

    Where the history is an hour or more, it has an outage of up to half of what the alert takes.
    Objective and history are drawn until the alert takes 1 to 300 s of outage: less is a single bad request,
    more is a run that nobody makes for an alert.
    """
    rule, history = random.choice(BURN_RATE_RULES), random.choice(HISTORIES)
    allowed, past = random.choice((0.005, 0.001, 0.0005, 0.0001)), random.uniform(0.5, 1.5)
    crossing = rule.factor * allowed * min(history, rule.long_seconds) * max(past, 1)
    if not 1 <= crossing <= 300:
        return _burn_rate(random, seed, arrivals)
    outage = (0, 0)
    if history >= 3600 and crossing > 4:
        ended = random.randrange(140, 3000)
        outage = ended + int(random.uniform(0, 0.5) * crossing / past), ended
    return Case(
        seed=seed,
        slo=slo_of(objective=str(round(100 - 100 * allowed, 2))),
        alert=rule.name,
        experiment=experiment_of(random.choice(FAULTS), duration=f"{int(crossing * 1.3) + 30}s"),
        traffic=Traffic(
            rate=random.uniform(30, 100),
            arrivals=arrivals,
            jitter=random.uniform(0, 1),
            base_errors=random.choice((0.0, allowed * 0.2)),
            past=past,
        ),
        history_seconds=history,
        outage=outage,
        instances=random.randrange(1, 4),
    )
