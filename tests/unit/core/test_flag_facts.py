"""What rules of flags are told of error budgets: known, rounded, and found by the name of any SLO."""

import pytest

from sre_portal.core.board import Board
from sre_portal.core.flag.flag_set import parse_flags
from sre_portal.core.flag.parse import parse_definitions
from sre_portal.core.flag_facts import facts_at, unknown_facts
from sre_portal.core.slo import Counts, Slo, budget
from tests.unit.core.documents import slo_of

NOW = 20_000 * 86400 + 12 * 3600


def named(name: str, window: str = "1h") -> Slo:
    return slo_of(name, objective="99", window=window)


def counted(*names: str, bad: int = 7) -> Board:
    board = Board()
    for name in names:
        for at in range(NOW - 3000, NOW):
            board.sli(name).put_second(at, Counts(993, bad))
    return board


def test_the_facts_are_the_budget_and_the_burn_of_the_pages_rounded() -> None:
    slo, board = named("checkout"), counted("checkout")
    left = budget(board.sli("checkout"), slo, NOW).left_ratio
    assert facts_at([slo], board, NOW) == {"checkout": {"budget_remaining": round(left, 4), "burn_1h": 0.7}}


def test_what_is_not_known_is_left_out() -> None:
    assert facts_at([named("checkout")], Board(), NOW) == {}
    late = facts_at([named("checkout", "1d")], counted("checkout"), NOW + 7200)
    assert list(late["checkout"]) == ["budget_remaining"]


@pytest.mark.parametrize("name", ["checkout", "check-out", "shop.check.out", "a..b", "length", "0"])
def test_a_rule_finds_an_slo_by_its_name(name: str) -> None:
    rule = {"<": [{"var": [f"$slo.{name}.budget_remaining", 1]}, 0.2]}
    flag = {
        "state": "ENABLED",
        "variants": {"true": "less", "false": "all"},
        "defaultVariant": "false",
        "targeting": rule,
    }
    flags = parse_flags({"flags": {"recommendations": flag}})
    slos = [named(one) for one in (name, "shop", "shop.check")]
    assert flags.evaluate("recommendations", {}).value == "all"
    for bad, value in ((0, "all"), (500, "less")):
        facts = facts_at(slos, counted(name, "shop", bad=bad), NOW)
        assert flags.evaluate("recommendations", {}, facts=facts).value == value


def reading(*paths: str) -> dict[str, object]:
    rule = {"or": [{"<": [{"var": [path, 1]}, 0.2]} for path in paths]}
    variants = {"true": 1, "false": 2}
    return {"state": "ENABLED", "variants": variants, "defaultVariant": "true", "targeting": rule}


def test_facts_that_no_slo_has_are_told_by_flag_also_where_a_shared_rule_reads_them() -> None:
    shared = {"late": {"<": [{"var": "$slo.pay.burn_1h"}, 3]}}
    flags = {
        "plain": reading("age"),
        "known": reading("$slo.shop.eu.burn_1h", "$slo.shop.budget_remaining"),
        "slips": reading("$slo.shop.burn_2h", "$slo.shop.burn_1h", "$slo.nobody.burn_1h"),
        "shared": {**reading(), "targeting": {"if": [{"$ref": "late"}, "true", "false"]}},
    }
    told = parse_definitions({"flags": flags, "$evaluators": shared})
    assert unknown_facts(told.flags.values(), told.evaluators, ["shop", "shop.eu"]) == {
        "shared": ["$slo.pay.burn_1h"],
        "slips": ["$slo.nobody.burn_1h", "$slo.shop.burn_2h"],
    }
