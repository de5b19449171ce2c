"""One run in a list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sre_portal.core.run import Run
from sre_portal.web.pages.figures import Moment, moment
from sre_portal.web.pages.pill import Pill, run_pill
from sre_portal.web.pages.proof import Detection, detection_of, duration_of
from sre_portal.web.pages.wording import experiment_words


@dataclass(frozen=True, slots=True)
class RunRow:
    id: int
    tone: str
    title: str
    words: str
    experiment: str
    service: str
    actor: str
    started: Moment
    lasted: str
    pill: Pill
    detection: Detection
    reason: str

    @classmethod
    def of(cls, run: Run, now: datetime) -> RunRow:
        return cls(
            id=run.id,
            tone="harm" if run.harmful else "",
            title=run.experiment.title,
            words=experiment_words(run.experiment),
            experiment=run.name,
            service=run.service,
            actor=run.actor,
            started=moment(run.created_at, now),
            lasted=duration_of(run),
            pill=run_pill(run),
            detection=detection_of(run),
            reason=run.reasons[0] if run.reasons else "",
        )
