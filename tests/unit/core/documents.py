"""SLOs and experiments as the tests of core write them."""

from collections.abc import Mapping
from typing import Any

from sre_portal.core.experiment import Experiment
from sre_portal.core.slo import Slo


def slo_of(name: str = "shop-availability", threshold: str | None = None, **spec: Any) -> Slo:  # noqa: ANN401  # any field of the document
    sli = {"type": "availability"} if threshold is None else {"type": "latency", "threshold": threshold}
    whole = {"service": "shop", "objective": "99.9", "sli": sli} | spec
    return Slo.model_validate({"metadata": {"name": name}, "spec": whole})


def experiment_of(
    fault: Mapping[str, Any] | None = None,
    target: Mapping[str, Any] | None = None,
    duration: str = "60s",
    **spec: Any,  # noqa: ANN401  # any field of the document
) -> Experiment:
    """Errors for everything that reaches shop, where nothing else is said."""
    whole = {
        "target": {"service": "shop"} | dict(target or {}),
        "faults": [dict(fault or {"type": "error"})],
        "duration": duration,
    }
    return Experiment.model_validate({"metadata": {"name": "try"}, "spec": whole | spec})
