"""Signed checkpoints, in the format of C2SP signed-note and tlog-checkpoint."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.checkpoint import (
    MARK,
    Checkpoint,
    NotGenuine,
    Signer,
    VerifierKey,
    open_checkpoint,
    origin_of,
    parse_checkpoint,
)

ROOT = bytes(range(32))
SIGNER = Signer("sre-portal/audit/test", b"a" * 32, (b"b" * 32,))
SIGNED = SIGNER.sign(17, ROOT)


def test_a_checkpoint_is_the_text_that_other_tools_read() -> None:
    origin, size, root, empty, line, end = SIGNED.split("\n")
    assert (origin, size, b64decode(root), empty, end) == ("sre-portal/audit/test", "17", ROOT, "", "")
    mark, name, signature = line.split(" ")
    raw = b64decode(signature)
    assert (mark, name, raw[:4]) == (MARK, origin, SIGNER.keys[0].id)
    Ed25519PublicKey.from_public_bytes(SIGNER.keys[0].public).verify(
        raw[4:], f"{origin}\n{size}\n{root}\n".encode()
    )


def test_a_key_is_spelled_as_other_tools_spell_it() -> None:
    """The example of the signed-note specification."""
    text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    key = VerifierKey.parse(text)
    assert (key.name, key.id.hex(), str(key)) == ("PeterNeumann", "c74f20a3", text)


def test_a_signed_checkpoint_is_opened() -> None:
    head = SIGNER.open(SIGNED)
    assert head == Checkpoint("sre-portal/audit/test", 17, ROOT)
    assert head.witness == f"17:{ROOT.hex()}"
    assert parse_checkpoint(head.body) == head


def test_an_older_key_verifies_and_never_signs() -> None:
    older = Signer("sre-portal/audit/test", b"b" * 32)
    assert SIGNER.open(older.sign(3, ROOT)).size == 3
    with pytest.raises(NotGenuine, match="no signature of a known key"):
        older.open(SIGNED)


def test_a_key_of_another_log_says_nothing() -> None:
    renamed = VerifierKey("sre-portal/audit/other", SIGNER.keys[0].public)
    said = "is of the log sre-portal/audit/test, not of sre-portal/audit/other"
    with pytest.raises(NotGenuine, match=said):
        open_checkpoint(SIGNED, [renamed])
    with pytest.raises(NotGenuine, match=said):
        Signer("sre-portal/audit/other", b"a" * 32).open(SIGNED)
    with pytest.raises(NotGenuine, match="no signature of a known key"):
        open_checkpoint(SIGNED, [])


@given(st.integers(0, len(SIGNED) - 1), st.sampled_from("0aZ+/= \n-"))
def test_no_character_can_be_changed(place: int, other: str) -> None:
    changed = SIGNED[:place] + other + SIGNED[place + 1 :]
    if changed != SIGNED:
        with pytest.raises(NotGenuine):
            SIGNER.open(changed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        SIGNED.replace("17", "017"),
        SIGNED.replace("17", "-1"),
        SIGNED + "x",
        SIGNED + "\n",
        SIGNED.replace("\n", "\r\n"),
        SIGNED.removesuffix("\n"),
        "a\n1\nAAAA\n",
        SIGNED.replace(b64encode(ROOT).decode(), b64encode(ROOT).decode()[:-2] + "9="),
    ],
)
def test_what_is_no_checkpoint_is_told(text: str) -> None:
    with pytest.raises(NotGenuine):
        SIGNER.open(text)


@given(st.text())
def test_any_text_is_refused_and_nothing_else_happens(text: str) -> None:
    with pytest.raises(NotGenuine):
        SIGNER.open(text)


@pytest.mark.parametrize(
    "text", ["", "a", "a+b+c", "a+00000000+AQ==", str(SIGNER.keys[0])[:-4], "x" + str(SIGNER.keys[0])]
)
def test_what_is_no_key_is_told(text: str) -> None:
    with pytest.raises(NotGenuine, match=r"not a key|not base64"):
        VerifierKey.parse(text)


@pytest.mark.parametrize(
    ("environment", "origin"),
    [
        ("production", "sre-portal/audit/production"),
        ("eu west + 1", "sre-portal/audit/eu-west-1"),
        ("", "sre-portal/audit/unnamed"),
        ("\u0425\u0430\u043e\u0441", "sre-portal/audit/-"),
    ],
)
def test_an_environment_names_its_log_without_spaces_and_pluses(environment: str, origin: str) -> None:
    assert origin_of(environment) == origin
    signer = Signer(origin, b"a" * 32)
    assert signer.open(signer.sign(0, ROOT)).origin == origin


def test_a_signer_does_not_show_its_seed() -> None:
    assert "aaa" not in repr(SIGNER)
