"""What the command line reads of an answer, and of a run. The rest of it is passed through untouched."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from sre_portal.cli.portal import PortalLost

T = TypeVar("T")


class Seen(BaseModel):
    """A part of an answer: what is not known here is left alone, so that a newer portal can say more."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def parsed(kind: TypeAdapter[T], answer: object, what: str) -> T:
    """An answer about `what` as that. Raises `PortalLost` where no portal answers so."""
    try:
        return kind.validate_python(answer)
    except ValidationError:
        raise PortalLost(
            f"The portal answered with something else than {what}. Is it of this version?"
        ) from None


class EventSeen(Seen):
    at: datetime
    offset_s: float | None = None
    kind: str = ""
    text: str = ""


class TimelineSeen(Seen):
    effective_at: datetime | None = None
    reverted_at: datetime | None = None
    events: tuple[EventSeen, ...] = ()


class ReadingSeen(Seen):
    label: str
    outcome: str
    value: float | None = None
    limit: float = 0.0
    unit: str = ""
    reason: str = ""
    distance_ratio: float | None = None


class ResultSeen(Seen):
    label: str
    outcome: str
    predicted_text: str = ""
    observed_text: str = ""
    reason: str = ""


class SpecSeen(Seen):
    faults: tuple[object, ...] = ()


class DocumentSeen(Seen):
    spec: SpecSeen = SpecSeen()


class RunSeen(Seen):
    id: int
    name: str
    phase: str
    live: bool
    title: str = ""
    service: str = ""
    actor: str = ""
    verdict: str | None = None
    reasons: tuple[str, ...] = ()
    url: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    ends_at: datetime | None = None
    timeline: TimelineSeen | None = None
    guardrails: tuple[ReadingSeen, ...] = ()
    results: tuple[ResultSeen, ...] = ()
    drills: tuple[object, ...] = ()
    document: DocumentSeen = DocumentSeen()

    @property
    def drills_alone(self) -> bool:
        """Whether it flips switches and does no harm."""
        return bool(self.drills) and not self.document.spec.faults

    @property
    def events(self) -> tuple[EventSeen, ...]:
        return self.timeline.events if self.timeline else ()

    @property
    def reverted(self) -> bool:
        return self.timeline is not None and self.timeline.reverted_at is not None

    def seconds_until(self, at: datetime | None) -> float | None:
        """From the start of the run to an instant, both on the portal's clock."""
        return None if at is None or self.started_at is None else (at - self.started_at).total_seconds()


def parse_run(answer: object) -> RunSeen:
    """A run of the portal's JSON. Raises `PortalLost` where it is none."""
    try:
        return RunSeen.model_validate(answer)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the answer"
        raise PortalLost(f"The portal's answer is not a run: {where}: {first['msg']}.") from None


def reading_text(reading: ReadingSeen) -> str:
    """The value of a reading against its limit, in its unit."""
    if reading.value is None:
        return reading.reason or "cannot be read"
    match reading.unit:
        case "ratio":
            return f"{reading.value * 100:.2f} % of {reading.limit * 100:g} %"
        case "ms":
            return f"{reading.value:.0f} ms of {reading.limit:g} ms"
        case _:
            return f"{reading.value:.1f}/s, limit {reading.limit:g}/s"
