"""The AuthZEN Authorization API 1.0: others ask who may do what here, in one standard way.

Subjects are accounts (`account`: an id, a key `issuer#subject`, a verified e-mail, or a name that one account
has) and API tokens (`token`: its name). Resources are services (`service`: its name) and the whole portal
(`portal`: the name of its environment). Actions are permissions. Whatever is not known is denied.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sre_portal.core.access import Permission, Principal
from sre_portal.core.errors import InvalidInput, NotFound
from sre_portal.core.explain import Decision, Subject, decide, decide_everywhere
from sre_portal.operations.directory import account_named, acting, everybody, token_named
from sre_portal.operations.ports import Ports
from sre_portal.operations.services import services_of
from sre_portal.operations.tokens import principal_with
from sre_portal.web.authzen_wire import (
    Action,
    ActionSearch,
    Entity,
    Evaluation,
    Evaluations,
    Kind,
    Malformed,
    ResourceSearch,
    SubjectSearch,
    page_of,
    parse_question,
)
from sre_portal.web.context import ports_of

PREFIX = "/access/v1/"
METADATA_SECONDS = 3600
ACCOUNT, TOKEN, SERVICE, PORTAL = "account", "token", "service", "portal"
STOPS_AT: Mapping[str, bool | None] = {
    "execute_all": None,
    "deny_on_first_deny": False,
    "permit_on_first_permit": True,
}
"""The decision after which no further evaluation is made."""
DENIED = "You may not do this here."

Answer = Callable[[Ports, bytes], Awaitable[object]]


async def metadata(request: Request) -> Response:
    """Where the endpoints are. Public, as the specification asks."""
    url = ports_of(request).policy.url
    at = f"{url}{PREFIX}"
    told = {
        "policy_decision_point": url,
        "access_evaluation_endpoint": f"{at}evaluation",
        "access_evaluations_endpoint": f"{at}evaluations",
        "search_subject_endpoint": f"{at}search/subject",
        "search_resource_endpoint": f"{at}search/resource",
        "search_action_endpoint": f"{at}search/action",
    }
    return JSONResponse(told, headers={"cache-control": f"public, max-age={METADATA_SECONDS}"})


async def evaluation(request: Request) -> Response:
    return await _answer(request, _evaluation)


async def evaluations(request: Request) -> Response:
    return await _answer(request, _evaluations)


async def search_subject(request: Request) -> Response:
    return await _answer(request, _search_subject)


async def search_resource(request: Request) -> Response:
    return await _answer(request, _search_resource)


async def search_action(request: Request) -> Response:
    return await _answer(request, _search_action)


def authzen_error(request: Request, status: int, sentence: str) -> Response:
    """An error as the specification has it: a string, with the identifier of the request."""
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse(sentence, status, headers=headers | _request_id(request))


@dataclass(frozen=True, slots=True)
class _Asked:
    """The parts of a question, as far as they are known here."""

    who: Principal
    permission: Permission
    service: str | None
    """None is the portal as a whole."""

    def decide(self) -> Decision:
        if self.service is None:
            return decide_everywhere(self.who, self.permission)
        return decide(self.who, self.permission, self.service)


async def _answer(request: Request, answer: Answer) -> Response:
    try:
        told = await answer(ports_of(request), await request.body())
    except Malformed as wrong:
        return authzen_error(request, 400, str(wrong))
    return JSONResponse(told, headers=_request_id(request))


def _request_id(request: Request) -> dict[str, str]:
    given = request.headers.get("x-request-id")
    return {} if given is None else {"x-request-id": given}


async def _evaluation(ports: Ports, body: bytes) -> object:
    return _told(await _decided(ports, parse_question(body, Evaluation)))


async def _evaluations(ports: Ports, body: bytes) -> object:
    question = parse_question(body, Evaluations)
    if not question.evaluations:
        return _told(await _decided(ports, parse_question(body, Evaluation)))
    stops_at = STOPS_AT[question.options.evaluations_semantic]
    told: list[object] = []
    met: dict[tuple[str, str], Principal | str] = {}
    for one in question.each():
        if isinstance(one, str):
            decision = Decision(allowed=False, reason=one)
        else:
            key = one.subject.type, one.subject.id
            met[key] = met[key] if key in met else await _who(ports, one.subject)
            decision = _decide(ports, met[key], one)
        told.append(_told(decision))
        if decision.allowed is stops_at:
            break
    return {"evaluations": told}


async def _search_subject(ports: Ports, body: bytes) -> object:
    question = parse_question(body, SubjectSearch)
    permission, known = _permission(question.action), _service_in(ports, question.resource)
    if permission is None or isinstance(known, str):
        return page_of(question, [])
    known_here = await everybody(ports)
    found = [
        one
        for one in known_here.subjects
        if _type_of(one) == question.subject.type and _Asked(one.who, permission, *known).decide().allowed
    ]
    results = [{"type": _type_of(one), "id": one.id} for one in found]
    left_off = known_here.left_off if question.subject.type == ACCOUNT else ""
    return page_of(question, results, left_off)


async def _search_resource(ports: Ports, body: bytes) -> object:
    question = parse_question(body, ResourceSearch)
    permission, who = _permission(question.action), await _who(ports, question.subject)
    if permission is None or isinstance(who, str):
        return page_of(question, [])
    found = [
        {"type": question.resource.type, "id": name}
        for name, service in _resources(ports, question.resource)
        if _Asked(who, permission, service).decide().allowed
    ]
    return page_of(question, found)


async def _search_action(ports: Ports, body: bytes) -> object:
    question = parse_question(body, ActionSearch)
    who, known = await _who(ports, question.subject), _service_in(ports, question.resource)
    if isinstance(who, str) or isinstance(known, str):
        return page_of(question, [])
    found = [one for one in Permission if _Asked(who, one, *known).decide().allowed]
    return page_of(question, [{"name": one.value} for one in found])


async def _decided(ports: Ports, question: Evaluation) -> Decision:
    return _decide(ports, await _who(ports, question.subject), question)


def _decide(ports: Ports, who: Principal | str, question: Evaluation) -> Decision:
    known, permission = _service_in(ports, question.resource), _permission(question.action)
    if isinstance(who, str):
        return Decision(allowed=False, reason=who)
    if isinstance(known, str):
        return Decision(allowed=False, reason=known)
    if permission is None:
        unknown = f"no action {question.action.name[:60]!r}: actions are permissions"
        return Decision(allowed=False, reason=unknown)
    return _Asked(who, permission, *known).decide()


def _told(decision: Decision) -> dict[str, object]:
    """The reason is for whoever looks after access; people are told no more than they must know."""
    if decision.allowed:
        return {"decision": True, "context": {"reason_admin": {"en": decision.reason}}}
    reasons = {"reason_admin": {"en": decision.reason}, "reason_user": {"en": DENIED}}
    return {"decision": False, "context": reasons}


async def _who(ports: Ports, subject: Entity) -> Principal | str:
    """Who is meant, or why nobody is."""
    try:
        match subject.type:
            case "account":
                return acting(ports, await account_named(ports, subject.id))
            case "token":
                return principal_with(ports, await token_named(ports, subject.id))
            case other:
                return f"no subjects of the type {other[:60]!r}: there are account and token"
    except (NotFound, InvalidInput) as unknown:
        return str(unknown)


def _type_of(subject: Subject) -> str:
    return TOKEN if subject.kind == TOKEN else ACCOUNT


def _permission(action: Action) -> Permission | None:
    return next((one for one in Permission if one.value == action.name), None)


def _service_in(ports: Ports, resource: Entity) -> tuple[str | None] | str:
    """The service that is meant, None for the portal; a sentence where there is no such thing."""
    found = [service for name, service in _resources(ports, resource) if name == resource.id]
    return (found[0],) if found else f"no {resource.type[:60]} {resource.id[:60]!r}"


def _resources(ports: Ports, kind: Kind) -> list[tuple[str, str | None]]:
    match kind.type:
        case "service":
            return [(name, name) for name in services_of(ports)]
        case "portal":
            return [(ports.environment, None)]
        case _:
            return []
