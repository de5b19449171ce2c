"""Certificates of drills: what they say, and that nobody else can say it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.certificate import certificates_of, open_certificate, read_certificate
from sre_portal.core.checkpoint import Signer, open_checkpoint
from sre_portal.core.run import Run, Verdict
from sre_portal.core.signed_note import NotGenuine, VerifierKey
from tests.unit.core.drills import drill_run, finished
from tests.unit.core.given import LATENCY, at, run_of

SIGNER = Signer("sre-portal/audit/test", b"a" * 32)
HEAD = "f" * 64
DONE = finished(drill_run())
[CERTIFICATE] = certificates_of(DONE, HEAD, SIGNER, at(60))
TEXT = CERTIFICATE.text


def test_a_certificate_says_all_of_a_drill() -> None:
    assert open_certificate(TEXT, SIGNER.keys) == {
        "what": "sre-portal drill certificate 1",
        "run": 12,
        "experiment": "drill",
        "started_by": "ada",
        "verdict": "passed",
        "reasons": list(DONE.reasons),
        "set": "shop",
        "flag": "recommendations",
        "variant": "off",
        "cohort": {"percent": 20},
        "flipped_at": "2026-11-23T12:00:00.200000Z",
        "version": 7,
        "seen_within_ms": 2000,
        "seen_ms": {"shop-1": 40, "shop-2": 60},
        "effect": {"evaluations": 12, "gave_before": False, "made_up_people": 0, "of_them_changed": 0},
        "restored_at": "2026-11-23T12:00:20.300000Z",
        "restored": "the definition of before is back",
        "restored_seen_ms": {"shop-1": 30, "shop-2": 50},
        "expectations": {one.label: one.outcome for one in DONE.results},
        "journal": HEAD,
        "log": "sre-portal/audit/test",
        "issued_at": "2026-11-23T12:01:00.000000Z",
    }
    assert CERTIFICATE.passed
    assert TEXT.split("\n", 1)[0] == json.dumps(
        dict(read_certificate(TEXT)), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )


def test_one_that_never_told_is_null_and_its_drill_is_not_passed() -> None:
    [one] = certificates_of(finished(drill_run(), told={"shop-1": 40.0}), HEAD, SIGNER, at(60))
    assert (one.verdict, one.passed) == (Verdict.FAILED, False)
    assert read_certificate(one.text)["seen_ms"] == {"shop-1": 40, "shop-2": None}


@pytest.mark.parametrize(
    "run", [drill_run(), finished(drill_run(), until=5), run_of(), drill_run((LATENCY,))]
)
def test_a_run_that_goes_on_or_flipped_nothing_has_none(run: Run) -> None:
    assert certificates_of(run, HEAD, SIGNER, at(60)) == ()


@given(st.integers(0, len(TEXT) - 1), st.sampled_from('0aZ+/= \n-"{}:,'))
def test_no_character_can_be_changed(place: int, other: str) -> None:
    changed = TEXT[:place] + other + TEXT[place + 1 :]
    if changed != TEXT:
        with pytest.raises(NotGenuine):
            open_certificate(changed, SIGNER.keys)


def test_an_older_key_verifies_and_one_of_another_log_does_not() -> None:
    rotated = Signer("sre-portal/audit/test", b"b" * 32, (b"a" * 32,))
    assert open_certificate(TEXT, rotated.keys)["run"] == 12
    other = VerifierKey.of("sre-portal/audit/other", b"a" * 32)
    with pytest.raises(
        NotGenuine, match="is of the log sre-portal/audit/test, not of sre-portal/audit/other"
    ):
        open_certificate(TEXT, [other])
    with pytest.raises(NotGenuine, match="no signature of a known key"):
        open_certificate(TEXT, [])


def test_a_checkpoint_and_a_certificate_are_never_taken_for_each_other() -> None:
    with pytest.raises(NotGenuine, match="not a certificate"):
        open_certificate(SIGNER.sign(17, b"r" * 32), SIGNER.keys)
    with pytest.raises(NotGenuine, match="not a checkpoint"):
        open_checkpoint(TEXT, SIGNER.keys)


@pytest.mark.parametrize("text", ["", "{}", "[]", "{", '{"what":1}', "1\n\n", "[" * 100_000])
def test_what_is_no_certificate_is_told(text: str) -> None:
    with pytest.raises(NotGenuine):
        open_certificate(text, SIGNER.keys)
