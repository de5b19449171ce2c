"""The faults an agent can inject. One record a kind; the `kind` field tells them apart on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

Distribution = Literal["fixed", "uniform", "normal", "pareto"]


@dataclass(frozen=True, slots=True)
class Latency:
    """Wait before the request reaches the application.

    `fixed` waits `delay_ms`; `uniform` waits `delay_ms` plus or minus `spread_ms`; `normal` has mean
    `delay_ms` and standard deviation `spread_ms`; `pareto` has minimum `delay_ms` and shape `shape`.
    No draw is below 0 or above `cap_ms`.
    """

    delay_ms: float
    distribution: Distribution = "fixed"
    spread_ms: float = 0.0
    shape: float = 3.0
    cap_ms: float = 60_000.0
    kind: Literal["latency"] = "latency"


@dataclass(frozen=True, slots=True)
class ErrorStatus:
    """Answer with this status and body; the application is not called."""

    status: int = 503
    body: str = "injected by SRE Portal\n"
    kind: Literal["error_status"] = "error_status"


@dataclass(frozen=True, slots=True)
class ErrorException:
    """Raise `InjectedError` where the application would have been called."""

    message: str = "injected by SRE Portal"
    kind: Literal["error_exception"] = "error_exception"


@dataclass(frozen=True, slots=True)
class Abort:
    """Close the connection without a response."""

    kind: Literal["abort"] = "abort"


Fault = Latency | ErrorStatus | ErrorException | Abort

KINDS: Mapping[str, type[Fault]] = {
    "latency": Latency,
    "error_status": ErrorStatus,
    "error_exception": ErrorException,
    "abort": Abort,
}


def parse_fault(wire: Mapping[str, object]) -> Fault:
    """A fault from its JSON object. Raises `ValueError` for a kind or a field this version does not know."""
    kind = wire.get("kind")
    record = KINDS.get(kind) if isinstance(kind, str) else None
    if record is None:
        raise ValueError(f"unknown fault kind {kind!r}, known: {', '.join(KINDS)}")
    try:
        return record(**wire)  # type: ignore[arg-type]  # a wrong field name is the TypeError below
    except TypeError as wrong:
        raise ValueError(f"fault {kind}: {wrong}") from None


def dump_fault(fault: Fault) -> dict[str, object]:
    """The JSON object of a fault."""
    return asdict(fault)
