"""Flags a second on one thread, with full details, beside flagd's own evaluator and Unleash's client."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from UnleashClient.cache import FileCache
from UnleashClient.clients.unleash_client import UnleashClient

from benchmarks.figure import Figure
from sre_portal.core.flag.flag_set import parse_flags

ROUNDS = 7
SECONDS = 0.3
"""Of one round, about."""
FLAGS = 10_000
KEYS = [f"user-{number}" for number in range(1000)]
"""Everybody asks in turn: nothing could be kept from the evaluation before."""


class Kind(NamedTuple):
    """A shape of flag, how fast it has to be, and the same for Unleash."""

    name: str
    least: int
    targeting: dict[str, object] | None
    strategy: dict[str, object]


ON_OFF = {"on": True, "off": False}
KINDS = (
    Kind("static", 2_000_000, None, {"name": "default", "parameters": {}}),
    Kind(
        "targeting",
        1_000_000,
        {"if": [{"in": [{"var": "country"}, ["DE", "FR", "IT"]]}, "on", "off"]},
        {
            "name": "default",
            "parameters": {},
            "constraints": [
                {"contextName": "country", "operator": "IN", "values": ["DE", "FR", "IT"], "inverted": False}
            ],
        },
    ),
    Kind(
        "fractional",
        180_000,
        {"fractional": [["on", 10], ["off", 90]]},
        {
            "name": "flexibleRollout",
            "parameters": {"rollout": "10", "stickiness": "userId", "groupId": "fractional"},
        },
    ),
)


def run() -> list[Figure]:
    figures = []
    with tempfile.TemporaryDirectory(prefix="sre-portal-bench-") as name:
        peers = {"openfeature-flagd-core": _flagd(), "UnleashClient": _unleash(Path(name))}
        for kind in KINDS:
            figures.append(_ours(kind))
            figures += [_peer(kind, peer, peers[peer](kind.name)) for peer in peers]
    return [*figures, *_many()]


def definition() -> dict[str, object]:
    """One flag of each kind, in the flagd format."""
    flags: dict[str, object] = {}
    for kind in KINDS:
        fields: dict[str, object] = {
            "state": "ENABLED",
            "variants": ON_OFF,
            "defaultVariant": "off",
            "metadata": {"owner": "shop", "bucketingEpoch": 3},
        }
        flags[kind.name] = fields if kind.targeting is None else {**fields, "targeting": kind.targeting}
    return {"flags": flags}


def _ours(kind: Kind) -> Figure:
    flags = parse_flags(json.dumps(definition()))
    evaluate, key = flags.evaluate, kind.name
    contexts: list[dict[str, object]] = [
        {"targetingKey": name, "country": "DE", "tier": "gold"} for name in KEYS
    ]

    def everybody() -> None:
        for context in contexts:
            evaluate(key, context)

    rates = _rates(everybody)
    value = median(rates)
    spread = f"{min(rates):,.0f} to {max(rates):,.0f}, {ROUNDS} rounds"
    bar = f"at least {kind.least:,}"
    return Figure(f"{key} evaluations, one thread", round(value), "/s", bar, value >= kind.least, spread)


def _peer(kind: Kind, peer: str, everybody: Callable[[], None]) -> Figure:
    rates = _rates(everybody)
    spread = f"{min(rates):,.0f} to {max(rates):,.0f}"
    return Figure(f"the same with {peer}, {kind.name}", round(median(rates)), "/s", "told", None, spread)


def _flagd() -> Callable[[str], Callable[[], None]]:
    core = FlagdCore()
    core.set_flags(json.dumps(definition()))
    contexts = [EvaluationContext(name, {"country": "DE", "tier": "gold"}) for name in KEYS]

    def of(key: str) -> Callable[[], None]:
        def everybody() -> None:
            for context in contexts:
                core.resolve_boolean_value(key, False, context)  # noqa: FBT003 their signature

        return everybody

    return of


def _unleash(folder: Path) -> Callable[[str], Callable[[], None]]:
    """The client without a server: its features are given to it, and nothing is sent."""
    cache = FileCache("bench", directory=str(folder))
    features = [
        {
            "name": kind.name,
            "enabled": True,
            "strategies": [kind.strategy],
            "variants": [{"name": "on", "weight": 1000, "stickiness": "userId"}],
        }
        for kind in KINDS
    ]
    cache.bootstrap_from_dict({"version": 2, "features": features})
    client = UnleashClient(
        "http://127.0.0.1:9/api", "bench", cache=cache, disable_metrics=True, disable_registration=True
    )
    contexts = [{"userId": name, "properties": {"country": "DE", "tier": "gold"}} for name in KEYS]

    def of(key: str) -> Callable[[], None]:
        if not any(client.get_variant(key, context)["enabled"] for context in contexts):
            raise RuntimeError(f"Unleash's client does not know the flag {key}")

        def everybody() -> None:
            for context in contexts:
                client.get_variant(key, context)

        return everybody

    return of


def _rates(everybody: Callable[[], None]) -> list[float]:
    """Evaluations a second, in each round."""
    everybody()
    begun = time.perf_counter()
    everybody()
    times = max(int(SECONDS / (time.perf_counter() - begun)), 1)
    rates = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(times):
            everybody()
        rates.append(times * len(KEYS) / (time.perf_counter() - begun))
    return rates


def _many() -> list[Figure]:
    """Ten thousand flags: from text to compiled, and all of them evaluated for one context."""
    kinds = list(definition()["flags"].values())  # type: ignore[attr-defined]
    text = json.dumps({"flags": {f"flag-{number}": kinds[number % len(kinds)] for number in range(FLAGS)}})
    context: dict[str, object] = {"targetingKey": "user-1", "country": "DE"}
    loads, bulks = [], []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        flags = parse_flags(text)
        loads.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        answers = flags.evaluate_all(context)
        bulks.append((time.perf_counter() - begun) * 1000)
        if len(answers) != FLAGS:
            raise RuntimeError("a flag was not evaluated")
    load, bulk = median(loads), median(bulks)
    return [
        Figure(
            f"{FLAGS:,} flags parsed and compiled",
            round(load, 3),
            "s",
            "under 1",
            load < 1,
            f"{min(loads):.3f} to {max(loads):.3f}, {len(text) / 1e6:.1f} MB",
        ),
        Figure(
            f"{FLAGS:,} flags evaluated at once",
            round(bulk, 1),
            "ms",
            "under 100",
            bulk < 100,
            f"{min(bulks):.1f} to {max(bulks):.1f}",
        ),
    ]
