"""A board with steady traffic, and what is ahead of its SLOs."""

from copy import deepcopy
from functools import cache

from sre_portal.contract.histogram import bucket_of
from sre_portal.core.board import Board
from sre_portal.core.continuation import Outlook, outlook_of
from sre_portal.core.effect import effect_of
from sre_portal.core.experiment import Experiment
from sre_portal.core.forecast import forecast_of
from sre_portal.core.signal import Signal
from sre_portal.core.slo import Counts, Slo
from sre_portal.core.timing import target_traffic, timing_of

NOW = 20_000 * 86400 + 13 * 3600 + 20
RATE = 50
USUAL = {bucket_of(ms * 1_000_000): count for ms, count in ((10, 20), (20, 20), (40, 10))}


def steady_board(*slos: Slo, rate: int = RATE, bad: int = 0, hours: int = 24, seconds: int = 3600) -> Board:
    """Hours, then seconds up to `NOW`: `rate` requests in each second, of which `bad` are bad."""
    return deepcopy(_steady_board(slos, rate, bad, hours, seconds))  # each test its own, made once


@cache
def _steady_board(slos: tuple[Slo, ...], rate: int, bad: int, hours: int, seconds: int) -> Board:
    board = Board()
    for slo in slos:
        series = board.sli(slo.name)
        for hour in range(1, hours + 1):
            at = (NOW - seconds) // 3600 * 3600 - hour * 3600
            series.put_hour(at, Counts((rate - bad) * 3600, bad * 3600))
        for at in range(NOW - seconds, NOW):
            series.put_second(at, Counts(rate - bad, bad))
    for at in range(NOW - 300, NOW):
        board.service("shop").put_second(Signal(at, rate, bad, USUAL))
    return board


def ahead_of(slo: Slo, experiment: Experiment, board: Board | None = None) -> Outlook:
    """What `predict` looks at for one SLO."""
    board = board or steady_board(slo)
    series = board.sli(slo.name)
    forecast = forecast_of(series, NOW)
    assert forecast is not None
    effect = effect_of(experiment, slo, Signal(NOW, latency=USUAL))
    timing = timing_of(experiment, target_traffic(experiment.spec.target, [slo], board, NOW))
    return outlook_of(slo, series, NOW, forecast, effect, timing)
