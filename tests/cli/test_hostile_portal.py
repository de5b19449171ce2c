"""A portal that is none, or whose users chose their names for whoever reads them in a terminal."""

import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sre_portal.cli.exits import Code, CommandFailed
from sre_portal.cli.liveview import view_of
from sre_portal.cli.plain import plain, say
from sre_portal.cli.portal import Bounds, Portal
from sre_portal.cli.seen import parse_run
from tests.cli.conftest import Invoke
from tests.cli.stub import TOKEN, Reply, StubPortal, run_json

EVIL = "\x1b[2J\x9b31m\u202etxt\u2066\x7f\r\nGRANTED"
SHOWN = "?[2J?31m?txt??  GRANTED"
EXPLAINED = {
    "account": {"id": 7, "name": EVIL, "provider": "sso", "groups": [EVIL], "email": EVIL},
    "held": [{"permission": EVIL, "where": EVIL, "by": [EVIL]}],
    "rules": [{"name": EVIL, "fits": False, "misses": [EVIL], "gives": {"role": EVIL}}],
    "decision": {"permission": "run:start", "allowed": False, "reason": EVIL},
}
RUN = run_json(verdict="failed", title=EVIL, service=EVIL, reasons=[EVIL], name=EVIL)
EXPERIMENT = {"name": EVIL, "title": EVIL, "service": EVIL}
TOKENS = [{"name": EVIL, "role": EVIL, "owner": EVIL}]


def obeyed(text: str) -> list[str]:
    """The characters of an output that a terminal does not just show."""
    return [one for one in text if not one.isprintable() and one != "\n"]


@given(st.text(st.characters(codec=None)))
def test_a_plain_text_is_one_line_of_the_same_length(text: str) -> None:
    told = plain(text)
    assert len(told) == len(text)
    assert len(told.splitlines()) <= 1
    assert not any(ord(one) < 0x20 or 0x7F <= ord(one) < 0xA0 for one in told)
    assert told.encode() or not text


def test_what_people_read_stays_as_it_is() -> None:
    text = "Zoë, 東京, Ж: 5 % of 10 ms"
    assert plain(text) == text


def test_each_line_is_told_by_itself() -> None:
    told = io.StringIO()
    say(["one\ntwo", EVIL], told)
    assert told.getvalue() == f"one two\n{SHOWN}\n"


@pytest.mark.parametrize(
    ("command", "route", "answer"),
    [
        (["access", "explain", "omar"], "GET /access/explain?who=omar", EXPLAINED),
        (["run", "show", "7"], "GET /runs/7", RUN),
        (["run", "abort", "7"], "POST /runs/7/abort", RUN),
        (["run", "list"], "GET /runs?limit=20", [RUN]),
        (["experiment", "list"], "GET /experiments", [EXPERIMENT]),
        (["token", "list"], "GET /tokens", TOKENS),
        (["stop-all"], "POST /stop-all", {"ended": [EVIL]}),
        (["audit", "key"], "GET /audit/key", {"keys": [EVIL]}),
    ],
)
def test_a_terminal_obeys_nothing_that_a_portal_tells(
    invoke: Invoke, portal: StubPortal, command: list[str], route: str, answer: object
) -> None:
    portal.on(route, Reply(200, answer))
    result = invoke(*command)
    assert portal.asked
    assert obeyed(result.output) == []
    if command[0] != "audit":
        told = invoke(*command, "--json").stdout
        assert told.isascii()
        assert obeyed(told) == []
        assert json.loads(told) == answer


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        (Reply.problem(403, EVIL), SHOWN),
        (Reply.problem(500, EVIL), SHOWN),
        (Reply.problem(422, "no", problems=[{"path": EVIL, "seen": EVIL, "expected": EVIL}]), "?[2J?31m?txt"),
        (Reply.problem(409, "no", objections=[{"guard": EVIL, "reason": EVIL}]), SHOWN),
        (Reply(302, b"", headers=(("location", "/\x1b[2J"),)), "leads to /?[2J"),
        (Reply(200, b"<html>", "text/\x1b[2J"), "text/?[2J"),
    ],
)
def test_a_terminal_obeys_no_refusal(invoke: Invoke, portal: StubPortal, reply: Reply, shown: str) -> None:
    portal.on("GET /runs/7", reply)
    result = invoke("run", "show", "7")
    assert result.exit_code != 0
    assert (
        shown in result.stderr or "is not reachable" in result.stderr
    )  # the HTTP client may refuse a header
    assert obeyed(result.output) == []


def test_the_live_view_shows_what_it_would_have_to_obey() -> None:
    told = io.StringIO()
    Console(file=told, width=200, color_system=None).print(view_of(parse_run(RUN), 3.0))
    assert SHOWN in told.getvalue()
    assert obeyed(told.getvalue()) == []


def test_a_checkpoint_that_a_terminal_would_obey_is_none(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("GET /audit/checkpoint", Reply(200, {"checkpoint": f"log\n7\n{EVIL}"}))
    result = invoke("audit", "checkpoint")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "is no checkpoint" in result.stderr


@pytest.mark.parametrize(
    ("reply", "bounds", "why"),
    [
        (
            Reply(200, b"[" + b"0," * 4096, endless=True),
            Bounds(answer_bytes=100_000),
            "more than 100000 bytes",
        ),
        (Reply(200, b" ", endless=True), Bounds(reading_seconds=0.1), "did not answer in time"),
    ],
)
async def test_an_answer_without_an_end_ends(
    portal: StubPortal, reply: Reply, bounds: Bounds, why: str
) -> None:
    portal.on("POST /stop-all", reply)
    async with Portal(portal.url, TOKEN, bounds) as asked:
        with pytest.raises(CommandFailed, match=why) as lost:
            await asked.post("/stop-all", {}, within_seconds=0.2)
    assert lost.value.code is Code.UNREACHABLE


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (
            Reply(200, gzip.compress(b" " * 10_000_000), headers=(("content-encoding", "gzip"),)),
            "compresses its answer",
        ),
        (Reply(200, b"[" * 100_000), "nested too deeply"),
    ],
)
def test_an_answer_that_would_grow_is_refused(
    invoke: Invoke, portal: StubPortal, reply: Reply, why: str
) -> None:
    portal.on("GET /runs/7", reply)
    result = invoke("run", "show", "7")
    assert result.exit_code == 5
    assert why in result.stderr
    assert "Traceback" not in result.output
