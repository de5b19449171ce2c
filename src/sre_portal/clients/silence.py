"""What tells people outside where no address is set."""

from __future__ import annotations


class Silence:
    """`core.ports.Notices`: nobody is told."""

    async def send(self, text: str) -> None: ...
