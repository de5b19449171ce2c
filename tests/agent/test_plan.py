import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.agent.plan import MAX_LEASES, MAX_SLIS, MAX_TTL_MS, parse_plan

Wire = dict[str, Any]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def lease(**changes: Any) -> Wire:  # noqa: ANN401  # any JSON
    return {
        "id": "a",
        "run_id": 1,
        "fault": {"kind": "abort"},
        "match": {},
        "share": {"ratio": 0.5, "of": "users", "key_header": "X-Account"},
        "ttl_ms": 5_000,
    } | changes


def sli(**changes: Any) -> Wire:  # noqa: ANN401  # any JSON
    return {"name": "checkout", "kind": "availability", "match": {}} | changes


def plan(*leases: Any, slis: Any = (), **changes: Any) -> bytes:  # noqa: ANN401  # any JSON
    return json.dumps({"seq": 1, "sent_at": 1.5, "slis": slis, "leases": leases} | changes).encode()


def test_names_of_headers_are_lower_case_and_methods_upper() -> None:
    wire = lease(match={"methods": ["get"], "headers": [["X-Tenant", "Blue"]]})
    [read] = parse_plan(plan(wire)).plan.leases
    assert read.match.methods == ("GET",)
    assert read.match.headers == (("x-tenant", "Blue"),)
    assert read.share.key_header == "x-account"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"garbage",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"seq":1}',
        b'{"seq":true,"sent_at":1}',
        b'{"seq":1,"sent_at":"now"}',
        b'{"seq":1,"sent_at":NaN}',
        b'{"seq":1,"sent_at":1,"leases":{}}',
        b'{"seq":1,"sent_at":1,"slis":7}',
        b'{"seq":' + b"9" * 5_000 + b',"sent_at":1}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_plan_is_not_read(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_plan(line)


@given(JSON, JSON, JSON)
def test_no_json_makes_more_than_a_value_error(slis: object, leases: object, seq: object) -> None:
    line = json.dumps({"seq": seq, "sent_at": 1, "slis": slis, "leases": leases}).encode()
    with suppress(ValueError):
        parse_plan(line)


@given(st.binary(max_size=200))
def test_no_bytes_make_more_than_a_value_error(line: bytes) -> None:
    with suppress(ValueError):
        parse_plan(line)


@given(st.sampled_from(sorted(lease())), JSON)
def test_a_lease_with_any_json_in_a_field_is_read_refused_or_left_out(field: str, value: object) -> None:
    read = parse_plan(plan(lease(**{field: value}), lease(id="b")))
    assert "b" in [one.id for one in read.plan.leases]
    assert len(read.plan.leases) + len(read.refused) + read.skipped == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fault": {"kind": "melt"}}, "unknown fault kind 'melt'"),
        ({"fault": {"kind": "abort", "slowly": True}}, "slowly"),
        ({"fault": {"kind": "latency", "delay_ms": "long"}}, "delay_ms"),
        ({"fault": {"kind": "latency", "delay_ms": -1}}, "delay_ms: -1.0, must be finite and in 0"),
        ({"fault": {"kind": "latency", "delay_ms": 1, "distribution": "odd"}}, "unknown distribution 'odd'"),
        ({"fault": {"kind": "latency", "delay_ms": 1, "shape": 0}}, "shape"),
        ({"fault": {"kind": "error_status", "status": 101}}, "status: 101, must be 400 to 599"),
        ({"fault": {"kind": "error_status", "status": 200}}, "status: 200, must be 400 to 599"),
        ({"fault": {"kind": "error_status", "body": 5}}, "body"),
        ({"fault": {"kind": "error_status", "body": "x" * 9_000}}, "body"),
        ({"fault": {"kind": "latency", "delay_ms": 1, "cap_ms": 1e300}}, "cap_ms"),
        ({"fault": {"kind": "latency", "delay_ms": 1, "distribution": []}}, "."),
        ({"match": {"route": "/files/{name}-{version}.tar"}}, "more than one {name} in a segment"),
        ({"share": {"ratio": 1, "of": []}}, "."),
        ({"fault": {"kind": "error_exception", "message": None}}, "message"),
        ({"match": {"query": "?a=1"}}, "match: unknown query"),
        ({"match": {"route": 5}}, "route"),
        ({"match": {"headers": [["name"]]}}, "."),
        ({"match": {"headers": [["name", "\N{SNOWMAN}"]]}}, "latin-1"),
        ({"share": {"ratio": 1.5}}, "ratio"),
        ({"share": {"ratio": 1, "of": "tenants"}}, "unknown share of 'tenants'"),
        ({"share": {"except": "x"}}, "share: unknown except"),
        ({"ttl_ms": MAX_TTL_MS + 1}, "ttl_ms"),
        ({"ttl_ms": None}, "ttl_ms"),
    ],
)
def test_a_lease_that_is_not_understood_to_the_end_is_refused_with_the_reason(
    changes: Wire, reason: str
) -> None:
    read = parse_plan(plan(lease(**changes), lease(id="b")))
    assert [one.id for one in read.plan.leases] == ["b"]
    [refused] = read.refused
    assert (refused.lease_id, refused.run_id) == ("a", 1)
    assert reason == "." or reason in str(refused.refused)


@pytest.mark.parametrize("changes", [{"id": None}, {"id": "two words"}, {"id": "x" * 200}, {"run_id": "one"}])
def test_a_lease_without_a_name_is_left_out_and_counted(changes: Wire) -> None:
    read = parse_plan(plan(lease(**changes), lease(id="b")))
    assert [one.id for one in read.plan.leases] == ["b"]
    assert read.skipped == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "throughput"},
        {"kind": "latency"},
        {"threshold_ms": 5},
        {"kind": "latency", "threshold_ms": -5},
        {"name": None},
        {"match": {"query": "a"}},
    ],
)
def test_an_sli_that_is_not_understood_is_not_counted(changes: Wire) -> None:
    read = parse_plan(plan(slis=[sli(**changes), sli(name="other")]))
    assert [one.name for one in read.plan.slis] == ["other"]
    assert read.skipped == 1


def test_more_leases_than_a_request_should_be_held_against_are_refused() -> None:
    read = parse_plan(plan(*(lease(id=str(number)) for number in range(MAX_LEASES + 2))))
    assert len(read.plan.leases) == MAX_LEASES
    assert [status.refused for status in read.refused] == [f"more than {MAX_LEASES} leases"] * 2


def test_more_slis_than_a_request_should_be_held_against_are_left_out_and_counted() -> None:
    read = parse_plan(plan(slis=[sli(name=str(number)) for number in range(MAX_SLIS + 2)]))
    assert len(read.plan.slis) == MAX_SLIS
    assert read.skipped == 2


def test_two_slis_of_one_name_are_one() -> None:
    read = parse_plan(plan(slis=[sli(), sli(kind="latency", threshold_ms=5)]))
    assert [one.kind for one in read.plan.slis] == ["availability"]
