"""What this process does for the kill switches of one run, beside the loop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sre_portal.core.access import Principal
from sre_portal.core.observed import Flip
from sre_portal.core.run import DrillEffect


@dataclass(slots=True)
class DrillWork:
    """By the number of the drill, from 0. Only the process that started the run has an `actor`, and flips."""

    actor: Principal | None = None
    flipping: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    flips: dict[int, Flip] = field(default_factory=dict)
    effects: dict[int, DrillEffect] = field(default_factory=dict)
    """What was known of their effect when they were flipped."""
    failed: dict[int, str] = field(default_factory=dict)
    restoring: asyncio.Task[None] | None = None
    restored: dict[int, Flip] = field(default_factory=dict)
