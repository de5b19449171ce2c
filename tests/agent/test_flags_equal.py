"""An agent answers what the portal answers: by the lines of the feed, and for any context."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from openfeature.evaluation_context import EvaluationContext

from sre_portal.agent.alone import LoneAgent
from sre_portal.agent.clock import Clock
from sre_portal.agent.flags import PortalProvider
from sre_portal.agent.flags.context import plain_context
from sre_portal.agent.flags.line import parse_line
from sre_portal.core.flag.flag_set import parse_flags
from sre_portal.core.flag_change import flag_text, shared_text
from sre_portal.operations.flag_feed import Feed
from tests.operations.test_flag_feed import Book

NOW = 1_795_422_689
VARIANTS = {"a": "one", "b": "two", "c": "three"}
ATTRIBUTES = ("targetingKey", "email", "age", "version", "tags", "nested")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-100, 100) | st.floats(-100, 100) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
LITERALS = (
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4) | st.lists(st.text(max_size=2))
)
CONTEXTS = st.dictionaries(st.sampled_from(ATTRIBUTES), VALUES)
VARS = st.sampled_from([{"var": name} for name in (*ATTRIBUTES, "nested.a", "$flagd.timestamp")]) | st.just(
    {"var": ["$slo.shop.burn_1h", 0]}
)
CONDITIONS = st.one_of(
    st.tuples(st.sampled_from(["==", "===", ">", "in"]), VARS, LITERALS).map(
        lambda rule: {rule[0]: [rule[1], rule[2]]}
    ),
    st.tuples(VARS, st.text(max_size=4)).map(lambda rule: {"starts_with": list(rule)}),
    VARS,
    st.just({"$ref": "staff"}),
)
OUTCOMES = st.sampled_from([*VARIANTS, None]) | st.integers(1, 99).map(
    lambda weight: {"fractional": [["a", weight], ["b", 100 - weight]]}
)
RULES = st.tuples(CONDITIONS, OUTCOMES, OUTCOMES).map(lambda parts: {"if": list(parts)})
FLAGS = st.builds(
    lambda rule, default, state: {
        "state": state,
        "variants": VARIANTS,
        "defaultVariant": default,
        "targeting": rule,
    },
    RULES | st.none(),
    st.sampled_from([*VARIANTS, None]),
    st.sampled_from(["ENABLED", "ENABLED", "DISABLED"]),
)
SHARED = {
    "metadata": {"owner": "shop"},
    "$evaluators": {"staff": {"ends_with": [{"var": "email"}, "@shop.example"]}},
}
FACTS = {"shop": {"burn_1h": 2.5}}


def provider_at(now: int) -> PortalProvider:
    """A provider that is fed by hand, on a clock that stands still."""
    clock = Clock(lambda: 0, lambda: now * 1_000_000_000)
    agent = LoneAgent(service="shop", portal_url="http://127.0.0.1:9", token="t", clock=clock)
    return PortalProvider(agent, sets=["shop"])


@settings(deadline=None)
@given(st.lists(FLAGS, min_size=1, max_size=4), st.lists(CONTEXTS, min_size=1, max_size=4))
def test_the_agents_answers_are_the_portals(
    flags: list[dict[str, Any]], contexts: list[dict[str, Any]]
) -> None:
    document = {**SHARED, "flags": {f"flag-{number}": flag for number, flag in enumerate(flags)}}
    parsed = parse_flags(document)
    texts = {key: flag_text(flag) for key, flag in parsed.definitions.flags.items()}
    book = Book()
    book.put({"": shared_text(parsed.definitions), **texts})
    feed, provider = Feed(book.kept), provider_at(NOW)
    feed.tell_facts(FACTS)
    for line in (feed.facts + feed.since(None)).splitlines():
        provider._known.take(parse_line(line))
    for context in contexts:
        named = {name: value for name, value in context.items() if name != "targetingKey"}
        who = context.get("targetingKey")
        asked = EvaluationContext(who if isinstance(who, str) else None, named)
        plain = json.loads(json.dumps(named | ({"targetingKey": who} if isinstance(who, str) else {})))
        assert plain_context(asked) == plain
        for key in texts:
            portal = book.kept.flags.evaluate(key, plain, expected_type="string", facts=FACTS, at=NOW)
            ours = provider.resolve_string_details(key, "mine", asked)
            told = (portal.variant, portal.reason, portal.error_code, dict(portal.metadata))
            assert (ours.variant, ours.reason, ours.error_code, dict(ours.flag_metadata)) == told
            assert ours.value == ("mine" if portal.variant is None else portal.value)
