"""A fault from a form: the panel of a service, its preview, its review, and the document that it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sre_portal.core.access import Permission, Principal
from sre_portal.core.document import dump_duration
from sre_portal.core.errors import InvalidInput, Objection, Problem, Refused
from sre_portal.core.experiment import AlertExpectation, Experiment
from sre_portal.core.prediction import Prediction
from sre_portal.core.preflight import Situation, Switch, objections
from sre_portal.operations.ports import Ports
from sre_portal.operations.runs import preview as predicted
from sre_portal.operations.runs import situation_of
from sre_portal.web import render
from sre_portal.web.context import ports_of, principal_of
from sre_portal.web.pages.effect import Effect
from sre_portal.web.pages.figures import plural, span
from sre_portal.web.pages.frame import May, permission
from sre_portal.web.pages.quick_form import field_of, filled, plain_document
from sre_portal.web.pages.wording import spec_words, target_share_words, target_words


@dataclass(frozen=True, slots=True)
class Plan:
    """What the form would start, and what that would do."""

    experiment: Experiment
    effect: Effect


@dataclass(frozen=True, slots=True)
class Start:
    """The part of the panel that is kept fresh: whether a fault can be started now."""

    may: May
    held: str


@dataclass(frozen=True, slots=True)
class QuickFault:
    """The panel: what was typed, and what is wrong with it."""

    service: str
    values: Mapping[str, str]
    problems: Mapping[str, str]
    others: tuple[str, ...]
    """Problems that belong to no field."""
    routes: tuple[str, ...]
    may: May
    held: str
    """Why nothing can be started now, empty where it can."""
    effect: Effect | None
    open: bool
    """Whether the fields that are seldom used are shown."""

    @classmethod
    def of(cls, ports: Ports, who: Principal, service: str, given: Mapping[str, str]) -> QuickFault:
        values = filled(given)
        effect: Effect | None = None
        problems: Sequence[Problem] = ()
        try:
            effect = planned(ports, who, {**values, "service": service}).effect
        except InvalidInput as invalid:
            problems = invalid.problems
        placed = {field_of(one): f"expected {one.expected}" for one in reversed(problems)}
        return cls(
            service=service,
            values=values,
            problems={name: text for name, text in placed.items() if name},
            others=tuple(str(one) for one in problems if not field_of(one)),
            routes=routes_of(ports, service),
            may=permission(who, Permission.RUN_START, service),
            held=held_by(ports, service),
            effect=effect,
            open=bool(values["errors_below"]) or bool({"errors_below", "spread_ms"} & placed.keys()),
        )


@dataclass(frozen=True, slots=True)
class ReviewPage:
    service: str
    title: str
    facts: tuple[tuple[str, str], ...]
    effect: Effect
    values: Mapping[str, str]
    refused: tuple[str, ...]
    may: May

    @classmethod
    def of(
        cls, ports: Ports, who: Principal, values: Mapping[str, str], refused: Sequence[Objection] = ()
    ) -> ReviewPage:
        plan = planned(ports, who, values)
        spec = plan.experiment.spec
        facts = (
            ("Fault", " and ".join(spec_words(fault) for fault in spec.faults)),
            ("Target", target_words(spec.target)),
            ("Traffic", target_share_words(spec.target)),
            ("For", span(spec.duration)),
            ("Expected", expected_words(plan.experiment)),
        )
        said = tuple(f"{one.guard}: {one.reason}" for one in refused) or plan.effect.objections
        kept = {name: text for name, text in filled(values).items() if text}
        may = permission(who, Permission.RUN_START, values["service"])
        return cls(values["service"], plan.experiment.title, facts, plan.effect, kept, said, may)


async def preview(request: Request) -> Response:
    """`GET /services/{name}/preview?...`: what the fields would do, as a fragment."""
    service = str(request.path_params["name"])
    view = QuickFault.of(ports_of(request), principal_of(request), service, request.query_params)
    return HTMLResponse(render.part("preview.html", view))


async def review(request: Request) -> Response:
    """Says what will happen before it does: the last page before the start."""
    form = await request.form()
    fields = {key: value for key, value in form.items() if isinstance(value, str)}
    fields["service"] = str(request.path_params["name"])
    try:
        view = ReviewPage.of(ports_of(request), principal_of(request), fields)
    except InvalidInput as invalid:
        return await rejected(request, fields, invalid)
    return render.page(request, "review.html", view)


async def rejected(request: Request, fields: Mapping[str, str], refusal: InvalidInput | Refused) -> Response:
    """The panel again with its problems, or the review with the objections; what was typed is kept."""
    ports, who = ports_of(request), principal_of(request)
    if isinstance(refusal, Refused):
        return render.page(request, "review.html", ReviewPage.of(ports, who, fields, refusal.objections), 409)
    view = QuickFault.of(ports, who, fields["service"], fields)
    return render.page(request, "quick_fault_page.html", view, 422)


def quick_fault_document(fields: Mapping[str, str], ports: Ports) -> Experiment:
    """The experiment that the form describes, with guardrails and the alerts that it is predicted to turn.

    Raises `InvalidInput` with every problem.
    """
    experiment = plain_document(fields, ports)
    return expecting(experiment, predicted(ports, experiment))


def planned(ports: Ports, who: Principal, fields: Mapping[str, str]) -> Plan:
    """The same with what it will do and what speaks against it, from one prediction."""
    situation = situation_of(ports, who, plain_document(fields, ports))
    experiment = situation.experiment
    if situation.prediction is not None:
        experiment = expecting(experiment, situation.prediction)
    return Plan(experiment, effect_in(replace(situation, experiment=experiment)))


def expecting(experiment: Experiment, prediction: Prediction) -> Experiment:
    """The same experiment, expecting of each alert what the prediction is sure of."""
    found = tuple(
        AlertExpectation(type="alert", slo=one.slo, alert=one.alert, outcome=one.outcome)
        for one in sorted(prediction.alerts, key=lambda one: one.outcome)  # those that fire first
        if one.outcome in {"fires", "silent"}
    )
    return experiment.model_copy(update={"spec": experiment.spec.model_copy(update={"expectations": found})})


def effect_of(
    ports: Ports, who: Principal, experiment: Experiment, switches: Sequence[Switch] = ()
) -> Effect:
    """`switches`: those that it drills, as they are now."""
    return effect_in(situation_of(ports, who, experiment, switches))


def effect_in(situation: Situation) -> Effect:
    """What will happen, and why it would be refused. That somebody may not start is said at the button."""
    found = [one for one in objections(situation) if one.guard != "permission"]
    return Effect.of(situation.experiment, situation.prediction, found)


def expected_words(experiment: Experiment) -> str:
    alerts = [one for one in experiment.spec.expectations if isinstance(one, AlertExpectation)]
    fires = [f"{one.alert} of {one.slo} fires" for one in alerts if one.outcome == "fires"]
    silent = sum(one.outcome == "silent" for one in alerts)
    fires += [
        f"{one.flag} {one.variant} seen within {dump_duration(one.seen_within)}" for one in experiment.drills
    ]
    return ", ".join([*fires, f"{plural(silent, 'alert')} silent"] if silent else fires) or "nothing"


def routes_of(ports: Ports, service: str) -> tuple[str, ...]:
    told = {
        route[route.find("/") :]
        for one in ports.watch.instances
        if one.service == service
        for route in one.routes
    }
    named = {
        slo.spec.route for slo in ports.catalogue.slos() if slo.spec.service == service and slo.spec.route
    }
    return tuple(sorted(told | named))


def start_of(who: Principal, service: str, held: str) -> Start:
    return Start(permission(who, Permission.RUN_START, service), held)


def held_by(ports: Ports, service: str) -> str:
    run = next((run for run in ports.watch.live.values() if run.service == service), None)
    if run is None:
        return ""
    return f"Run {run.id} holds {service}. Two faults on one target cannot be told apart."
