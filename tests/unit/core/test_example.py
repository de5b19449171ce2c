"""The examples: they are valid, they fit the demo, and with the demo's traffic they pass."""

from pathlib import Path

import pytest

from sre_portal.core.experiment import Experiment
from sre_portal.core.flag.flag_set import parse_flags
from sre_portal.core.lint import advice_of, problems_of
from sre_portal.core.parse import parse_documents, parse_experiment
from sre_portal.core.run import Verdict
from sre_portal.core.slo import Slo
from sre_portal.demo import payments, shop
from tests.unit.core.world import EPOCH, WARM_SECONDS, World, carry_out

ROOT = Path(__file__).parents[3]
EXPERIMENTS = sorted(path.name for path in ROOT.glob("examples/*.yaml"))
ROUTES = {"shop": shop.ROUTES, "payments": payments.ROUTES}


def slos() -> list[Slo]:
    found = [
        document
        for path in sorted(ROOT.glob("examples/slo/*.yaml"))
        for document in parse_documents(path.read_text(encoding="utf-8"), path.name)
    ]
    return [one for one in found if isinstance(one, Slo)]


def load(name: str) -> Experiment:
    return parse_experiment((ROOT / "examples" / name).read_text(encoding="utf-8"), name)


def test_the_demo_has_its_slos_and_its_experiments() -> None:
    assert {slo.name: float(slo.spec.objective) for slo in slos()} == {
        "shop-availability": 99.9,
        "shop-latency": 99.0,
        "checkout-latency": 99.0,
        "catalogue-availability": 99.5,
        "payments-availability": 99.9,
        "payments-latency": 99.0,
    }
    assert EXPERIMENTS == [
        "abort-catalogue.yaml",
        "drill-recommendations.yaml",
        "errors-payments.yaml",
        "latency-checkout.yaml",
    ]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_example_has_no_problem_in_the_demo_and_nothing_to_advise(name: str) -> None:
    experiment = load(name)
    flags = {"shop": parse_flags((ROOT / "examples/flags/shop.flagd.json").read_text()).definitions}
    assert problems_of(experiment, {slo.name: slo for slo in slos()}, ROUTES, flags) == []
    assert advice_of(experiment) == []
    assert experiment.name == name.removesuffix(".yaml")
    assert experiment.spec.duration.total_seconds() <= 60


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if load(name).spec.faults])
def test_an_example_passes_with_the_traffic_of_the_demo(name: str, seed: int) -> None:
    world = World(slos(), seed)
    started = EPOCH + WARM_SECONDS + 0.37 * (seed + 1)
    run = carry_out(world, load(name), started)
    assert run.verdict is Verdict.PASSED, run.reasons
