"""Keys for each purpose follow from the secret keys; an older secret only reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.operations.keys import AUDIT_CHECKPOINT, STREAM_TICKETS, TOKENS_AT_REST, Keys, derived

OLD, NEW = b"o" * 32, b"n" * 32


@given(st.text())
def test_what_is_sealed_is_unsealed(text: str) -> None:
    keys = Keys((OLD,))
    assert keys.unseal(keys.seal(text)) == text
    assert Keys((NEW, OLD)).unseal(keys.seal(text)) == text


def test_nobody_else_unseals_it() -> None:
    sealed = Keys((NEW, OLD)).seal("a refresh token")
    assert "refresh" not in sealed
    assert Keys((OLD,)).unseal(sealed) is None
    assert Keys.drawn().unseal(sealed) is None
    assert Keys((NEW,)).unseal(sealed) == "a refresh token"


def test_two_seals_of_one_text_differ() -> None:
    keys = Keys((NEW,))
    assert keys.seal("x") != keys.seal("x")


@pytest.mark.parametrize("changed", ["", "x", "AAAA", "A" * 64, "\u00fc", "===="])
def test_what_is_no_seal_is_none(changed: str) -> None:
    assert Keys((NEW,)).unseal(changed) is None


@given(st.integers(0, 50), st.sampled_from("AZaz09-_"))
def test_a_changed_seal_is_none(place: int, other: str) -> None:
    keys = Keys((NEW,))
    sealed = keys.seal("a refresh token")
    changed = sealed[:place] + other + sealed[place + 1 :]
    if changed != sealed:
        assert keys.unseal(changed) is None


@given(st.text(min_size=1))
def test_what_is_sealed_alike_is_unsealed_and_the_same_each_time_on_every_replica(text: str) -> None:
    ours, theirs = Keys((OLD,)), Keys((OLD, NEW))
    sealed = ours.seal_alike(text, STREAM_TICKETS)
    assert sealed == theirs.seal_alike(text, STREAM_TICKETS)
    assert Keys((NEW, OLD)).unseal_alike(sealed, STREAM_TICKETS) == text
    assert ours.unseal_alike(sealed, TOKENS_AT_REST) is None
    assert Keys((NEW,)).unseal_alike(sealed, STREAM_TICKETS) is None
    assert ours.unseal(sealed, STREAM_TICKETS) is None


@given(st.integers(0, 50), st.sampled_from("AZaz09-_"))
def test_what_is_sealed_alike_cannot_be_changed(place: int, other: str) -> None:
    keys = Keys((NEW,))
    sealed = keys.seal_alike("a ticket for a stream", STREAM_TICKETS)
    changed = sealed[:place] + other + sealed[place + 1 :]
    if changed != sealed:
        assert keys.unseal_alike(changed, STREAM_TICKETS) in {None, "a ticket for a stream"}


@pytest.mark.parametrize("changed", ["", "x", "AAAA", "A" * 64, "\u00fc", "===="])
def test_what_was_not_sealed_alike_is_none(changed: str) -> None:
    assert Keys((NEW,)).unseal_alike(changed, STREAM_TICKETS) is None


def test_purposes_share_no_key_and_no_secret_is_shown() -> None:
    assert derived(NEW, AUDIT_CHECKPOINT) != derived(NEW, TOKENS_AT_REST)
    assert derived(NEW, AUDIT_CHECKPOINT) == derived(NEW, AUDIT_CHECKPOINT)
    keys = Keys((NEW, OLD))
    assert "nnn" not in repr(keys) + repr(keys.signer("test"))
    old, new = Keys((OLD,)).signer("test").keys, Keys((NEW,)).signer("test").keys
    assert keys.signer("test").keys == (*new, *old)
