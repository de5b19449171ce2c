"""What the shell supplies about flags, as in `core.ports`: every method may raise `StoreUnavailable`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from sre_portal.core.certificate import Certificate
from sre_portal.core.flag_change import ChangedFlag, FlagRow, SetChange, SetNews
from sre_portal.core.flag_plan import FlagPlan, PlanMove, PlanState
from sre_portal.core.flag_seen import Sighting
from sre_portal.core.flag_turn import FlagTurn
from sre_portal.core.flag_use import Key as UseKey
from sre_portal.core.flag_use import Used


class FlagStore(Protocol):
    """Flag definitions, with all their versions."""

    def on_change(self, tell: Callable[[], None]) -> None:
        """Calls `tell` whenever another replica may have changed a flag."""

    async def news(self, known: Mapping[str, int]) -> Sequence[SetNews]:
        """What changed in each set since the version that is known; all of it for sets that are not."""

    async def change(self, change: SetChange) -> bool:
        """Makes the edits, durable. False where the set is not at that version any more; nothing is done.

        Raises `Conflict` where the plan it settles is not in the state any more that was seen.
        """

    async def history(self, flag_set: str, key: str, limit: int, before: int | None) -> Sequence[FlagRow]:
        """Versions of a flag, newest first; those below `before` where it is given."""

    async def changes_since(
        self, flag_sets: Collection[str], at: datetime, limit: int
    ) -> Sequence[ChangedFlag]:
        """The newest changes in these sets from an instant on, newest first."""


class FlagPlanStore(Protocol):
    """Changes of flags that wait for a second person, for an instant, or for both."""

    async def add(self, plans: Sequence[FlagPlan]) -> Sequence[FlagPlan]:
        """Keeps new plans, all or none. Returns them with their numbers."""

    async def get(self, plan_id: int) -> FlagPlan:
        """Raises `NotFound`."""

    async def some(
        self,
        *,
        flag_set: str | None = None,
        key: str | None = None,
        states: Collection[PlanState] = (),
        limit: int = 100,
        before: int | None = None,
    ) -> Sequence[FlagPlan]:
        """Newest first: of a set, of a flag, in some states; those below the number `before`."""

    async def count_open(self, flag_set: str, key: str) -> int:
        """How many of a flag have not ended."""

    async def due(self, now: datetime, limit: int) -> Sequence[FlagPlan]:
        """What is to be made now: by instant, then by number."""

    async def move(self, move: PlanMove) -> bool:
        """False where the plan is not in the state any more that was seen; nothing is done then."""


class FlagUseStore(Protocol):
    """What was evaluated, summed over all replicas and agents."""

    async def add(self, counts: Mapping[UseKey, int], at: datetime) -> None:
        """Adds what was counted until then, and notes that counting goes on."""

    async def of(self, flag_set: str) -> Sequence[Used]:
        """What the flags of a set gave."""

    async def one(self, key: UseKey) -> Used | None:
        """How often a flag gave one variant; None where it never did."""

    async def counted_since(self) -> datetime | None:
        """Since when evaluations are counted without a gap; None where they were not yet."""


class FlagTurnStore(Protocol):
    """Turns of flags."""

    async def add(self, turn: FlagTurn) -> None:
        """Returns when it is durable."""

    async def last(self) -> Sequence[FlagTurn]:
        """The newest turn of each flag."""

    async def recent(self, flag_set: str, key: str, limit: int) -> Sequence[FlagTurn]:
        """Newest first, of one flag, or for an empty key of the set."""

    async def since(self, flag_sets: Collection[str], at: datetime, limit: int) -> Sequence[FlagTurn]:
        """The newest of these sets from an instant on, newest first."""

    async def forget(self, before: datetime) -> None:
        """Drops turns before an instant, and not the newest of a flag: it says how the flag stands."""


class CertificateStore(Protocol):
    """Certificates of drills. One is issued once for a switch of a run and never changes."""

    async def add(self, certificates: Sequence[Certificate]) -> None:
        """Keeps them. One that is there for the same switch of the same run stays as it is."""

    async def of_run(self, run_id: int) -> Sequence[Certificate]:
        """By set and key."""

    async def of_flag(self, flag_set: str, flag: str, limit: int) -> Sequence[Certificate]:
        """Newest first, whatever their verdict."""

    async def last_passed(self, flag_set: str) -> Mapping[str, tuple[int, datetime]]:
        """By key, the run of the last drill that passed, and when its certificate was issued."""


class SightingStore(Protocol):
    """Which instance had which version of a set of flags in force. What is told comes with the reports."""

    async def of(self, flag_set: str, set_version: int) -> Sequence[Sighting]:
        """Every instance that told of the set, and since when it has that version or a later one."""

    async def changed_at(self, flag_set: str, set_version: int) -> datetime | None:
        """When a version of a set was made; None where there is none of that number."""

    async def forget(self, keep: int) -> None:
        """Drops what is older than so many versions, except the newest of an instance that is there."""
