"""Certificates of drills as plain objects in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sre_portal.core.certificate import Certificate


@dataclass
class Certificates:
    """`core.ports.CertificateStore`."""

    held: list[Certificate] = field(default_factory=list)

    async def add(self, certificates: Sequence[Certificate]) -> None:
        self.held += certificates

    async def of_run(self, run_id: int) -> Sequence[Certificate]:
        return [one for one in self.held if one.run_id == run_id]

    async def of_flag(self, flag_set: str, flag: str, limit: int) -> Sequence[Certificate]:
        return [one for one in reversed(self.held) if (one.flag_set, one.flag) == (flag_set, flag)][:limit]

    async def last_passed(self, flag_set: str) -> Mapping[str, tuple[int, datetime]]:
        passed = [one for one in self.held if one.flag_set == flag_set and one.passed]
        return {one.flag: (one.run_id, one.issued_at) for one in passed}
