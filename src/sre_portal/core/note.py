"""One line for the journal of a run."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Note:
    """Write this into the run's journal. `facts` hold plain JSON values."""

    kind: str
    text: str
    facts: dict[str, object] = field(default_factory=dict)
