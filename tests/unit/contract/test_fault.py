import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.contract.fault import (
    KINDS,
    Abort,
    ErrorException,
    ErrorStatus,
    Fault,
    Latency,
    dump_fault,
    parse_fault,
)

DELAYS = st.floats(0, 60_000)
FAULTS: st.SearchStrategy[Fault] = st.one_of(
    st.builds(Latency, DELAYS, st.sampled_from(["fixed", "uniform", "normal", "pareto"]), DELAYS),
    st.builds(ErrorStatus, st.integers(200, 599), st.text()),
    st.builds(ErrorException, st.text()),
    st.just(Abort()),
)


@given(FAULTS)
def test_a_fault_survives_the_wire(fault: Fault) -> None:
    assert parse_fault(json.loads(json.dumps(dump_fault(fault)))) == fault


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_of_a_fault_is_on_the_wire(kind: str) -> None:
    least = {"kind": kind, "delay_ms": 5.0} if kind == "latency" else {"kind": kind}
    assert dump_fault(parse_fault(least))["kind"] == kind


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        ({}, "unknown fault kind None"),
        ({"kind": "melt"}, "unknown fault kind 'melt', known: latency, error_status"),
        ({"kind": ["latency"]}, "unknown fault kind"),
        ({"kind": "latency"}, "delay_ms"),
        ({"kind": "abort", "slowly": True}, "slowly"),
    ],
)
def test_a_fault_this_version_does_not_know_is_refused_with_the_reason(
    wire: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_fault(wire)
