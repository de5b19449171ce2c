"""What could not be written into the audit log when it happened. The loop writes it when it can."""

from __future__ import annotations

from dataclasses import dataclass

from sre_portal.core.audit import Conclusion, Intent


@dataclass(frozen=True, slots=True)
class LateAct:
    """An act that was done before it was written down: somebody stopped harm."""

    intent: Intent

    @property
    def conclusion(self) -> Conclusion:
        """It was done when it was meant."""
        return Conclusion(self.intent.at, "done")


@dataclass(frozen=True, slots=True)
class LateOutcome:
    """How an act that is written down ended."""

    event_id: int
    conclusion: Conclusion


Late = LateAct | LateOutcome
