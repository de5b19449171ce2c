from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sre_portal.core.condition import Outcome
from sre_portal.core.prediction import Band
from sre_portal.core.run import HARMFUL, Abortion, ExpectationResult, Phase, PhaseMark, Run
from sre_portal.core.timeline import Lane
from sre_portal.web.pages.expectation_row import expectation_rows
from sre_portal.web.pages.flight import flight_of, remark_of, view_of
from sre_portal.web.pages.guard_cell import guard_cells
from sre_portal.web.pages.lane import placed_lanes, state_of
from sre_portal.web.pages.phase_strip import LOOP, phase_cells
from sre_portal.web.pages.pill import run_pill
from sre_portal.web.pages.proof import compared, detection_of
from sre_portal.web.pages.readout import readouts
from sre_portal.web.pages.recorder import Recorder
from tests.web.pages.conftest import Read
from tests.web.pages.history import breached, readings, receipts
from tests.web.pages.markup import Markup
from tests.web.pages.scene import Scene

VERDICTS = {
    2416: ("Passed", "Every expectation was met"),
    2411: ("Failed", "26.2 s later than predicted"),
    2402: ("Inconclusive", "was never judged"),
    2406: ("Invalid", "50 % was asked for"),
    2398: ("Aborted", "Cut short by omar: STOP ALL"),
    2413: ("Aborted", "a guardrail was breached"),
}


def in_phase(run: Run, phase: Phase) -> Run:
    """The live run as it was when it entered a phase, every later one still ahead."""
    marks = tuple(
        PhaseMark(phase=one, at=run.created_at + timedelta(seconds=index))
        for index, one in enumerate(LOOP[: LOOP.index(phase) + 1])
    )
    hit = phase in {*LOOP[3:]}
    over = phase in {Phase.REVERT, Phase.RECOVER, Phase.JUDGE}
    return run.model_copy(
        update={
            "phase": phase,
            "marks": marks,
            "effective_at": run.effective_at if hit else None,
            "withdrawn_at": run.driven_at if over else None,
            "reverted_at": run.driven_at if phase in {Phase.RECOVER, Phase.JUDGE} else None,
        }
    )


@pytest.mark.parametrize("phase", LOOP)
async def test_every_phase_has_a_sound_page_that_says_where_the_run_is(
    phase: Phase, here: Scene, read: Read
) -> None:
    here.put_live(in_phase(here.live(), phase))
    page = await read("/runs/2417")
    assert page.faults == []
    current = [one for one in page.all("li") if one.attributes.get("aria-current") == "step"]
    assert [one.text.split()[0].lower()[: len(phase.value)] for one in current] == [phase.value]
    assert ("Fault active" in page.by_id("state").text) == (phase in HARMFUL)


@pytest.mark.parametrize("run_id", VERDICTS)
async def test_a_verdict_is_said_in_a_word_a_reason_and_a_next_step(run_id: int, read: Read) -> None:
    page = await read(f"/runs/{run_id}")
    verdict = page.by_id("verdict").text
    for words in (*VERDICTS[run_id], "again"):
        assert words in verdict
    assert "Abort run" not in page.words
    assert f"/api/v1/runs/{run_id}" in page.links()


async def test_the_recorder_draws_every_hop_with_its_window_and_what_was_seen(read: Read) -> None:
    page = await read("/runs/2417")
    lanes = [one for one in page.all("svg") if one.attributes.get("class") == "plot lane"]
    assert [one.attributes["aria-label"].split()[0].strip(":") for one in lanes] == [
        "effective",
        "counted",
        "pending",
        "firing",
        "reverted",
        "resolved",
    ]
    firing = next(one for one in lanes if "firing" in one.attributes["aria-label"])
    assert "observed 0:33.6" in firing.attributes["aria-label"]
    windows = [one for one in page.all("rect") if one.attributes.get("class") == "window"]
    diamonds = [one for one in page.all("path") if one.attributes.get("class") == "seen"]
    assert (len(windows), len(diamonds)) == (6, 4 + 1)
    assert len([one for one in page.all("rect") if one.attributes.get("class") == "future"]) == 6 + 2


async def test_the_lines_run_inside_the_predicted_corridor(here: Scene) -> None:
    flight = await flight_of(here.ports, here.live())
    assert [track.name for track in flight.tracks] == [
        "Burn rate 5\N{NARROW NO-BREAK SPACE}m",
        "p99 latency",
    ]
    for track in flight.tracks:
        assert track.remark.startswith("Inside the predicted corridor")
        assert track.corridor is not None


async def test_the_axis_keeps_every_hop_apart(here: Scene) -> None:
    flight = await flight_of(here.ports, here.live())
    recorder = Recorder.of(flight)
    placed = sorted(float(lane.seen.rstrip("%")) for lane in recorder.lanes if lane.seen)
    assert len(set(placed)) == len(placed)
    assert recorder.cut_words == ""


async def test_an_alert_that_resolves_long_after_cuts_the_quiet_time(here: Scene) -> None:
    run = here.live()
    assert run.prediction is not None
    late = [
        replace(one, resolved=Band(640, 655)) if one.outcome == "fires" else one
        for one in run.prediction.alerts
    ]
    run = run.model_copy(update={"prediction": replace(run.prediction, alerts=tuple(late))})
    recorder = Recorder.of(await flight_of(here.ports, run))
    assert "without a hop drawn short" in recorder.cut_words
    assert any(one.kind == "cut" for one in recorder.stretches)


@pytest.mark.parametrize(
    ("ago", "known_by", "step"),
    [
        (timedelta(minutes=3), 1, 1),
        (timedelta(minutes=50), 1, 1),
        (timedelta(hours=2), 60, 60),
        (timedelta(days=4), 3600, 60),
    ],
)
def test_an_old_run_is_drawn_as_finely_as_it_is_still_known(
    ago: timedelta, known_by: int, step: int, here: Scene
) -> None:
    now = here.clock.now()
    run = here.runs.held[2416].model_copy(update={"ended_at": now - ago + timedelta(seconds=120)})
    view = view_of(run, now - ago, now)
    assert (view.known_by, view.instants.step) == (known_by, step)


async def test_of_a_run_of_last_week_no_burn_rate_is_invented(here: Scene) -> None:
    flight = await flight_of(here.ports, here.runs.held[2398])
    assert flight.tracks[0].samples == []
    assert flight.tracks[0].remark == "Of that time only whole hours are kept."


@pytest.mark.parametrize(
    ("lane", "now_s", "live", "cut_short", "said"),
    [
        (("firing", Band(31, 35), 33.6, "in band"), 42, True, False, ("ok", "in band")),
        (("firing", Band(31, 35), 61.2, "late"), 70, True, False, ("failed", "0:26 late")),
        (("firing", Band(31, 35), 12.0, "early"), 70, True, False, ("failed", "0:19 early")),
        (("firing", Band(31, 35), None, "due"), 10, True, False, ("off", "due in 0:21")),
        (("firing", Band(31, 35), None, "due"), 33, True, False, ("planned", "due now")),
        (("firing", Band(31, 35), None, "overdue"), 41, True, False, ("failed", "0:06 overdue")),
        (("firing", Band(31, 35), None, "never"), 200, False, False, ("failed", "not seen")),
        (("firing", Band(31, 35), None, "never"), 200, False, True, ("off", "not seen")),
        (("reverted", Band(89, 90), 12.0, "early"), 20, False, True, ("off", "1:17 early")),
        (("firing", None, None, "not predicted"), 20, True, False, ("off", "later")),
        (("firing", None, 12.0, "not predicted"), 20, True, False, ("off", "seen")),
    ],
)
def test_a_hop_says_how_it_stands(
    lane: tuple[str, Band | None, float | None, str],
    now_s: float,
    live: bool,
    cut_short: bool,
    said: tuple[str, str],
) -> None:
    hop, predicted, observed, word = lane
    one = Lane(hop, "", predicted, observed, None, word)  # type: ignore[arg-type]  # a table of literals
    pill = state_of(one, now_s, live=live, cut_short=cut_short)
    assert (pill.kind, pill.word) == said


def test_the_first_hit_is_drawn_at_zero_and_its_wait_is_told(here: Scene) -> None:
    effective = placed_lanes(here.live())[0]
    assert effective.lane.hop == "effective"
    assert effective.lane.observed_s == pytest.approx(0.4)
    assert effective.seen_s == 0


@pytest.mark.parametrize(
    ("seconds", "said"), [(33.0, "in band"), (36.2, "0:01 late"), (35.2, "0:01 late"), (29.0, "0:02 early")]
)
def test_late_and_early_are_never_less_than_a_second(seconds: float, said: str) -> None:
    assert compared(seconds, Band(31, 35)) == said


def test_guardrails_say_how_far_they_are_from_aborting(here: Scene) -> None:
    cells = guard_cells(here.live())
    assert [cell.pill.word for cell in cells] == ["holds", "holds", "holds"]
    assert "aborts at 5.00" in cells[0].sub
    assert cells[1].sub.endswith("8 times that now")
    assert "74" in cells[2].sub


async def test_a_breached_and_an_unreadable_guardrail_are_drawn(here: Scene, read: Read) -> None:
    here.put_live(here.live().model_copy(update={"guardrails": breached()}))
    page = await read("/runs/2417")
    text = page.by_id("guards").text
    for words in ("breached", "beyond the limit of 5.00", "unreadable", "last counted 9 s ago"):
        assert words in text
    assert [one.outcome for one in breached()] == [Outcome.BREACHED, Outcome.HOLDS, Outcome.UNREADABLE]


async def test_a_stop_in_progress_counts_its_receipts(here: Scene, read: Read) -> None:
    run = in_phase(here.live(), Phase.REVERT)
    now = here.clock.now()
    abortion = Abortion(at=now, by="omar", reason="STOP ALL")
    waiting = receipts(now, run.id, missing=True)
    here.put_live(run.model_copy(update={"abortion": abortion, "receipts": waiting, "withdrawn_at": now}))
    page = await read("/runs/2417")
    assert "Stopping" in page.by_id("state").text
    assert "1 of 2 receipts in" in page.by_id("readouts").text
    assert "no receipt" in page.by_id("receipts").text
    assert "Abort run" not in page.by_id("abort-button").text
    assert "Stopping" in (await read("/")).by_id("banner").text


async def test_a_run_that_waits_for_its_first_hit_says_so(here: Scene) -> None:
    run = in_phase(here.live(), Phase.INJECT)
    shown = readouts(await flight_of(here.ports, run))
    assert (shown[0].figure.text, shown[3].name) == ("waiting", "Fidelity")


def test_the_four_numbers_of_a_run_that_is_over(here: Scene) -> None:
    detection = detection_of(here.runs.held[2416])
    assert (detection.text, detection.against) == ("0:33", "in band")
    assert detection_of(here.runs.held[2402]).text == "none"


def test_a_run_that_was_refused_while_starting_was_not_started(here: Scene) -> None:
    run = here.live().model_copy(update={"phase": Phase.DONE, "verdict": None})
    assert run_pill(run).word == "Not started"


def test_a_phase_that_was_overtaken_was_skipped(here: Scene) -> None:
    cells = {cell.name: cell.state for cell in phase_cells(here.runs.held[2413], here.clock.now())}
    assert (cells["Observe"], cells["Recover"], cells["Judge"]) == ("done", "skipped", "done")


async def test_a_run_without_guardrails_and_expectations_says_what_that_means(
    here: Scene, read: Read
) -> None:
    here.put_live(
        here.live().model_copy(update={"guardrails": (), "nearest": (), "results": (), "fidelity": ()})
    )
    page: Markup = await read("/runs/2417")
    for words in ("No guardrail", "Nothing was expected", "Not measured yet", "Not reverted yet"):
        assert words in page.words


def test_a_line_without_a_corridor_claims_nothing() -> None:
    assert remark_of([(0, 1.0)], None) == "No corridor was predicted."
    assert [one.outcome for one in readings()] == [Outcome.HOLDS] * 3


async def test_the_journal_is_complete_and_says_when_it_was_changed(here: Scene, read: Read) -> None:
    page = await read("/runs/2416/journal")
    assert "chain unbroken" in page.words
    assert "Verdict: passed." in page.words
    entries = here.journal.held[2416]
    entries[3] = replace(entries[3], text="nothing happened")
    assert "chain broken" in (await read("/runs/2416/journal")).words


async def test_aborting_a_run_that_is_over_leads_to_its_page(
    here: Scene, browser: object, read: Read
) -> None:
    page = await read("/runs/2417/abort")
    assert page.fields("/runs/2417/abort") == {"csrf": "csrf-of-omar"}
    assert "within 5 s" in page.words


async def test_the_list_of_runs_filters_by_verdict_and_experiment(read: Read) -> None:
    page = await read("/runs?show=aborted&experiment=slow-payments")
    assert {link for link in page.links() if link.startswith("/runs/")} == {
        "/runs/2413",
        "/runs/2398",
        "/runs/2417",
    }
    assert "/runs?show=failed&experiment=slow-payments" in page.links()


def test_many_alerts_that_stay_silent_share_a_row(here: Scene) -> None:
    run = here.runs.held[2416].model_copy(
        update={
            "results": tuple(
                ExpectationResult(label=f"burn-{factor} of {slo} stays silent", outcome="met")
                for slo in ("up", "fast")
                for factor in (14.4, 6)
            )
        }
    )
    (row,) = expectation_rows(run)
    assert row.label == "4 alerts stay silent"
    assert row.reason == "up: burn-14.4, burn-6; fast: burn-14.4, burn-6"
