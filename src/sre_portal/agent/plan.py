"""Reads a plan off the wire: from untrusted JSON to records that the request path can trust.

Fields that a newer portal added to a plan, a lease or an SLI are ignored. Inside a fault, a match or a share
they are not: ignoring a condition would hit more than was asked. Such a lease is refused with the reason,
such an SLI is not counted.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sre_portal.contract.fault import ErrorStatus, Fault, Latency, parse_fault
from sre_portal.contract.lease import Lease, Plan, SliDefinition
from sre_portal.contract.match import Match, Share, is_plain
from sre_portal.contract.report import LeaseStatus

MAX_LEASES = 64
MAX_SLIS = 256

MAX_TEXT = 8192
MAX_DELAY_MS = 3_600_000.0

MAX_TTL_MS = 60_000.0
"""Whatever a portal says: harm needs one that lives."""

Wire = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """A plan, the leases in it that this agent refuses, and the number of SLIs and leases it cannot read."""

    plan: Plan
    refused: tuple[LeaseStatus, ...]
    skipped: int


def parse_plan(line: bytes) -> ReadPlan:
    """A plan from a line of the stream. Raises `ValueError` where it is not a plan at all."""
    try:
        wire = _object(json.loads(line), "plan")
    except RecursionError:
        raise ValueError("plan: too deep") from None
    seq, sent_at = _integer(wire.get("seq"), "seq"), _number(wire.get("sent_at"), "sent_at", 0, 1e11)
    slis, skipped_slis = _slis(_array(wire.get("slis", []), "slis"))
    leases, refused, skipped_leases = _leases(_array(wire.get("leases", []), "leases"))
    return ReadPlan(Plan(seq, sent_at, slis, leases), refused, skipped_slis + skipped_leases)


def _slis(told: Sequence[object]) -> tuple[tuple[SliDefinition, ...], int]:
    slis: dict[str, SliDefinition] = {}
    for one in told[:MAX_SLIS]:
        try:
            sli = _sli(_object(one, "sli"))
        except (ValueError, TypeError):
            continue
        slis.setdefault(sli.name, sli)
    return tuple(slis.values()), len(told) - len(slis)


def _leases(told: Sequence[object]) -> tuple[tuple[Lease, ...], tuple[LeaseStatus, ...], int]:
    leases: dict[str, Lease] = {}
    refused: dict[str, LeaseStatus] = {}
    for one in told:
        try:
            wire = _object(one, "lease")
            lease_id, run_id = _identifier(wire.get("id"), "lease id"), _integer(wire.get("run_id"), "run_id")
        except ValueError:  # nothing to answer to
            continue
        try:
            if len(leases) >= MAX_LEASES:
                raise ValueError(f"more than {MAX_LEASES} leases")
            leases.setdefault(lease_id, _lease(wire, lease_id, run_id))
        except (ValueError, TypeError) as reason:  # a list, say, where one of several words belongs
            refused[lease_id] = LeaseStatus(lease_id, run_id, refused=str(reason)[:500])
    return tuple(leases.values()), tuple(refused.values()), len(told) - len(leases) - len(refused)


def _lease(wire: Wire, lease_id: str, run_id: int) -> Lease:
    return Lease(
        id=lease_id,
        run_id=run_id,
        fault=_fault(_object(wire.get("fault"), "fault")),
        match=_match(_object(wire.get("match", {}), "match")),
        share=_share(_object(wire.get("share", {}), "share")),
        ttl_ms=_number(wire.get("ttl_ms"), "ttl_ms", 0, MAX_TTL_MS),
    )


def _fault(wire: Wire) -> Fault:
    fault = parse_fault(wire)
    if isinstance(fault, Latency):
        if fault.distribution not in {"fixed", "uniform", "normal", "pareto"}:
            raise ValueError(f"unknown distribution {fault.distribution!r}")
        for name in ("delay_ms", "spread_ms", "cap_ms"):
            _number(getattr(fault, name), name, 0, MAX_DELAY_MS)
        if _number(fault.shape, "shape", 0) == 0:
            raise ValueError("shape: 0, must be above")
    elif isinstance(fault, ErrorStatus):
        # Never a success: a portal in wrong hands must not answer yes in the name of its host.
        if not 400 <= _integer(fault.status, "status") <= 599:
            raise ValueError(f"status: {fault.status}, must be 400 to 599")
        _text(fault.body, "body", MAX_TEXT)
    elif fault.kind == "error_exception":
        _text(fault.message, "message", MAX_TEXT)
    return fault


def _match(wire: Wire) -> Match:
    _known(wire, "match", {"methods", "route", "headers"})
    route = wire.get("route")
    if route is not None and not is_plain(_text(route, "route", 256)):
        raise ValueError("route: more than one {name} in a segment")
    return Match(
        methods=tuple(
            _text(method, "method").upper() for method in _array(wire.get("methods", []), "methods")
        ),
        route=route,
        headers=tuple(_header(pair) for pair in _array(wire.get("headers", []), "headers")),
    )


def _header(pair: object) -> tuple[str, str]:
    name, value = (_latin(part, "header") for part in _array(pair, "header", 2))
    return name.lower(), value


def _share(wire: Wire) -> Share:
    _known(wire, "share", {"ratio", "of", "key_header"})
    share = Share(**wire)
    if share.of not in {"requests", "users"}:
        raise ValueError(f"unknown share of {share.of!r}")
    _number(share.ratio, "ratio", 0, 1)
    return Share(share.ratio, share.of, _latin(share.key_header, "key_header").lower())


def _sli(wire: Wire) -> SliDefinition:
    kind, threshold = wire.get("kind"), wire.get("threshold_ms")
    if kind not in {"availability", "latency"} or (kind == "latency") != (threshold is not None):
        raise ValueError("an SLI is of availability, or of latency with a threshold")
    return SliDefinition(
        name=_text(wire.get("name"), "name"),
        kind=cast("Any", kind),
        match=_match(_object(wire.get("match", {}), "match")),
        threshold_ms=None if threshold is None else _number(threshold, "threshold_ms", 0),
    )


def _known(wire: Wire, what: str, fields: set[str]) -> None:
    if unknown := sorted(set(wire) - fields):
        raise ValueError(f"{what}: unknown {', '.join(unknown)}")


def _object(value: object, what: str) -> Wire:
    if not isinstance(value, dict):
        raise ValueError(f"{what}: not an object")
    return value


def _array(value: object, what: str, most: int = 10_000) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"{what}: not an array of at most {most}")
    return value


def _text(value: object, what: str, most: int = 10_000) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"{what}: not a text of at most {most} characters")
    return value


def _latin(value: object, what: str) -> str:
    _text(value, what).encode("latin-1")  # what a header can hold; UnicodeEncodeError is a ValueError
    return _text(value, what)


def _identifier(value: object, what: str) -> str:
    if not re.fullmatch(r"[!-~]{1,128}", _text(value, what)):
        raise ValueError(f"{what}: not 1 to 128 printable characters")
    return _text(value, what)


def _integer(value: object, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 1 << 63:
        raise ValueError(f"{what}: not a whole number")
    return value


def _number(value: object, what: str, least: float = -math.inf, most: float = math.inf) -> float:
    number = value if isinstance(value, float) else float(_integer(value, what))
    if not math.isfinite(number) or not least <= number <= most:
        raise ValueError(f"{what}: {number}, must be finite and in {least} to {most}")
    return number
