"""What an optional part of the agent may add: work on its one thread, and words in its reports."""

from __future__ import annotations

from typing import Protocol

from sre_portal.agent.portal import Portal
from sre_portal.contract.report import AgentReport


class Extra(Protocol):
    """All of it is called on the agent's thread. What it raises is logged, and the work begun again."""

    doing: str
    """What it does, in the words of the log."""

    async def run(self, portal: Portal, instance: str) -> None:
        """Works until cancelled."""

    def tell(self, report: AgentReport) -> None:
        """Adds to a report what it has to tell."""

    def told(self, report: AgentReport) -> None:
        """That report was taken, or is of a kind that never will be."""
