from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.contract.match import Match, bucket


@pytest.mark.parametrize(
    ("route", "path", "covered"),
    [
        (None, "/anything", True),
        ("/orders", "/orders", True),
        ("/orders", "/orders/1", False),
        ("/orders", "/ordersX", False),
        ("/orders/{id}", "/orders/1", True),
        ("/orders/{id}", "/orders/", False),
        ("/orders/{id}", "/orders/1/lines", False),
        ("/orders/{id}/lines", "/orders/a%20b/lines", True),
        ("/v{version}/x", "/v2/x", True),
        ("/static/*", "/static/css/site.css", True),
        ("/static/*", "/static/", True),
        ("/static/*", "/static", False),
        ("*", "/", True),
        ("/a.b", "/axb", False),
        ("/a+", "/aa", False),
        ("/files/*", "/files/two\nlines", True),
    ],
)
def test_a_route_covers_the_paths_of_its_pattern(route: str | None, path: str, *, covered: bool) -> None:
    assert Match(route=route).covers_path(path) is covered


@given(st.text(min_size=1))
def test_a_path_without_pattern_signs_covers_itself_only(text: str) -> None:
    path = "/" + text.translate({ord(sign): "_" for sign in "{}*"})
    assert Match(route=path).covers_path(path)
    assert not Match(route=path).covers_path(path + "x")


@given(st.text(), st.text())
def test_a_bucket_is_stable_and_a_share(salt: str, key: str) -> None:
    assert 0 <= bucket(salt, key) < 1
    assert bucket(salt, key) == bucket(salt, key)


def test_a_bucket_is_the_one_every_agent_and_portal_computes() -> None:
    assert bucket("7", "user-1") == 0.9151629130954922


def test_salt_and_key_do_not_run_together() -> None:
    assert bucket("1", "23") != bucket("12", "3")


def test_users_spread_evenly_and_anew_with_each_run() -> None:
    tenths = Counter(int(bucket("1", f"user-{number}") * 10) for number in range(10_000))
    assert all(900 < tenths[tenth] < 1100 for tenth in range(10))
    both = sum(bucket("1", f"user-{n}") < 0.5 and bucket("2", f"user-{n}") < 0.5 for n in range(10_000))
    assert 2300 < both < 2700
