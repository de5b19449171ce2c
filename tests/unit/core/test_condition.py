"""Conditions: what holds, what is breached, and what nobody can tell."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from sre_portal.core.board import Board
from sre_portal.core.condition import STALE_SECONDS, Condition, Outcome, Reading, judge, label_of
from sre_portal.core.experiment import Experiment
from sre_portal.core.signal import Signal
from sre_portal.core.slo import Counts, Slo
from tests.unit.core.documents import slo_of

NOW = 2_000_000_000
SLO = slo_of()
ERRORS = {"type": "errors", "slo": "shop-availability", "below": 5}
LATENCY = {"type": "latency", "service": "shop", "quantile": 99, "below": "800ms"}
TRAFFIC = {"type": "traffic", "service": "shop", "above": 20}


def condition_of(wire: dict[str, Any]) -> Condition:
    return TypeAdapter[Condition](Condition).validate_python(wire)


def board_of(*, bad: int = 0, requests: int = 30, milliseconds: int = 100, until: int = NOW) -> Board:
    """Ten seconds of traffic that end at `until`."""
    board = Board()
    for at in range(until - 10, until):
        board.sli(SLO.name).put_second(at, Counts(good=requests - bad, bad=bad))
        bucket = (milliseconds * 1_000_000).bit_length() - 6 << 5
        latency = {bucket + (milliseconds * 1_000_000 >> (bucket >> 5)): requests} if requests else {}
        board.service("shop").put_second(Signal(at, requests, bad, latency))
    return board


def read(wire: dict[str, Any], board: Board, slos: tuple[Slo, ...] = (SLO,)) -> Reading:
    return judge(condition_of(wire), board, {slo.name: slo for slo in slos}, NOW)


@pytest.mark.parametrize(
    ("wire", "label"),
    [
        (ERRORS, "shop-availability errors under 5 % over 10 s"),
        (ERRORS | {"below": "0.25", "over": "1h"}, "shop-availability errors under 0.25 % over 1 h"),
        (LATENCY, "shop p99 under 800 ms over 10 s"),
        (LATENCY | {"quantile": "99.9", "over": "1m30s"}, "shop p99.9 under 800 ms over 1 min 30 s"),
        (TRAFFIC, "shop takes over 20 requests/s over 10 s"),
    ],
)
def test_a_condition_is_told_in_a_short_sentence(wire: dict[str, Any], label: str) -> None:
    assert label_of(condition_of(wire)) == label


def test_errors_under_the_limit_hold_and_tell_how_far_they_are_from_it() -> None:
    reading = read(ERRORS, board_of(bad=1, requests=100))
    assert (reading.outcome, reading.value, reading.limit, reading.unit) == (
        Outcome.HOLDS,
        0.01,
        0.05,
        "ratio",
    )
    assert reading.distance_ratio == pytest.approx(0.8)


@pytest.mark.parametrize(("bad", "distance"), [(5, 0.0), (10, -1.0)])
def test_errors_at_the_limit_and_above_breach(bad: int, distance: float) -> None:
    reading = read(ERRORS, board_of(bad=bad, requests=100))
    assert reading.outcome is Outcome.BREACHED
    assert reading.distance_ratio == pytest.approx(distance)


def test_latency_is_judged_by_its_quantile() -> None:
    holds, breached = (read(LATENCY, board_of(milliseconds=ms)) for ms in (400, 1600))
    assert (holds.outcome, breached.outcome) == (Outcome.HOLDS, Outcome.BREACHED)
    assert holds.value == pytest.approx(400, rel=0.02)
    assert (holds.limit, holds.unit) == (800, "ms")
    assert holds.distance_ratio == pytest.approx(0.5, abs=0.02)


def test_traffic_is_requests_a_second_and_none_at_all_is_a_breach() -> None:
    assert read(TRAFFIC, board_of(requests=30)).value == 30
    assert read(TRAFFIC, board_of(requests=30)).distance_ratio == pytest.approx(0.5)
    silent = read(TRAFFIC, board_of(requests=0))
    assert (silent.outcome, silent.value, silent.distance_ratio) == (Outcome.BREACHED, 0, -1)


def test_a_limit_of_zero_has_no_shares() -> None:
    assert read(ERRORS | {"below": 0}, board_of()).outcome is Outcome.BREACHED
    assert read(ERRORS | {"below": 0}, board_of()).distance_ratio == 0
    assert read(TRAFFIC | {"above": 0}, board_of()).distance_ratio == 1


@pytest.mark.parametrize("wire", [ERRORS, LATENCY, TRAFFIC])
def test_old_counts_say_nothing_about_now(wire: dict[str, Any]) -> None:
    assert read(wire, board_of(until=NOW - STALE_SECONDS)).outcome is Outcome.HOLDS
    stale = read(wire, board_of(until=NOW - STALE_SECONDS - 1))
    assert (stale.outcome, stale.value, stale.distance_ratio) == (Outcome.UNREADABLE, None, None)
    assert stale.reason == "the newest count is 4 s old"


@pytest.mark.parametrize("wire", [ERRORS, LATENCY, TRAFFIC])
def test_a_service_that_never_counted_cannot_be_read_and_is_not_made_up(wire: dict[str, Any]) -> None:
    board = Board()
    assert read(wire, board).reason == "nothing counted yet"
    assert (board.slis, board.services) == ({}, {})


@pytest.mark.parametrize("wire", [ERRORS, LATENCY])
def test_a_window_without_requests_cannot_be_read(wire: dict[str, Any]) -> None:
    reading = read(wire, board_of(requests=0))
    assert (reading.outcome, reading.reason) == (Outcome.UNREADABLE, "no request in the last 10 s")


def test_a_quiet_slo_of_a_service_that_counts_is_read() -> None:
    board = board_of()
    board.slis[SLO.name] = type(board.sli(SLO.name))()
    board.sli(SLO.name).put_second(NOW - 8, Counts(good=1))
    assert read(ERRORS, board).outcome is Outcome.HOLDS


def test_an_unknown_slo_cannot_be_read() -> None:
    reading = read(ERRORS, board_of(), slos=())
    assert (reading.outcome, reading.reason) == (Outcome.UNREADABLE, "no SLO 'shop-availability'")


@pytest.mark.parametrize(
    "wire", [ERRORS | {"over": "2h"}, LATENCY | {"over": "10m"}, TRAFFIC | {"over": "500ms"}]
)
def test_a_window_that_is_not_kept_by_the_second_is_refused(wire: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        condition_of(wire)


def test_documents_with_conditions_have_a_schema() -> None:
    assert Experiment.model_json_schema()["title"] == "Experiment"
    assert Slo.model_json_schema()["title"] == "Slo"
