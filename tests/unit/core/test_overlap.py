"""What part of an SLO's requests a target means."""

from typing import Any

import pytest

from sre_portal.contract.match import route_regex
from sre_portal.core.board import Board
from sre_portal.core.experiment import Target
from sre_portal.core.overlap import (
    ALL,
    NONE,
    measured_overlap,
    overlap_of,
    routes_within,
    service_overlap,
    twin_of,
)
from sre_portal.core.signal import Signal
from sre_portal.core.slo import Counts
from tests.unit.core.documents import slo_of

NOW = 2_000_000_000


def target_of(**target: Any) -> Target:  # noqa: ANN401  # any field of the document
    return Target.model_validate({"service": "shop"} | target)


@pytest.mark.parametrize(
    ("inner", "outer", "within"),
    [
        (None, None, True),
        ("/cart", None, True),
        (None, "/cart", False),
        ("/cart", "/cart", True),
        ("/cart", "/{page}", True),
        ("/{page}", "/cart", False),
        ("/{page}", "/{other}", True),
        ("/products/{id}", "/products/*", True),
        ("/products/*", "/products/{id}", False),
        ("/products/{id}/reviews", "/products/*", True),
        ("/products/{id}/reviews", "/products/{id}", False),
        ("/api/*", "/*", True),
        ("/api/*", "/api/v1*", False),
        ("/a-{id}", "/{page}", True),
        ("/a-{id}", "/b-{id}", False),
    ],
)
def test_a_route_within_another(inner: str | None, outer: str | None, within: bool) -> None:
    assert routes_within(inner, outer) is within
    if within and inner is not None and outer is not None:
        path = inner.replace("{id}", "7").replace("{page}", "seven").replace("*", "x/y")
        assert route_regex(outer).fullmatch(path)


@pytest.mark.parametrize(
    ("target", "slo", "part"),
    [
        ({}, {}, ALL),
        ({}, {"route": "/cart", "methods": ("GET",)}, ALL),
        ({"route": "/cart"}, {"route": "/cart"}, ALL),
        ({"route": "/{page}"}, {"route": "/cart"}, ALL),
        ({"route": "/cart"}, {"route": "/products/{id}"}, NONE),
        ({"methods": ("GET",)}, {"methods": ("get",)}, ALL),
        ({"methods": ("POST",)}, {"methods": ("GET",)}, NONE),
        ({"service": "payments"}, {}, NONE),
    ],
)
def test_the_documents_tell_that_all_or_none_match(
    target: dict[str, Any], slo: dict[str, Any], part: object
) -> None:
    assert overlap_of(target_of(**target), slo_of(**slo)) == part


@pytest.mark.parametrize(
    ("target", "slo", "word"),
    [
        ({"route": "/cart"}, {}, "match the target"),
        ({"methods": ("GET",)}, {}, "match the target"),
        ({"route": "/cart"}, {"route": "/{page}"}, "match the target"),
        ({"headers": {"x-test": "*"}}, {}, "x-test"),
    ],
)
def test_an_unknown_part_is_anything_and_says_why(
    target: dict[str, Any], slo: dict[str, Any], word: str
) -> None:
    found = overlap_of(target_of(**target), slo_of(**slo))
    assert (found.low, found.high) == (0, 1)
    assert word in found.reason


def counted(board: Board, name: str, per_second: int) -> None:
    for at in range(NOW - 120, NOW):
        board.sli(name).put_second(at, Counts(good=per_second))


def test_an_slo_with_the_requests_of_the_target_tells_their_part_of_another() -> None:
    board, whole, cart = Board(), slo_of(), slo_of("cart", route="/cart")
    counted(board, whole.name, 50)
    counted(board, "cart", 20)
    target, slos = target_of(route="/cart"), (whole, cart)
    assert twin_of(target, slos) is cart
    found = measured_overlap(target, whole, slos, board, NOW)
    assert 0.37 < found.low < 0.4 < found.high < 0.43
    assert found.reason == ""
    assert measured_overlap(target, cart, slos, board, NOW) == ALL


def test_without_counts_or_a_twin_the_part_stays_unknown() -> None:
    whole, cart = slo_of(), slo_of("cart", route="/cart")
    target = target_of(route="/cart")
    assert measured_overlap(target, whole, (whole, cart), Board(), NOW).reason
    assert measured_overlap(target, whole, (whole,), Board(), NOW).reason
    board = Board()
    counted(board, whole.name, 50)
    assert measured_overlap(target, whole, (whole, cart), board, NOW).reason


def test_headers_leave_no_twin() -> None:
    assert twin_of(target_of(headers={"x-test": "1"}), (slo_of(),)) is None


def test_the_part_of_a_whole_service_is_measured_the_same_way() -> None:
    board, cart = Board(), slo_of("cart", route="/cart")
    assert service_overlap(target_of(), (), board, NOW) == ALL
    assert service_overlap(target_of(route="/cart"), (cart,), board, NOW).reason
    counted(board, "cart", 20)
    for at in range(NOW - 120, NOW):
        board.service("shop").put_second(Signal(at, requests=40))
    found = service_overlap(target_of(route="/cart"), (cart,), board, NOW)
    assert 0.46 < found.low < 0.5 < found.high < 0.54
