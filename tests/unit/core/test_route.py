"""Route patterns: well formed or not, and whether two can mean the same request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.contract.match import Match
from sre_portal.core.route import methods_overlap, route_fault, routes_overlap

PIECES = st.sampled_from(["/", "a", "b", "ab", "{x}", "/{x}", "/a", "-"])
ROUTES = st.builds(
    lambda pieces, rest: "/" + "".join(pieces) + rest,
    st.lists(PIECES, max_size=5),
    st.sampled_from(["", "*"]),
)
PATHS = st.text("/ab-", max_size=8).map(lambda text: "/" + text)


@pytest.mark.parametrize(
    "route", ["/", "/cart", "/products/{id}", "/a-{b}.json", "/static/*", "/*", "/{a}/{b}"]
)
def test_a_well_formed_route_has_no_fault(route: str) -> None:
    assert route_fault(route) is None


@pytest.mark.parametrize(
    "route", ["", "cart", "/a b", "/a?b=1", "/a#b", "/{", "/{}", "/{a", "/*/a", "/}", "/{1}"]
)
def test_a_malformed_route_is_told_what_would_be_right(route: str) -> None:
    fault = route_fault(route)
    assert fault is not None
    assert fault.startswith("a path such as /cart")


def test_a_route_has_a_length() -> None:
    assert route_fault("/" + "a" * 256) == (
        "a path such as /cart, /products/{id} or /static/*, at most 256 characters"
    )


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (None, "/cart", True),
        ("/cart", "/cart", True),
        ("/cart", "/carts", False),
        ("/products/{id}", "/products/7", True),
        ("/products/{id}", "/products/", False),
        ("/products/{id}", "/products/7/reviews", False),
        ("/products/{id}", "/products/*", True),
        ("/{a}/b", "/a/{b}", True),
        ("/{a}/b", "/a/{b}/c", False),
        ("/a{x}", "/{y}b", True),
        ("/static/*", "/static", False),
        ("/static*", "/{name}", True),
        ("/*", "/a/b/c", True),
        ("/a/*", "/b/*", False),
    ],
)
def test_two_routes_overlap_where_a_path_matches_both(one: str | None, other: str | None, both: bool) -> None:
    assert routes_overlap(one, other) is both
    assert routes_overlap(other, one) is both


@given(ROUTES, ROUTES, PATHS)
def test_no_path_matches_two_routes_that_do_not_overlap(one: str, other: str, path: str) -> None:
    if Match(route=one).covers_path(path) and Match(route=other).covers_path(path):
        assert routes_overlap(one, other)


def test_no_method_given_means_every_method() -> None:
    assert methods_overlap((), ("GET",))
    assert methods_overlap(("get",), ("GET", "POST"))
    assert not methods_overlap(("PUT",), ("GET", "POST"))
