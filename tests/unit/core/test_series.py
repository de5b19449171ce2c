"""Counts over time against a model that adds up every second by hand."""

import tracemalloc
from collections.abc import Mapping
from itertools import accumulate, combinations

from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.board import Board
from sre_portal.core.series import SECONDS_KEPT_MINUTES, SignalSeries, SliSeries
from sre_portal.core.signal import Signal
from sre_portal.core.slo import Counts

DAY = 86400
NOON = 20_000 * DAY + 12 * 3600
ONE = Counts(good=1)


def steady(series: SliSeries, start: int, end: int, counts: Counts = ONE) -> None:
    for at in range(start, end):
        series.put_second(at, counts)


class Model:
    """Keeps every row for ever and decides for each minute and hour which source counts."""

    def __init__(self) -> None:
        self.seconds: dict[int, Counts] = {}
        self.minutes: dict[int, Counts] = {}
        self.hours: dict[int, Counts] = {}
        self.newest_minute: int | None = None

    def put_second(self, at: int, counts: Counts) -> None:
        if self.newest_minute is None or at // 60 > self.newest_minute - SECONDS_KEPT_MINUTES:
            self.seconds[at] = counts
            self.newest_minute = max(self.newest_minute or 0, at // 60)

    def put_minute(self, at: int, counts: Counts) -> None:
        self.minutes[at // 60] = counts

    def put_hour(self, at: int, counts: Counts) -> None:
        self.hours[at // 3600] = counts

    def by_instant(self) -> dict[int, Counts]:
        """Each count at the instant from which it is included: a second's own, else the row's last one."""
        told: dict[int, Counts] = {}
        by_minute = {
            minute: self._minute(minute) for minute in {at // 60 for at in self.seconds} | set(self.minutes)
        }
        with_minutes = {minute // 60 for minute in by_minute}
        for minute, (exact, counts) in by_minute.items():
            told |= exact or {minute * 60 + 59: counts}
        return told | {
            hour * 3600 + 3599: counts for hour, counts in self.hours.items() if hour not in with_minutes
        }

    def _minute(self, minute: int) -> tuple[dict[int, Counts], Counts]:
        seconds = {at: one for at, one in self.seconds.items() if at // 60 == minute}
        row = self.minutes.get(minute)
        recent = self.newest_minute is not None and minute > self.newest_minute - SECONDS_KEPT_MINUTES
        if seconds and (recent or row is None or row.total <= total(seconds).total):
            return (seconds if recent else {}), total(seconds)
        return {}, row or Counts()


def total(many: Mapping[int, Counts]) -> Counts:
    return sum(many.values(), Counts())


# Four hours around an hour border, as running sums; each second has something else to count.
TRUTH_FROM = NOON - 3 * 3600
TRUTH = tuple(
    accumulate((Counts(at % 7, at % 3, min(at % 3, at % 2)) for at in range(4 * 3600)), initial=Counts())
)


def truth(start: int, length: int) -> Counts:
    return TRUTH[start - TRUTH_FROM + length] - TRUTH[start - TRUTH_FROM]


puts = st.one_of(
    st.tuples(st.just("second"), st.integers(NOON - 2 * 3600, NOON + 3599)),
    st.tuples(
        st.just("minute"), st.integers(NOON // 60 - 120, NOON // 60 + 59).map(lambda minute: minute * 60)
    ),
    st.tuples(st.just("hour"), st.integers(NOON // 3600 - 3, NOON // 3600 - 3).map(lambda hour: hour * 3600)),
)
instants = st.integers(NOON - 4 * 3600, NOON + 2 * 3600)


@given(st.lists(puts, max_size=60), st.lists(instants, min_size=2, max_size=6))
def test_every_window_is_what_adding_up_by_hand_gives(puts: list[tuple[str, int]], at: list[int]) -> None:
    series, model = SliSeries(), Model()
    for kind, when in puts:
        counts = truth(when, {"second": 1, "minute": 60, "hour": 3600}[kind])
        getattr(series, f"put_{kind}")(when, counts)
        getattr(model, f"put_{kind}")(when, counts)
    told = model.by_instant()
    for start, end in combinations(sorted(at), 2):
        by_hand = total({when: one for when, one in told.items() if start <= when < end})
        assert series.counts(start, end) == by_hand


@given(st.lists(st.tuples(st.integers(0, 3599), st.integers(0, 5)), max_size=100))
def test_the_order_in_which_seconds_arrive_does_not_matter(rows: list[tuple[int, int]]) -> None:
    last = dict(rows)
    in_order, shuffled = SliSeries(), SliSeries()
    for at in sorted(last):
        in_order.put_second(NOON + at, Counts(good=last[at]))
    mixed = sorted(last, key=lambda at: (at * 7919) % 3607)
    for at in mixed:
        shuffled.put_second(NOON + at, Counts(good=last[at]))
    for window in (60, 600, 3600):
        assert in_order.counts(NOON + 3600 - window, NOON + 3600) == shuffled.counts(
            NOON + 3600 - window, NOON + 3600
        )


def test_the_last_hour_is_exact_to_the_second_also_when_asked_a_minute_late() -> None:
    series = SliSeries()
    steady(series, NOON - 7200, NOON + 60)
    for now in (NOON, NOON + 1, NOON + 59, NOON + 60):
        assert series.counts(now - 3600, now).good == 3600


def test_a_start_further_back_is_floored_to_its_minute_and_then_its_hour() -> None:
    series = SliSeries()
    series.put_hour(NOON - 5 * DAY, Counts(good=3600))
    series.put_minute(NOON - 7200, Counts(good=60))
    series.put_second(NOON, ONE)
    assert series.counts(NOON - 7200 + 59, NOON + 1).good == 61
    assert series.counts(NOON - 7200 + 60, NOON + 1).good == 1
    assert series.counts(NOON - 5 * DAY + 3599, NOON + 1).good == 3661
    assert series.counts(NOON - 5 * DAY + 3600, NOON + 1).good == 61


def test_windows_that_touch_add_up_wherever_they_are_cut() -> None:
    series = SliSeries()
    for minute in range(-300, -40):
        series.put_minute(NOON + minute * 60, Counts(good=59, bad=1))
    steady(series, NOON - 3600, NOON)
    whole = series.counts(NOON - 5 * 3600, NOON)
    for cut in range(NOON - 3 * 3600, NOON, 37):
        assert series.counts(NOON - 5 * 3600, cut) + series.counts(cut, NOON) == whole


def test_putting_the_same_again_changes_nothing_and_another_value_replaces() -> None:
    series = SliSeries()
    for good in (5, 5, 3):
        series.put_second(NOON, Counts(good=good, bad=1))
        assert series.counts(NOON, NOON + 1) == Counts(good=good, bad=1)


def test_a_minute_that_is_known_by_second_is_not_counted_twice_whichever_comes_first() -> None:
    for row_first in (True, False):
        series = SliSeries()
        if row_first:
            series.put_minute(NOON, Counts(good=60))
        steady(series, NOON, NOON + 60)
        if not row_first:
            series.put_minute(NOON, Counts(good=60))
        assert series.counts(NOON, NOON + 60).good == 60
        assert series.counts(NOON, NOON + 10).good == 10


def test_a_minute_cut_by_a_restart_is_made_whole_when_its_seconds_are_an_hour_old() -> None:
    series = SliSeries()
    series.put_minute(NOON, Counts(good=60))
    steady(series, NOON + 50, NOON + 60)
    assert series.counts(NOON, NOON + 60).good == 10
    series.put_second(NOON + SECONDS_KEPT_MINUTES * 60, ONE)
    assert series.counts(NOON, NOON + 60).good == 60


def test_a_minute_summed_before_a_late_second_does_not_lose_it() -> None:
    series = SliSeries()
    steady(series, NOON, NOON + 59)
    series.put_minute(NOON, Counts(good=59))
    series.put_second(NOON + 59, ONE)
    series.put_second(NOON + SECONDS_KEPT_MINUTES * 60, ONE)
    assert series.counts(NOON, NOON + 60).good == 60


def test_seconds_an_hour_late_are_absorbed_and_older_ones_are_left_to_their_minute() -> None:
    series = SliSeries()
    series.put_second(NOON, ONE)
    series.put_second(NOON - 3600, ONE)
    series.put_second(NOON - 7200, ONE)
    assert series.counts(NOON - 3600, NOON + 1).good == 2
    assert series.counts(NOON - DAY, NOON + 1).good == 2


def test_thirty_days_of_hours_are_summed_and_what_is_older_than_37_days_is_gone() -> None:
    series = SliSeries()
    for hour in range(40 * 24):
        series.put_hour(NOON - 40 * DAY + hour * 3600, Counts(good=10, bad=1))
    assert series.counts(NOON - 30 * DAY, NOON) == Counts(good=7200, bad=720)
    assert series.counts(0, NOON).good <= 38 * 240


def test_hours_may_be_put_after_the_seconds() -> None:
    series = SliSeries()
    series.put_second(NOON, ONE)
    for hour in range(1, 30 * 24):
        series.put_hour(NOON - hour * 3600, ONE)
    assert series.counts(NOON - 30 * DAY, NOON + 1).good == 30 * 24


def test_a_jump_of_months_keeps_nothing_old() -> None:
    series = SliSeries()
    series.put_second(NOON - 300 * DAY, ONE)
    series.put_second(NOON, ONE)
    assert series.counts(NOON - 30 * DAY, NOON + 1).good == 1


def test_counts_by_second_are_what_was_put() -> None:
    series = SliSeries()
    series.put_second(NOON, Counts(good=2, bad=3, planned=1))
    series.put_second(NOON + 2, Counts(good=4))
    assert series.per_second(NOON, NOON + 3) == (Counts(2, 3, 1), Counts(), Counts(4))


def test_the_first_instant_is_told_as_finely_as_it_is_known() -> None:
    assert (SliSeries().first_at, SliSeries().last_at) == (None, None)
    series = SliSeries()
    series.put_second(NOON + 3020, ONE)
    assert series.first_at == NOON + 3020
    series.put_hour(NOON, ONE)
    assert series.first_at == NOON + 3020
    series.put_minute(NOON + 1200, ONE)
    assert series.first_at == NOON + 1200
    series.put_hour(NOON - 3600, ONE)
    assert series.first_at == NOON - 3600
    assert series.last_at == NOON + 3020


def test_generated_history_is_told_by_the_hour() -> None:
    series = SliSeries()
    series.put_hour(NOON - 2 * DAY, ONE, seeded=True)
    series.put_minute(NOON - 7200, ONE, seeded=True)
    series.put_hour(NOON, ONE)
    assert series.seeded(NOON - 30 * DAY, NOON)
    assert series.seeded(NOON - 7200, NOON)
    assert not series.seeded(NOON - 3600, NOON + 3600)
    assert not series.seeded(NOON - DAY, NOON - 7200)


def test_one_sli_takes_less_than_250_kilobytes() -> None:
    tracemalloc.start()
    try:
        series = SliSeries()
        for hour in range(35 * 24):
            series.put_hour(NOON - 35 * DAY + hour * 3600, Counts(good=10_000, bad=10), seeded=True)
        for minute in range(0, 3 * 1440, 10):  # the rings are full size from the start
            series.put_minute(NOON - 3 * DAY + minute * 60, Counts(good=6000, bad=6))
        for at in range(NOON - 3600, NOON + 3600, 30):
            series.put_second(at, Counts(good=1000, bad=300))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 250_000


def test_signals_add_up_over_a_stretch_and_replace_their_second() -> None:
    series = SignalSeries()
    series.put_second(Signal(NOON, requests=9, errors=9, latency={3: 9}))
    series.put_second(Signal(NOON, requests=2, errors=1, latency={3: 1, 70: 1}))
    series.put_second(Signal(NOON + 1, requests=1, latency={70: 1}, seeded=True))
    assert series.over(NOON, NOON + 2) == Signal(NOON, 3, 1, {3: 1, 70: 2}, seeded=True)
    assert series.over(NOON + 1, NOON + 1) == Signal(NOON + 1)
    assert series.last_at == NOON + 1


def test_a_chart_has_a_point_for_each_second_and_minute_that_was_put() -> None:
    series = SignalSeries()
    for at in range(400):
        series.put_second(Signal(NOON + at, requests=1, latency={32: 1}))
    for minute in range(60):
        series.put_minute(Signal(NOON + minute * 60, requests=60, errors=6, latency={1000: 60}))
    seconds = series.seconds(NOON + 100, NOON + 400)
    assert [point.at for point in seconds] == list(range(NOON + 100, NOON + 400))
    assert seconds[0].p99_ms == 32 / 1e6
    minutes = series.minutes(NOON + 1, NOON + 3600)
    assert [point.at for point in minutes] == [NOON + minute * 60 for minute in range(1, 60)]
    assert (minutes[0].requests, minutes[0].errors) == (60, 6)
    assert series.seconds(NOON + 100, NOON + 101)[0] is seconds[0]


def test_a_signal_older_than_what_is_kept_changes_nothing() -> None:
    series = SignalSeries()
    assert series.seconds(NOON, NOON + 10) == ()
    series.put_second(Signal(NOON + 1000, requests=1))
    series.put_second(Signal(NOON, requests=1))
    assert series.over(NOON, NOON + 2000).requests == 1


def test_a_board_makes_a_series_when_it_is_first_named() -> None:
    board = Board()
    assert board.sli("shop") is board.sli("shop")
    assert board.service("shop") is board.service("shop")
