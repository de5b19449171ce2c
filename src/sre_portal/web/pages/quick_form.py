"""The form of a quick fault: its fields and defaults, and the document that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.core.experiment import Experiment
from sre_portal.core.parse import parse_mapping
from sre_portal.core.slo import AvailabilitySli, Slo
from sre_portal.operations.ports import Ports
from sre_portal.operations.runs import check_against
from sre_portal.web.pages.figures import short_percent

DEFAULTS: Mapping[str, str] = {
    "fault": "latency",
    "delay_ms": "600",
    "distribution": "fixed",
    "spread_ms": "0",
    "status": "503",
    "percent": "50",
    "of": "requests",
    "route": "",
    "duration_s": "90",
    "errors_below": "",
}
LONGEST = 256
"""Characters of a field."""
SPREAD_NEEDED = ("uniform", "normal")

PLACES: Sequence[tuple[str, str]] = (
    ("percent", "percent"),
    ("share.of", "of"),
    ("delay", "delay_ms"),
    ("spread", "spread_ms"),
    ("distribution", "distribution"),
    ("status", "status"),
    ("route", "route"),
    ("duration", "duration_s"),
    ("guardrails", "errors_below"),
)
"""Where a problem of the document is shown: the first part that its path holds, and the field."""


def filled(given: Mapping[str, str]) -> dict[str, str]:
    """Every field of the form: what was given, else the default."""
    return {name: given.get(name, usual).strip()[:LONGEST] for name, usual in DEFAULTS.items()}


def plain_document(fields: Mapping[str, str], ports: Ports) -> Experiment:
    """The experiment without expectations. Raises `InvalidInput` with every problem."""
    values, service = filled(fields), fields["service"]
    slos = [slo for slo in ports.catalogue.slos() if slo.spec.service == service]
    experiment = parse_mapping(_document(values, service, slos))
    if not isinstance(experiment, Experiment):
        raise InvalidInput([Problem("kind", type(experiment).__name__, "Experiment")])
    check_against(ports, experiment)
    return experiment


def field_of(problem: Problem) -> str:
    """The field that a problem is about, empty where it is none."""
    return next((field for part, field in PLACES if part in problem.path), "")


def errors_bound(values: Mapping[str, str]) -> str:
    """The share of errors in percent that aborts the run: what was typed, else well above what is asked for.

    Empty where nothing above it is left to abort at.
    """
    if values["errors_below"]:
        return values["errors_below"]
    if values["fault"] == "latency":
        return "10"
    try:
        asked = float(values["percent"])
    except ValueError:
        return "100"
    return f"{asked * 1.5 + 10:.0f}" if asked * 1.5 + 10 < 100 else ""


def _document(values: Mapping[str, str], service: str, slos: Sequence[Slo]) -> dict[str, object]:
    fault = _fault(values)
    target: dict[str, object] = {
        "service": service,
        "share": {"percent": values["percent"], "of": values["of"]},
    }
    if values["route"]:
        target["route"] = values["route"]
    return {
        "apiVersion": "sre-portal.dev/v1",
        "kind": "Experiment",
        "metadata": {
            "name": f"quick-{values['fault']}-{service}"[:63].strip(".-"),
            "title": _title(values, service),
        },
        "spec": {
            "target": target,
            "faults": [fault],
            "duration": f"{values['duration_s']}s",
            "guardrails": _guardrails(values, service, slos),
        },
    }


def _fault(values: Mapping[str, str]) -> dict[str, object]:
    match values["fault"]:
        case "latency":
            spread = {"spread": f"{values['spread_ms']}ms"} if values["distribution"] in SPREAD_NEEDED else {}
            return {
                "type": "latency",
                "delay": f"{values['delay_ms']}ms",
                "distribution": values["distribution"],
                **spread,
            }
        case "error":
            return {
                "type": "error",
                "status": int(values["status"]) if values["status"].isdecimal() else values["status"],
            }
        case other:
            return {"type": other}


def _guardrails(values: Mapping[str, str], service: str, slos: Sequence[Slo]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = [{"type": "traffic", "service": service, "above": 0}]
    available = next((slo for slo in slos if isinstance(slo.spec.sli, AvailabilitySli)), None)
    bound = errors_bound(values)
    if available is not None and bound:
        found.append({"type": "errors", "slo": available.name, "below": bound})
    return found


def _title(values: Mapping[str, str], service: str) -> str:
    what = {"latency": f"+{values['delay_ms']} ms", "error": f"status {values['status']}"}.get(
        values["fault"], "aborts"
    )
    try:
        share = short_percent(float(values["percent"]))
    except ValueError:
        share = "a share"
    return f"{service}: {what} on {share} of {values['of']}"
