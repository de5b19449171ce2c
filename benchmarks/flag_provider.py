"""What an evaluation costs a service through OpenFeature: our provider beside the SDK's own in memory."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from functools import partial
from statistics import median

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from benchmarks.figure import Figure
from sre_portal.agent.alone import LoneAgent
from sre_portal.agent.flags import PortalProvider
from sre_portal.contract.flags import SetLine

ROUNDS = 7
EVALUATIONS = 50_000
SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
RULE = {"if": [{"ends_with": [{"var": "email"}, "@shop.example"]}, "off", None]}
CONTEXT = EvaluationContext("user-1", {"email": "ada@shop.example", "plan": "gold", "age": 41})

Ask = Callable[[], object]


def run() -> list[Figure]:
    ours, theirs = api.get_client("ours"), api.get_client("theirs")
    provider = Fed()
    api.set_provider_and_wait(provider, "ours")
    api.set_provider_and_wait(_memory(), "theirs")
    own, client, memory = (
        partial(ask, default_value=False, evaluation_context=CONTEXT)
        for ask in (provider.resolve_boolean_details, ours.get_boolean_details, theirs.get_boolean_details)
    )
    asks: dict[str, Ask] = {
        "the provider itself, a plain switch": partial(own, "switch"),
        "the provider itself, a rule on the context": partial(own, "rule"),
        "it through the SDK's client, a plain switch": partial(client, "switch"),
        "it through the SDK's client, a rule on the context": partial(client, "rule"),
        "the SDK's in-memory provider through its client, a plain switch": partial(memory, "switch"),
        "the same, a function as its rule": partial(memory, "rule"),
    }
    measured: dict[str, list[float]] = {name: [] for name in asks}
    for _ in range(ROUNDS):
        for name, ask in asks.items():
            measured[name].append(_us(ask))
    api.shutdown()
    return [
        Figure(
            f"a flag asked of {name}",
            round(median(some), 2),
            "us",
            "",
            None,
            f"{min(some):.2f} to {max(some):.2f}",
        )
        for name, some in measured.items()
    ]


class Fed(PortalProvider):
    """Our provider, fed by hand: nothing is connected."""

    def __init__(self) -> None:
        agent = LoneAgent(service="shop", portal_url="http://127.0.0.1:9", token=secrets.token_hex())
        super().__init__(agent, sets=["shop"])

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        flags = {"switch": SWITCH, "rule": {**SWITCH, "targeting": RULE}}
        self._known.take(SetLine("shop", 1, {"flags": flags}))
        self._known.heard_ns = None  # never stale

    def shutdown(self) -> None:
        """Nothing was begun."""


def _memory() -> InMemoryProvider:
    def by_rule(flag: InMemoryFlag[bool], context: EvaluationContext) -> FlagResolutionDetails[bool]:
        variant = "off" if str(context.attributes.get("email", "")).endswith("@shop.example") else "on"
        return FlagResolutionDetails(flag.variants[variant], reason=Reason.TARGETING_MATCH, variant=variant)

    variants = {"on": True, "off": False}
    rule = InMemoryFlag("on", variants, context_evaluator=by_rule)
    return InMemoryProvider({"switch": InMemoryFlag("on", variants), "rule": rule})


def _us(ask: Ask) -> float:
    begun = time.perf_counter()
    for _ in range(EVALUATIONS):
        ask()
    return (time.perf_counter() - begun) / EVALUATIONS * 1e6
