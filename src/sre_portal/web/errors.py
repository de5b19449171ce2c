"""One table from error class to status; problem+json (RFC 9457) for programs, a page for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from math import ceil
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from sre_portal.core.access import Principal
from sre_portal.core.complaint import shown_key
from sre_portal.core.errors import (
    Conflict,
    InvalidInput,
    LoginRefused,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    Over,
    PortalError,
    Problem,
    Protected,
    ProviderUnavailable,
    RateLimited,
    Refused,
    StoreUnavailable,
    Superseded,
    Unconfirmed,
    UpstreamFailed,
)
from sre_portal.core.flag.reading import unreadable
from sre_portal.core.phrase import plain_words
from sre_portal.web.authzen import PREFIX as AUTHZEN
from sre_portal.web.authzen import authzen_error
from sre_portal.web.ofrep_wire import PREFIX as OFREP
from sre_portal.web.ofrep_wire import ofrep_error
from sre_portal.web.pages.error import AGAIN, error_page

log = structlog.get_logger("sre_portal.web")

STATUS: Mapping[type[PortalError], tuple[int, str]] = {
    InvalidInput: (422, "The input has problems"),
    NotAuthenticated: (401, "Log in first"),
    NotPermitted: (403, "Not permitted"),
    NotFound: (404, "Not found"),
    Conflict: (409, "Somebody else was first"),
    Superseded: (409, "Somebody else was first"),
    Over: (409, "Nothing to decide"),
    Protected: (409, "A second person has to approve"),
    Refused: (409, "The run is refused"),
    RateLimited: (429, "Too many requests"),
    StoreUnavailable: (503, "The database does not answer"),
    Unconfirmed: (503, "Not confirmed yet"),
    LoginRefused: (403, "The login was not accepted"),  # not 401: to ask again with the same answer is no use
    UpstreamFailed: (502, "Another system does not answer"),
    ProviderUnavailable: (502, "The login provider does not answer"),
}


def install(app: FastAPI) -> None:
    app.add_exception_handler(PortalError, _portal_error)
    app.add_exception_handler(RequestValidationError, _invalid_body)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _bug)


async def _portal_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, PortalError):
        raise error
    status, title = STATUS[type(error)]
    if status >= 500:
        told = error.reason if isinstance(error, UpstreamFailed) else str(error)
        log.error("request failed", path=request.url.path, error=told)
    detail = str(error)
    if isinstance(error, StoreUnavailable) and "principal" not in request.scope:
        detail = "The database does not answer."  # where it lies is no stranger's business
    if isinstance(error, LoginRefused | ProviderUnavailable) and is_for_people(request):
        return error_page(request, status, title, detail.splitlines(), then=AGAIN)
    if isinstance(error, NotPermitted) and _has_no_role(request):
        return RedirectResponse("/account", 303)  # that page says who they are here, and what to do
    response = answer(request, status, title, detail, _facts(error))
    if isinstance(error, RateLimited):
        response.headers["retry-after"] = str(ceil(error.retry_after_seconds))
    return response


def _has_no_role(request: Request) -> bool:
    """Whether a person without any role opens the overview, as after each login."""
    who = request.scope.get("principal")
    opens = request.method == "GET" and request.url.path == "/" and is_for_people(request)
    return opens and isinstance(who, Principal) and "session" in request.scope and who.role is None


async def _invalid_body(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return await _portal_error(request, InvalidInput([_invalid(one) for one in error.errors()]))


def _invalid(found: Mapping[str, Any]) -> Problem:
    """What pydantic, or the reader of JSON before it, says about a part of a request."""
    if found["type"] == "json_invalid":
        seen = f"no JSON at character {found['loc'][-1]} ({found['ctx']['error']})"
        return Problem("body", seen, "JSON")
    path = ".".join(map(str, found["loc"][1:])) or "body"
    if found["type"] == "extra_forbidden":
        return Problem(path, shown_key(found["loc"]), "only keys that this request has")
    if found["type"] == "missing":
        return Problem(path, "nothing", "a value: this key is required")
    return Problem(path, repr(found.get("input"))[:200], plain_words(found["msg"]))


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if isinstance(error.__cause__, ValueError | RecursionError):  # a body that cannot be read at all
        return await _portal_error(request, InvalidInput([unreadable(error.__cause__, "body")]))
    title = {404: "Not found", 405: "Method not allowed"}.get(error.status_code, str(error.detail))
    details = {
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.method} is nothing that {request.url.path} does.",
    }
    return answer(request, error.status_code, title, details.get(error.status_code, str(error.detail)), {})


async def _gone(_: Request, __: Exception) -> Response:
    """The client left before its request was read: there is nobody to answer, and nothing is wrong here."""
    return Response(status_code=400)


async def _bug(request: Request, _: Exception) -> Response:
    """The log has it from `middleware.last`."""
    return answer(
        request, 500, "This is our bug", "The portal failed to answer. It is written to the log.", {}
    )


def _facts(error: PortalError) -> dict[str, object]:
    match error:
        case InvalidInput():
            return {"problems": [asdict(problem) for problem in error.problems]}
        case Superseded():
            return {"current": error.current}
        case Refused():
            return {"objections": [asdict(objection) for objection in error.objections]}
        case _:
            return {}


def is_for_people(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")


def answer(request: Request, status: int, title: str, detail: str, facts: Mapping[str, object]) -> Response:
    if request.url.path.startswith(OFREP):
        return ofrep_error(status, detail)
    if request.url.path.startswith(AUTHZEN):
        return authzen_error(request, status, detail)
    if is_for_people(request):
        return error_page(request, status, title, detail.splitlines())
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **facts}
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse(body, status, headers=headers, media_type="application/problem+json")
