"""Conditions that must hold: the steady state before and after, the guardrails during a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from sre_portal.core.document import Document, Name, Percent, Span


class ErrorsBelow(Document):
    """Less than `below` percent of an SLO's requests were bad over `over`."""

    type: Literal["errors"]
    slo: Name
    below: Percent
    over: Span = timedelta(seconds=10)


class LatencyBelow(Document):
    """The quantile (percent, 99 for p99) of a service's request duration over `over` is below `below`."""

    type: Literal["latency"]
    service: Name
    quantile: Percent
    below: Span
    over: Span = timedelta(seconds=10)


class TrafficAbove(Document):
    """A service takes more than `above` requests a second over `over`."""

    type: Literal["traffic"]
    service: Name
    above: Annotated[float, Field(ge=0, le=1e9)]
    over: Span = timedelta(seconds=10)


Condition = Annotated[ErrorsBelow | LatencyBelow | TrafficAbove, Field(discriminator="type")]


class Outcome(StrEnum):
    HOLDS = "holds"
    BREACHED = "breached"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Reading:
    """A condition judged at one instant. `value` and `limit` are in the condition's own unit:
    a ratio (errors), milliseconds (latency) or requests a second (traffic)."""

    label: str
    outcome: Outcome
    value: float | None
    limit: float
    unit: Literal["ratio", "ms", "per_second"]
    reason: str = ""
    distance_ratio: float | None = None
    """How far from breach, as a share of the limit; 0 at the limit, negative beyond, None where unreadable."""
