"""Flags that need others."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.errors import InvalidInput
from sre_portal.core.flag.definition import Definitions, Flag
from sre_portal.core.flag.effort import full
from sre_portal.core.flag.flag_set import FlagSet, compile_flag, parse_flags
from sre_portal.core.flag.parse import parse_definitions, parse_one
from sre_portal.core.flag.prerequisite import (
    MAX_CHAIN,
    MAX_NEEDED,
    Malformed,
    Prerequisite,
    broken_without,
    needed_by,
    parse_prerequisites,
)
from sre_portal.core.flag.resolution import Reason, Resolution
from sre_portal.core.flag.taking import Taken, take_changes, take_whole
from sre_portal.core.flag_explain import Look, explain
from sre_portal.core.flag_lint import lint_flags
from tests.unit.core.flag.samples import flag

BY_X = {"if": [{"==": [{"var": "x"}, "on"]}, "b", "c"]}
NAMES = [f"f{number}" for number in range(6)]


def needing(said: object, targeting: object = BY_X, **metadata: object) -> dict[str, object]:
    return flag(targeting, metadata={"prerequisites": said, **metadata})


def made(**written: object) -> FlagSet:
    return parse_flags({"flags": written})


def problems(**written: object) -> list[tuple[str, str, str]]:
    with pytest.raises(InvalidInput) as wrong:
        parse_definitions({"flags": written})
    return [(one.path, one.seen, one.expected) for one in wrong.value.problems]


def path(key: str) -> str:
    return f"flags.{key}.metadata.prerequisites"


def test_a_flag_whose_prerequisites_are_met_is_as_without_them() -> None:
    found = made(g=flag(), f=needing("g=a")).evaluate("f", {"x": "on"})
    assert (found.variant, found.reason) == ("b", Reason.TARGETING_MATCH)
    assert found.metadata == {"prerequisites": "g=a"}


def test_the_default_variant_is_given_while_one_is_not_met_and_the_metadata_says_which() -> None:
    found = made(g=flag(), h=flag(), f=needing("h=a, g=b ,h2=c"), h2=flag()).evaluate("f", {"x": "on"})
    assert found == Resolution(
        "value of a", "a", Reason.DEFAULT, {"prerequisites": "h=a, g=b ,h2=c", "unmetPrerequisite": "g=b"}
    )


def test_a_variant_can_be_named_for_that() -> None:
    switch = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    gated = {**switch, "metadata": {"prerequisites": "g=on", "offVariant": "off"}}
    assert made(g=switch, f=gated).evaluate("f", {}).value is True
    found = made(g={**switch, "state": "DISABLED"}, f=gated).evaluate("f", {})
    assert (found.value, found.variant, found.reason) == (False, "off", Reason.DEFAULT)


def test_without_a_default_variant_the_caller_has_the_value() -> None:
    found = made(g=flag(), f={**needing("g=b"), "defaultVariant": None}).evaluate("f", {})
    assert (found.value, found.variant, found.reason) == (None, None, Reason.DEFAULT)


def test_a_disabled_flag_is_disabled_whatever_it_needs() -> None:
    found = made(g=flag(), f={**needing("g=b"), "state": "DISABLED"}).evaluate("f", {})
    assert found.reason is Reason.DISABLED


def test_prerequisites_are_asked_for_the_same_context_with_facts_and_time() -> None:
    rule = {
        "if": [
            {"and": [{"==": [{"var": "$slo.s.burn_1h"}, 2]}, {"==": [{"var": "$flagd.timestamp"}, 9]}]},
            "b",
        ]
    }
    both = made(g=flag(rule), f=needing("g=b"))
    assert both.evaluate("f", {"x": "on"}, facts={"s": {"burn_1h": 2}}, at=9).variant == "b"
    assert both.evaluate("f", {"x": "on"}, facts={"s": {"burn_1h": 2}}, at=8).variant == "a"


def test_a_flag_that_fails_meets_nothing() -> None:
    found = made(g=flag({"var": "y"}), f=needing("g=a")).evaluate("f", {"y": "no variant"})
    assert found.metadata["unmetPrerequisite"] == "g=a"


def test_a_set_asks_its_own_flags_and_no_older_ones() -> None:
    first = made(g=flag(), f=needing("g=a"), e=needing("f=b"))
    off = parse_flags({"flags": {"g": flag(state="DISABLED")}}).definitions.flags["g"]
    second = first.with_flag(off)
    third = second.with_flag(first.definitions.flags["g"])
    context = {"x": "on"}
    assert [one.evaluate("e", context).variant for one in (first, second, third)] == ["b", "a", "b"]
    assert first.without("g").evaluate("f", context).metadata["unmetPrerequisite"] == "g=a"
    assert second.with_flag(parse_one("f", flag(BY_X)).flags["f"]).evaluate("f", context).variant == "b"


class Counted(Mapping[str, Mapping[str, object]]):
    """Facts that tell how often they were asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def __getitem__(self, name: str) -> Mapping[str, object]:
        self.asked += 1
        return {}

    def __iter__(self) -> object:  # type: ignore[override]  # it never returns
        raise AssertionError("nobody asks for all facts")

    def __len__(self) -> int:
        return 1


def test_each_prerequisite_is_asked_once_in_an_evaluation() -> None:
    layers: dict[str, object] = {"g": flag({"if": [{"var": "$slo.s.burn_1h"}, "b", "a"]}), "f0": flag()}
    for number in range(1, MAX_CHAIN):
        below = ", ".join(f"{name}{number - 1}=a" for name in ("f", "h")[: 1 if number == 1 else 2])
        for name in ("f", "h"):
            layers[f"{name}{number}"] = flag(metadata={"prerequisites": f"{below}, g=a"})
    facts = Counted()
    both = parse_flags({"flags": layers})
    assert both.evaluate(f"f{MAX_CHAIN - 1}", {}, facts=facts).reason is Reason.STATIC
    assert facts.asked == 1
    both.evaluate_all({}, facts=facts)
    assert facts.asked == 2


def test_all_flags_are_evaluated_in_their_order() -> None:
    both = made(f=needing("g=a"), g=flag(), e=needing("f=b"))
    found = both.evaluate_all({"x": "on"})
    assert list(found) == ["f", "g", "e"]
    assert {key: one.variant for key, one in found.items()} == {"f": "b", "g": "a", "e": "b"}
    assert {key: both.evaluate(key, {"x": "on"}) for key in both} == found


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("", "''"), ("g", "'g'"), ("g=", "'g='"), ("=a", "'=a'"), ("g=a,", "''"),
        ("g=a, g=b", "the flag 'g' twice"),
        (True, "True"), (7, "7"), (" , ", "''"), (",".join(f"g{n}=a" for n in range(21)), "21 prerequisites"),
        ("g=" + "a" * 9999, "10001 characters"),
    ],
)  # fmt: skip
def test_a_text_that_makes_no_sense_is_a_problem(said: object, seen: str) -> None:
    [(where, told, expected)] = problems(f=needing(said))
    assert (where, told) == (path("f"), seen)
    assert any(word in expected for word in ("checkout=on", str(MAX_NEEDED), "once", "10000"))


def test_each_part_is_cut_at_its_first_equals_sign() -> None:
    assert parse_prerequisites(" a = b=c ,d=e") == (Prerequisite("a", "b=c"), Prerequisite("d", "e"))
    assert [str(one) for one in parse_prerequisites("a =b")] == ["a=b"]


@given(st.text(alphabet="ab=, \n\0", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse_prerequisites(text)
    except Malformed:
        return
    assert parse_prerequisites(", ".join(map(str, found))) == found
    assert all(one.flag and one.variant for one in found)


def test_every_problem_of_a_set_is_told_at_once() -> None:
    found = problems(
        a=needing("b=no, gone=x"),
        b=flag(),
        c={**needing("d=a", offVariant="z"), "state": "ON"},
        d=needing("c=a"),
    )
    assert [(where, seen) for where, seen, _ in found] == [
        ("flags.c.state", "'ON'"),
        ("flags.c.metadata.offVariant", "'z'"),
        (path("a"), "the variant 'no' of 'b'"),
        (path("a"), "the flag 'gone'"),
        (path("c"), "'c' needs 'd' needs 'c'"),
    ]


def test_a_flag_with_problems_of_its_own_is_no_unknown_flag() -> None:
    assert [where for where, _, _ in problems(a=needing("b=x"), b={"state": "ENABLED"})] == [
        "flags.b.variants"
    ]


def test_a_set_as_a_whole_has_no_prerequisites() -> None:
    with pytest.raises(InvalidInput, match=r"metadata\.prerequisites"):
        parse_definitions({"flags": {"f": flag()}, "metadata": {"prerequisites": "f=a"}})


def test_a_chain_is_bounded() -> None:
    def chain(length: int) -> dict[str, object]:
        needs = {f"n{one}": needing(f"n{one - 1}=a") for one in range(1, length + 1)}
        return {"n0": flag(), **needs}

    assert len(made(**chain(MAX_CHAIN))) == MAX_CHAIN + 1
    [(where, seen, _)] = problems(**chain(5000))
    assert (where, seen) == (path(f"n{MAX_CHAIN + 1}"), f"a chain of {MAX_CHAIN + 1} flags")


def test_an_edit_is_refused_with_the_path_of_who_needs_it() -> None:
    before = made(g=flag(), f=needing("g=b"), e=needing("f=a")).definitions
    less = {**flag(), "variants": {"a": "x"}}
    with pytest.raises(InvalidInput) as wrong:
        parse_one("g", less, {}, before.flags)
    assert [one.path for one in wrong.value.problems] == [path("f")]
    with pytest.raises(InvalidInput, match="'e' needs 'f' needs 'g' needs 'e'"):
        parse_one("g", needing("e=a"), {}, before.flags)
    assert [one.path for one in broken_without("g", before.flags)] == [path("f")]
    assert broken_without("e", before.flags) == []
    assert parse_one("g", flag(BY_X), {}, before.flags).flags["g"].targeting == BY_X


def test_what_was_broken_before_is_in_nobody_s_way() -> None:
    broken = {"f": parse_one("f", needing("gone=a")).flags["f"]}
    assert parse_one("g", flag(), {}, broken).flags["g"].enabled
    with pytest.raises(InvalidInput):
        parse_one("e", needing("gone=a"), {}, broken)


def test_all_problems_of_an_edit_are_told_at_once() -> None:
    with pytest.raises(InvalidInput) as wrong:
        parse_one("f", {**needing("gone=a"), "state": "ON"}, {}, {})
    assert [one.path for one in wrong.value.problems] == ["flags.f.state", path("f")]


def test_it_is_known_who_needs_a_flag() -> None:
    flags = made(
        g=flag(), f=needing("g=a"), e=needing("f=a"), d=needing("e=a, g=a"), x=flag()
    ).definitions.flags
    assert needed_by("g", flags) == ["d", "e", "f"]
    assert needed_by("d", flags) == needed_by("x", flags) == []


def test_a_set_that_nobody_checked_still_answers() -> None:
    """A newer program, or a hand, may have written it into the database."""
    cycle = take_changes(Taken(), {}, {"a": needing("b=b"), "b": needing("a=b"), "c": needing("gone=a")})
    assert cycle.unsound == {}
    assert {one.variant for one in cycle.flags.evaluate_all({}).values()} == {"a"}
    assert cycle.flags.evaluate("c", {}).metadata["unmetPrerequisite"] == "gone=a"
    whole = take_whole(FlagSet(Definitions()), {}, {"a": needing("a=b"), "g": flag()})
    assert (whole.unsound, whole.flags.evaluate("a", {}).variant) == ({}, "a")
    chain: dict[str, Mapping[str, object] | None] = {"n0": flag()}
    chain |= {f"n{one}": needing(f"n{one - 1}=a") for one in range(1, 3000)}
    long = take_whole(FlagSet(Definitions()), {}, {key: one for key, one in chain.items() if one is not None})
    deep = long.flags.evaluate("n2999", {})
    assert deep.variant == "c" or "unmetPrerequisite" in deep.metadata or deep.error_code, (
        "as the stack allows"
    )


def test_an_explanation_begins_with_the_prerequisites() -> None:
    both = made(g=flag(), h=flag(), f=needing("g=a, h=b"))
    found = explain(both, "f", {"x": "on"})
    assert found.looked == (Look(path("f"), "g=a", "a"), Look(path("f"), "h=b", "a"))
    assert found.branch == path("f")
    assert found.resolution == both.evaluate("f", {"x": "on"})
    met = explain(made(g=flag(), f=needing("g=a")), "f", {"x": "on"})
    assert met.looked[0] == Look(path("f"), "g=a", "a")
    assert met.branch == "flags.f.targeting.if[1]"
    disabled = explain(made(g=flag(), f={**needing("g=a"), "state": "DISABLED"}), "f", {})
    assert (disabled.looked, disabled.resolution.reason) == ((), Reason.DISABLED)


def test_advice_says_what_others_do_with_prerequisites() -> None:
    both = made(g=flag(), f=flag(metadata={"prerequisites": "g=a"}), e=flag(metadata={"offVariant": "b"}))
    told = [str(one) for one in lint_flags(both.definitions)]
    assert len(told) == 3
    assert told[0].startswith(f"{path('f')}: Only this portal and its agents know prerequisites.")
    assert told[1].startswith(f"{path('f')}: This has no effect")
    assert told[2] == "flags.e.metadata.offVariant: Without prerequisites this has no effect."


def reference(flags: Mapping[str, Flag], key: str, context: Mapping[str, object]) -> str | None:
    """Straight from the words: every prerequisite again and again, nothing kept."""
    one = flags[key]
    if not one.enabled:
        return None
    said = str(one.metadata.get("prerequisites", ""))
    for part in said.split(", ") if said else ():
        other, _, variant = part.partition("=")
        if reference(flags, other, context) != variant:
            off = one.metadata.get("offVariant", one.default)
            return None if off is None else str(off)
    return compile_flag(one)(context, {}, 0, full()).variant


RULES = st.sampled_from([
    None, BY_X, {"fractional": [["a", 1], ["b", 1], ["c", 1]]}, {"if": [{"var": "y"}, "b"]}, {"var": "z"},
])  # fmt: skip
WANTED = st.sampled_from(["a", "b", "c"])


@st.composite
def sets(draw: st.DrawFn) -> dict[str, object]:
    """Flags that need only flags before them, so there is no cycle."""
    written: dict[str, object] = {}
    for number, name in enumerate(NAMES):
        metadata: dict[str, object] = {"bucketingEpoch": 3}
        needed = draw(st.lists(st.sampled_from(NAMES[:number]), unique=True, max_size=3)) if number else []
        if needed:
            metadata["prerequisites"] = ", ".join(f"{one}={draw(WANTED)}" for one in needed)
            if draw(st.booleans()):
                metadata["offVariant"] = draw(WANTED)
        state = "DISABLED" if draw(st.integers(0, 5)) == 0 else "ENABLED"
        default = draw(st.sampled_from(["a", None]))
        written[name] = flag(draw(RULES), metadata=metadata, state=state, defaultVariant=default)
    return written


CONTEXT = st.fixed_dictionaries(
    {},
    optional={
        "x": st.sampled_from(["on", "off"]),
        "y": st.booleans(),
        "z": WANTED,
        "targetingKey": st.sampled_from([f"user-{number}" for number in range(9)]),
    },
)


@given(sets(), CONTEXT)
def test_prerequisites_are_what_a_naive_evaluator_makes_of_them(
    written: dict[str, object], context: Mapping[str, object]
) -> None:
    both = parse_flags({"flags": written})
    flags = both.definitions.flags
    expected = {key: reference(flags, key, context) for key in flags}
    assert {key: both.evaluate(key, context).variant for key in flags} == expected
    assert {key: one.variant for key, one in both.evaluate_all(context).items()} == expected
    assert {key: explain(both, key, context).resolution.variant for key in flags} == expected
    one_by_one = take_changes(
        Taken(), {}, {key: one for key, one in written.items() if isinstance(one, dict)}
    )
    assert one_by_one.flags.evaluate_all(context) == both.evaluate_all(context)


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=9))
def test_a_cycle_is_always_found_and_nothing_else_is_called_one(edges: list[tuple[str, str]]) -> None:
    needs = {name: sorted({other for one, other in edges if one == name}) for name in NAMES}
    written = {
        name: needing(", ".join(f"{other}=a" for other in others)) if others else flag()
        for name, others in needs.items()
    }

    def comes_back(start: str) -> bool:
        seen: set[str] = set()
        waiting = list(needs[start])
        while waiting:
            name = waiting.pop()
            if name == start:
                return True
            if name not in seen:
                seen.add(name)
                waiting += needs[name]
        return False

    in_one = {name for name in NAMES if comes_back(name)}
    if not in_one:
        assert len(parse_flags({"flags": written})) == len(NAMES)
        return
    found = problems(**written)
    named = [[part.strip("'") for part in seen.split(" needs ")] for _, seen, _ in found]
    assert named
    for cycle in named:
        assert cycle[0] == cycle[-1]
        assert set(cycle) <= in_one
        assert all(other in needs[one] for one, other in pairwise(cycle))
