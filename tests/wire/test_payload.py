"""The golden payloads are the wire. Agents and portals of different versions meet: these files only grow."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sre_portal.agent.plan import parse_plan
from sre_portal.agent.report import dump_report, parse_receipt
from sre_portal.contract.fault import ErrorStatus, Latency
from sre_portal.contract.lease import Lease, Plan, SliDefinition
from sre_portal.contract.match import Match, Share
from sre_portal.contract.report import (
    AgentReport,
    ClockMapping,
    FlagSeen,
    FlagUse,
    InjectionCount,
    LeaseStatus,
    ReportReceipt,
    Second,
    SliCount,
)

FOLDER = Path(__file__).parent

PLAN = Plan(
    seq=42,
    sent_at=1795422689.25,
    slis=(
        SliDefinition("checkout-availability", "availability", Match(("POST",), "/checkout")),
        SliDefinition(
            "catalogue-latency", "latency", Match((), "/products/{id}", (("x-tenant", "*"),)), 250.0
        ),
    ),
    leases=(
        Lease(
            "7-payments-1",
            7,
            Latency(300.0, "normal", 50.0, cap_ms=2000.0),
            Match(("GET", "POST"), "/pay/*"),
            Share(0.5, "users"),
            5000.0,
        ),
        Lease("8-payments-1", 8, ErrorStatus(), Match(), Share(), 5000.0),
    ),
)

REPORT = AgentReport(
    service="payments",
    instance="payments-6d5f-1-a1b2c3",
    version="0.1.0",
    seq=17,
    started_at=1795422600.5,
    sent_at=1795422690.125,
    clock=ClockMapping(0.25, 0.75),
    dropped_seconds=3,
    misfires=1,
    unreadable=2,
    refusals=4,
    memory_bytes=36859904,
    routes=["/pay", "/pay/{id}"],
    seconds=[
        Second(
            1795422689,
            5,
            1,
            [415, 3, 751, 2],
            [SliCount("checkout-availability", 4, 1, 1)],
            [InjectionCount("7-payments-1", 3, 2, 1, [751, 1], [517, 1], [752, 2], [415, 1])],
        )
    ],
    leases=[
        LeaseStatus("7-payments-1", 7, 2, 1795422689.5, 1795422689.75, 1795422690.0, "withdrawn"),
        LeaseStatus(
            "9-payments-1",
            9,
            refused="unknown fault kind 'melt', known: latency, error_status, error_exception, abort",
        ),
    ],
    flags_seen=[FlagSeen("payments", 12, 1795422690.25)],
    flag_uses=[FlagUse("payments", "retry-budget", "on", 1412), FlagUse("payments", "retry-budget", "", 3)],
)


def payload(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def test_the_agent_reads_the_golden_plan() -> None:
    read = parse_plan(payload("plan.json"))
    assert read.plan == PLAN
    assert read.refused == ()
    assert read.skipped == 0


def test_the_portal_writes_the_golden_plan() -> None:
    assert json.loads(msgspec.json.encode(PLAN)) == json.loads(payload("plan.json"))


def test_the_agent_writes_the_golden_report() -> None:
    assert json.loads(dump_report(REPORT)) == json.loads(payload("report.json"))


def test_the_portal_reads_the_golden_report() -> None:
    assert msgspec.json.decode(payload("report.json"), type=AgentReport) == REPORT


def test_the_agent_reads_the_golden_receipt() -> None:
    assert parse_receipt(payload("receipt.json")) == ReportReceipt(17, 1795422690.126, 1795422690.128)


def test_the_portal_writes_the_golden_receipt() -> None:
    written = msgspec.json.encode(ReportReceipt(17, 1795422690.126, 1795422690.128))
    assert json.loads(written) == json.loads(payload("receipt.json"))


@pytest.mark.parametrize("where", [(), ("slis", 0), ("leases", 0)])
def test_a_field_of_a_newer_portal_is_ignored(where: tuple[str | int, ...]) -> None:
    wire: Any = json.loads(payload("plan.json"))
    inner = wire
    for step in where:
        inner = inner[step]
    inner["new_in_2"] = {"of": ["something"]}
    assert parse_plan(json.dumps(wire).encode()).plan == PLAN


def test_a_field_of_a_newer_agent_is_ignored() -> None:
    wire = json.loads(payload("report.json")) | {"new_in_2": 1}
    assert msgspec.json.decode(json.dumps(wire).encode(), type=AgentReport) == REPORT


def test_a_report_without_the_optional_fields_is_read() -> None:
    least = {
        name: asdict(REPORT)[name]
        for name in ("service", "instance", "version", "seq", "started_at", "sent_at")
    }
    assert msgspec.json.decode(json.dumps(least).encode(), type=AgentReport).seconds == []
