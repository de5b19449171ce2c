"""Evaluation contexts become what JSON would make of them."""

from __future__ import annotations

import json
from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openfeature.evaluation_context import EvaluationContext

from sre_portal.agent.flags.context import MAX_DEPTH, plain_context, plain_value

AT = datetime(2026, 11, 23, 12, 30, 5, 250_000, tzinfo=UTC)


class Plan(StrEnum):
    GOLD = "gold"


class Level(IntEnum):
    HIGH = 3


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (AT, "2026-11-23T12:30:05.250000Z"),
        (AT.replace(tzinfo=None), "2026-11-23T12:30:05.250000Z"),
        (AT.astimezone(timezone(timedelta(hours=2))), "2026-11-23T14:30:05.250000+02:00"),
        (date(2026, 11, 23), "2026-11-23"),
        ((1, "a", (True,)), [1, "a", [True]]),
        (MappingProxyType({"a": OrderedDict(b=AT)}), {"a": {"b": "2026-11-23T12:30:05.250000Z"}}),
        ({1: "a"}, {"1": "a"}),
        (frozenset({7}), [7]),
        (Plan.GOLD, "gold"),
        (Level.HIGH, 3),
        (Colour.RED, "Colour.RED"),
        (Decimal("1.5"), "1.5"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (b"bytes", "bytes"),
        (None, None),
    ],
)
def test_a_value_is_plain(value: object, plain: object) -> None:
    found = plain_value(value)
    assert (found, type(found)) == (plain, type(plain))


def test_the_targeting_key_stands_beside_the_attributes() -> None:
    assert plain_context(EvaluationContext("ada", {"at": AT, "n": 1})) == {
        "targetingKey": "ada",
        "at": "2026-11-23T12:30:05.250000Z",
        "n": 1,
    }
    assert plain_context(EvaluationContext()) == plain_context(None) == {}


def test_what_holds_itself_ends() -> None:
    endless: list[Any] = []
    endless.append(endless)
    depth, found = 0, plain_value(endless)
    while isinstance(found, list):
        depth, found = depth + 1, found[0]
    assert (depth, found) == (MAX_DEPTH, None)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.datetimes(),
        lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_every_value_can_be_written_as_json_and_reads_back_the_same(value: object) -> None:
    plain = plain_value(value)
    assert json.loads(json.dumps(plain)) == plain
