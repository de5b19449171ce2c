"""A flag is stale when nobody seems to need it, and only when that is known of all the time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.flag_use import UNUSED, Life, Stale, Use, Used, stale_after, staleness, uses_of
from tests.store.samples import NOW

MONTH = timedelta(days=30)
OLD = NOW - timedelta(days=100)
LIFE = Life(OLD, MONTH)


def used(**last_days_ago: float) -> Use:
    """Variants, and how many days ago each was given last."""
    return Use(
        {
            name: Used("shop", "a", name, OLD, NOW - timedelta(days=days), 3)
            for name, days in last_days_ago.items()
        }
    )


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (UNUSED, "not evaluated for 100 days"),
        (used(on=31, off=40), "not evaluated for 31 days"),
        (used(on=1), "always variant on for 100 days"),
        (used(on=0, off=50.5), "always variant on for 50 days"),
        (Use({"": Used("shop", "a", "", OLD, NOW, 1)}), "always the default in the code for 100 days"),
        (used(on=0, off=29), None),
        (used(on=29, off=31), "always variant on for 31 days"),
    ],
)
def test_what_makes_a_flag_stale(use: Use, expected: str | None) -> None:
    stale = staleness(LIFE, use, NOW, OLD)
    assert (None if stale is None else str(stale)) == expected


def test_a_kill_switch_that_gives_always_the_same_does_its_job() -> None:
    switch = replace(LIFE, is_kill_switch=True)
    assert staleness(switch, used(on=0), NOW, OLD) is None
    assert staleness(switch, used(on=31), NOW, OLD) == Stale(31)


def test_a_flag_that_was_changed_starts_anew() -> None:
    changed = replace(LIFE, changed_at=NOW - timedelta(days=29))
    assert staleness(changed, UNUSED, NOW, OLD) is None
    changed = replace(LIFE, changed_at=NOW - timedelta(days=31))
    assert staleness(changed, used(on=1, off=40), NOW, OLD) == Stale(31, "on")
    assert staleness(changed, used(on=40), NOW, OLD) == Stale(31)


@pytest.mark.parametrize("since", [None, NOW - timedelta(days=29)])
def test_what_was_not_counted_for_long_enough_is_no_reason(since: datetime | None) -> None:
    assert staleness(LIFE, UNUSED, NOW, since) is None


@pytest.mark.parametrize(
    ("said", "days"),
    [(7, 7), (0.5, 0.5), (0, None), (True, 30), ("7", 30), (-1, 30), (1e9, 30), (None, 30)],
)
def test_how_long_is_said_in_the_metadata(said: object, days: float | None) -> None:
    metadata = {} if said is None else {"staleAfterDays": said}
    assert stale_after(metadata) == (None if days is None else timedelta(days=days))


def test_a_flag_that_is_never_stale_is_not() -> None:
    assert staleness(replace(LIFE, stale_after=None), UNUSED, NOW, OLD) is None


def test_uses_are_sorted_by_flags() -> None:
    rows = [*used(on=1, off=2).variants.values(), Used("shop", "b", "on", OLD, NOW, 4)]
    found = uses_of(rows)
    assert {key: sorted(use.variants) for key, use in found.items()} == {"a": ["off", "on"], "b": ["on"]}
    assert (found["a"].count, found["a"].last_at) == (6, NOW - timedelta(days=1))


ages = st.timedeltas(timedelta(), timedelta(days=400))
whole_uses = st.dictionaries(
    st.sampled_from(["on", "off", ""]),
    st.tuples(ages, ages).map(lambda pair: (NOW - max(pair), NOW - min(pair))),
).map(lambda found: Use({name: Used("s", "k", name, *at, 1) for name, at in found.items()}))


@given(whole_uses, ages, ages, st.timedeltas(timedelta(seconds=1), timedelta(days=90)), st.booleans())
def test_stale_is_only_what_is_known_for_all_the_time(
    use: Use, changed: timedelta, counted: timedelta, after: timedelta, switch: bool
) -> None:
    life = Life(NOW - changed, after, switch)
    stale = staleness(life, use, NOW, NOW - counted)
    lately = {name for name, one in use.variants.items() if one.last_at > NOW - after}
    known = changed >= after and counted >= after
    if not known or len(lately) > 1 or (lately and switch):
        assert stale is None
        return
    assert stale is not None
    assert stale.variant == next(iter(lately), None)
    assert after.days <= stale.days <= min(changed, counted).days
    later = staleness(life, use, NOW + timedelta(seconds=1), NOW - counted)
    assert not (later is None and not lately)  # what is not evaluated stays so until it is
