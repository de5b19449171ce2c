"""Who holds a connection, and who is cut for whom."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.web.crowd import Crowd, CrowdLimits, networks_in, place_of


@dataclass(eq=False)
class Line:
    address: str = "192.0.2.1"
    cuts: list[str] = field(default_factory=list)

    def cut(self) -> None:
        self.cuts.append("cut")


def test_the_stranger_who_waits_longest_is_cut_first() -> None:
    crowd = Crowd(CrowdLimits(total=10, strangers=2))
    first, second, third = Line("a"), Line("b"), Line("c")
    assert all(crowd.arrive(one) for one in (first, second, third))
    assert [one.cuts for one in (first, second, third)] == [["cut"], [], []]


def test_a_stranger_whose_request_is_answered_is_not_cut() -> None:
    crowd = Crowd(CrowdLimits(total=10, strangers=2))
    asking, idle, third = Line("a"), Line("b"), Line("c")
    crowd.arrive(asking)
    crowd.hear(asking)
    crowd.arrive(idle)
    crowd.arrive(third)
    assert (asking.cuts, idle.cuts) == ([], ["cut"])


def test_a_listener_full_of_known_people_lets_nobody_in() -> None:
    crowd = Crowd(CrowdLimits(total=2))
    for line in (Line("a"), Line("b")):
        crowd.arrive(line)
        crowd.know(line)
    assert not crowd.arrive(Line("c"))


def test_who_leaves_makes_room() -> None:
    crowd = Crowd(CrowdLimits(total=1))
    line = Line()
    crowd.arrive(line)
    crowd.know(line)
    crowd.leave(line)
    assert crowd.arrive(Line())
    assert crowd.stranger_count == 1


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_an_address_stands_for_whoever_can_draw_it(address: str, place: str) -> None:
    assert place_of(address) == place


def test_a_proxy_is_an_address_or_a_network() -> None:
    limits = CrowdLimits(proxies=tuple(networks_in("10.0.0.7, 2001:db8::/32")))
    assert limits.is_proxy("10.0.0.7")
    assert limits.is_proxy("2001:db8::1")
    assert not limits.is_proxy("10.0.0.8")
    assert not limits.is_proxy("")


ACTS = st.tuples(st.sampled_from(["arrive", "hear", "wait", "know", "leave"]), st.integers(0, 20))


@given(st.lists(ACTS, max_size=200))
def test_the_counts_hold_whatever_happens(acts: list[tuple[str, int]]) -> None:
    crowd = Crowd(CrowdLimits(total=12, strangers=6, strangers_per_address=3))
    lines: dict[int, Line] = {}
    for act, number in acts:
        if act == "arrive":
            lines[number] = Line(str(number % 4))
            crowd.arrive(lines[number])
        elif number in lines and lines[number] in crowd.everybody:
            getattr(crowd, act)(lines[number])
    assert len(crowd.everybody) <= 12
    assert crowd.waiting.keys() <= {line for same in crowd.strangers.values() for line in same}
    assert {line for same in crowd.strangers.values() for line in same} <= crowd.everybody
    assert not any(line.cuts for line in lines.values() if line in crowd.everybody)
