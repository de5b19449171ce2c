from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.agent.decide import AGENT_HEADER, Request, covers, decide
from sre_portal.agent.lease import HeldLease
from sre_portal.contract.fault import Abort
from sre_portal.contract.lease import Lease
from sre_portal.contract.match import Match, Share

NOW = 1_000


def held(
    name: str = "a",
    match: Match | None = None,
    share: Share | None = None,
    *,
    until: int = NOW + 1,
    run_id: int = 1,
) -> HeldLease:
    return HeldLease(Lease(name, run_id, Abort(), match or Match(), share or Share(), 5_000), until)


def request(path: str = "/", method: str = "GET", **headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request(method, path, pairs)


def draws(*numbers: float) -> Callable[[], float]:
    """Chance that was settled before."""
    return iter(numbers).__next__


@pytest.mark.parametrize(
    ("match", "found", "covered"),
    [
        (Match(), request(), True),
        (Match(methods=("GET", "PUT")), request(method="PUT"), True),
        (Match(methods=("GET",)), request(method="POST"), False),
        (Match(route="/a/{b}"), request("/a/1"), True),
        (Match(route="/a/{b}"), request("/a"), False),
        (Match(headers=(("x-tenant", "blue"),)), request(x_tenant="blue"), True),
        (Match(headers=(("x-tenant", "blue"),)), request(x_tenant="red"), False),
        (Match(headers=(("x-tenant", "blue"),)), request(), False),
        (Match(headers=(("x-tenant", "*"),)), request(x_tenant="anything"), True),
        (Match(headers=(("x-tenant", "*"),)), request(), False),
        (Match(headers=(("a", "1"), ("b", "2"))), request(a="1", b="2"), True),
        (Match(headers=(("a", "1"), ("b", "2"))), request(a="1"), False),
        (Match(("GET",), "/a", (("b", "*"),)), request("/a", b="1"), True),
    ],
)
def test_a_match_covers_what_all_its_parts_hold_for(match: Match, found: Request, *, covered: bool) -> None:
    assert covers(match, found) is covered


def test_one_of_several_values_of_a_header_is_enough() -> None:
    twice = Request("GET", "/", [(b"x-tenant", b"red"), (b"x-tenant", b"blue")])
    assert covers(Match(headers=(("x-tenant", "blue"),)), twice)


def test_without_a_lease_nothing_is_injected() -> None:
    assert decide((), request(), NOW, draws()) is None


def test_a_request_belongs_to_the_first_lease_that_covers_it_whether_it_is_hit_or_not() -> None:
    leases = [
        held("other", Match(route="/other")),
        held("first", share=Share(0.25)),
        held("second", share=Share(1)),
    ]
    missed, struck = (decide(leases, request(), NOW, draws(draw)) for draw in (0.25, 0.24))
    assert missed is not None
    assert struck is not None
    assert (missed.held.lease.id, missed.hit) == ("first", False)
    assert (struck.held.lease.id, struck.hit) == ("first", True)


def test_a_lease_at_its_deadline_is_over() -> None:
    assert decide([held(until=NOW + 1)], request(), NOW, draws(0)) is not None
    assert decide([held(until=NOW)], request(), NOW, draws(0)) is None


def test_a_lease_that_was_withdrawn_is_over() -> None:
    withdrawn = held("withdrawn")
    withdrawn.end("withdrawn", 1.0)
    found = decide([withdrawn, held("next")], request(), NOW, draws(0))
    assert found is not None
    assert found.held.lease.id == "next"


def test_the_agents_own_traffic_is_never_hit() -> None:
    own = Request("POST", "/agents/v1/reports", [(AGENT_HEADER, b"1")])
    assert decide([held()], own, NOW, draws(0)) is None


@given(ratio=st.floats(0, 1), draw=st.floats(0, 1, exclude_max=True))
def test_a_share_of_requests_is_what_the_draws_say(ratio: float, draw: float) -> None:
    found = decide([held(share=Share(ratio))], request(), NOW, draws(draw))
    assert found is not None
    assert found.hit is (draw < ratio)


@given(draw=st.floats(0, 1, exclude_max=True))
def test_all_is_all_and_none_is_none(draw: float) -> None:
    everything = decide([held(share=Share(1))], request(), NOW, draws(draw))
    nothing = decide([held(share=Share(0))], request(), NOW, draws(draw))
    assert everything is not None
    assert nothing is not None
    assert (everything.hit, nothing.hit) == (True, False)


@given(user=st.text(st.characters(max_codepoint=255), min_size=1), ratio=st.floats(0, 1))
def test_a_user_is_hit_always_or_never_during_a_run(user: str, ratio: float) -> None:
    lease = held(share=Share(ratio, "users"))
    asked = Request("GET", "/", [(b"x-user-id", user.encode("latin-1"))])
    hits = {found.hit for _ in range(3) if (found := decide([lease], asked, NOW, draws())) is not None}
    assert len(hits) == 1


@given(user=st.integers(0, 10**9), low=st.floats(0, 1), more=st.floats(0, 1))
def test_a_user_that_a_small_share_hits_is_hit_by_a_larger_one(user: int, low: float, more: float) -> None:
    asked = request(x_user_id=str(user))
    small, large = (
        decide([held(share=Share(ratio, "users"))], asked, NOW, draws()) for ratio in sorted((low, more))
    )
    assert small is not None
    assert large is not None
    assert large.hit >= small.hit


def test_a_share_of_users_hits_that_share_of_them() -> None:
    lease = held(share=Share(0.3, "users", "x-account"), run_id=99)
    found = [decide([lease], request(x_account=f"account-{number}"), NOW, draws()) for number in range(5_000)]
    hits = sum(one.hit for one in found if one is not None)
    assert 1_400 < hits < 1_600


@pytest.mark.parametrize("asked", [request(), request(x_user_id="")])
def test_a_request_without_a_user_is_never_hit_by_a_share_of_users(asked: Request) -> None:
    found = decide([held(share=Share(1, "users"))], asked, NOW, draws())
    assert found is not None
    assert not found.hit
