"""The live view in a terminal."""

import io

import pytest
from rich.console import Console

from sre_portal.cli.liveview import LiveView, view_of
from sre_portal.cli.seen import parse_run
from tests.cli.stub import run_json


def drawn(run: dict[str, object], elapsed_s: float = 21.0) -> list[str]:
    """The lines of the view without colours and trailing space."""
    console = Console(file=io.StringIO(), width=120)
    console.print(view_of(parse_run(run), elapsed_s))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_run_is_on_one_screen_and_every_state_has_a_word() -> None:
    assert drawn(run_json("observe")) == [
        "Run 7  A slow checkout pages us  on shop",
        "preflight > predict > inject > fidelity > [observe] > revert > recover > judge",
        "21 s since the start, 20 s since the first hit, the fault ends by itself in 39 s",
        "Guardrails",
        "                          now              left to breach",
        "holds  errors below 50 %  10.00 % of 50 %  80 %",
        "Expectations",
        "                        predicted   seen",
        "open  error-rate fires  29 to 34 s  31 s",
        "  leases went out",
    ]


@pytest.mark.parametrize(
    ("faults", "clock"),
    [
        ([], "21 s since the start, 20 s since the flip, the drill ends by itself in 39 s"),
        ([{}], "21 s since the start, 20 s since the first hit, the fault ends by itself in 39 s"),
    ],
)
def test_a_run_that_only_drills_counts_from_the_flip(faults: list[object], clock: str) -> None:
    run = run_json("observe", drills=[{"flag": "cart"}], document={"spec": {"faults": faults}})
    assert drawn(run)[2] == clock


def test_a_reverted_run_does_not_count_down() -> None:
    assert "the fault ends" not in "\n".join(drawn(run_json("recover")))


def test_an_unreadable_guardrail_says_why() -> None:
    unreadable = {"label": "p99", "outcome": "unreadable", "unit": "ms", "reason": "no report for 6 s"}
    assert any("no report for 6 s" in line for line in drawn(run_json(guardrails=[unreadable])))


@pytest.mark.parametrize("hostile", ["[bold]not markup[/]", "[/]", "[link=file:///]x"])
def test_text_of_a_run_is_not_read_as_markup(hostile: str) -> None:
    events = {"events": [{"at": "2026-11-23T10:00:00Z", "text": hostile}]}
    lines = drawn(run_json(title=hostile, timeline=events))
    assert lines[0] == f"Run 7  {hostile}  on shop"
    assert lines[-1] == f"  {hostile}"


def test_the_view_is_drawn_again_in_place_and_notes_stay_above_it() -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    with LiveView(console) as view:
        view.show(parse_run(run_json("inject")), 1)
        view.note("The portal answers again.")
        view.show(parse_run(run_json("observe")), 2)
    assert isinstance(console.file, io.StringIO)
    written = console.file.getvalue()
    assert "\x1b[1A" in written  # the cursor went back up
    assert "The portal answers again." in written
