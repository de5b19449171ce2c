"""What has been counted, held ready in memory: the source of every burn rate, alert and prediction.

Filled from the store by `operations/board.py`; knows no clock: every question names its instants, in whole
seconds since the Unix epoch. Ranges are `start <= second < end`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sre_portal.core.series import SignalSeries, SliSeries


@dataclass(slots=True)
class Board:
    slis: dict[str, SliSeries] = field(default_factory=dict)
    """By SLO name."""
    services: dict[str, SignalSeries] = field(default_factory=dict)
    """By service name."""

    def sli(self, slo: str) -> SliSeries:
        series = self.slis.get(slo)
        if series is None:
            series = self.slis[slo] = SliSeries()
        return series

    def service(self, name: str) -> SignalSeries:
        series = self.services.get(name)
        if series is None:
            series = self.services[name] = SignalSeries()
        return series
