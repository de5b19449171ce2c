"""The form of tokens: whatever comes, it is read or refused."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.errors import LoginRefused
from sre_portal.core.id_token import Asked, check_id_token, half_hash
from sre_portal.core.jwt import ALGORITHMS, check_times, instant, read_claims, read_header
from sre_portal.core.login import (
    Attempt,
    check_callback,
    claim_at,
    display_name,
    groups_at,
    same,
    verified_email,
)
from sre_portal.core.logout_token import check_logout_token

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SKEW = timedelta(seconds=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
CLAIM_NAMES = st.sampled_from(
    ["iss", "sub", "aud", "exp", "iat", "nbf", "nonce", "azp", "sid", "jti", "events", "at_hash", "auth_time"]
)
ATTEMPT = Attempt("idp", "state", "nonce", "verifier", "https://portal.example/callback", "/")


@given(st.text())
def test_any_text_is_a_token_or_refused(text: str) -> None:
    with pytest.raises(LoginRefused):
        read_header(text, ALGORITHMS, ("jwt",))


@given(st.binary())
def test_any_bytes_are_claims_or_refused(raw: bytes) -> None:
    try:
        claims = read_claims(raw)
    except LoginRefused:
        return
    assert isinstance(claims, dict)


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "x"]), JSON))
def test_any_header_is_one_of_a_trusted_algorithm_or_refused(header: dict[str, object]) -> None:
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    try:
        read = read_header(f"{encoded}.e30.AAAA", {"RS256"}, ("jwt",))
    except LoginRefused:
        return
    assert read.algorithm == header["alg"] == "RS256"


@given(st.dictionaries(CLAIM_NAMES, JSON))
def test_no_claims_made_up_of_anything_are_believed(claims: dict[str, object]) -> None:
    asked = Asked("https://id.example", "portal", SKEW, "nonce", "access", "code")
    with pytest.raises(LoginRefused):
        check_id_token(claims, "RS256", asked, NOW)
    with pytest.raises(LoginRefused):
        check_logout_token(claims, "https://id.example", "portal", NOW, SKEW)


@given(st.dictionaries(st.sampled_from(["code", "state", "iss", "error", "x"]), st.lists(st.text())))
def test_no_callback_without_the_state_is_believed(query: dict[str, list[str]]) -> None:
    try:
        check_callback(ATTEMPT, query, ("https://id.example",), iss_promised=False)
    except LoginRefused:
        return
    assert query["state"] == [ATTEMPT.state]


@given(JSON, st.text())
def test_groups_are_texts_or_refused(value: object, path: str) -> None:
    try:
        groups = groups_at({path: value}, path)
    except LoginRefused:
        return
    assert groups is None or all(group and group.isprintable() for group in groups)


@pytest.mark.parametrize("group", ["sre\x1b[2J", "sre\n", "\u202eers", "sre\x9b", "sr\u200be", "\ud800"])
def test_a_group_that_cannot_be_printed_is_refused(group: str) -> None:
    """Who reads it is an administrator, in a terminal."""
    with pytest.raises(LoginRefused) as refused:
        groups_at({"groups": ["staff", group]}, "groups")
    assert refused.value.check == "groups"
    assert refused.value.reason.isprintable()


def test_a_name_that_cannot_be_printed_does_not_become_that_of_somebody_else() -> None:
    assert display_name({"name": "ad\u200bmin\x1b[2J"}, "name", "7") == "ad\ufffdmin\ufffd[2J"
    assert display_name({"name": "\x1b\x1b"}, "name", "7") == "7"


@pytest.mark.parametrize(
    ("email", "believed"),
    [
        ("ada@kelvin.example", True),
        ("ada@\N{KELVIN SIGN}elvin.example", False),
        ("ada@ex\N{CYRILLIC SMALL LETTER A}mple.com", False),
        ("ada@example.com\x1b", False),
        ("ada@example.com ", False),
        ("a da@example.com", False),
        ("ada", False),
    ],
)
def test_only_a_plain_address_is_believed(email: str, *, believed: bool) -> None:
    """The lower case of the Kelvin sign is the letter k, so a rule would take the one for the other."""
    told = verified_email({"email": email, "email_verified": True}, trusted=False)
    assert told == (email if believed else "")


@given(JSON)
def test_a_name_is_always_something_to_read(value: object) -> None:
    name = display_name({"name": value}, "preferred_username", "")
    assert name.isprintable()
    assert 0 < len(name) <= 100


@given(st.text(), st.text())
def test_secrets_are_compared_as_they_are(left: str, right: str) -> None:
    assert same(left, left)
    assert same(left, right) == (left == right)


@pytest.mark.parametrize("value", [True, "1", [], float("1e308"), -1, 10**15, 0])
def test_an_instant_is_seconds_of_this_age(value: object) -> None:
    with pytest.raises(LoginRefused):
        instant({"exp": value}, "exp")


def test_a_token_is_in_force_from_its_beginning_to_its_end_give_or_take_the_skew() -> None:
    at = int(NOW.timestamp())
    claims = {"iat": at + 30, "exp": at - 29, "nbf": at + 30}
    assert check_times(claims, NOW, SKEW, timedelta(minutes=10)) == NOW + SKEW
    for name, off in (("iat", 31), ("exp", -30), ("nbf", 31), ("iat", -631)):
        with pytest.raises(LoginRefused) as refused:
            check_times(claims | {name: at + off}, NOW, SKEW, timedelta(minutes=10))
        assert refused.value.check == name


def test_half_hashes_are_those_of_the_specification() -> None:
    # OpenID Connect Core 1.0, appendix A.3: the example of an ID token with at_hash.
    assert half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256") == "77QmUPtjPfzWtF2AnpK9RQ"
    assert len(half_hash("code", "ES384")) == 32
    assert half_hash("code", "EdDSA") == half_hash("code", "RS512")


def test_a_dotted_path_leads_into_a_claim_and_a_whole_name_goes_first() -> None:
    claims = {"a": {"b": "inner"}, "a.b": "whole"}
    assert claim_at(claims, "a.b") == "whole"
    assert claim_at({"a": {"b": "inner"}}, "a.b") == "inner"
    assert claim_at({"a": "text"}, "a.b") is None


def test_no_login_is_under_way_for_an_empty_attempt() -> None:
    empty = Attempt("idp", "", "", "", "https://portal.example/callback", "/")
    with pytest.raises(LoginRefused) as refused:
        check_callback(empty, {"state": [""], "code": ["c"]}, (), iss_promised=False)
    assert refused.value.check == "attempt"
