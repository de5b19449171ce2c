"""The OpenFeature Remote Evaluation Protocol (OFREP) 0.3: what a flag is for somebody, one or all of a set.

Answers come from the memory of this replica. Definitions never come this way, so a token that may only read
flags is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.flag.definition import Definitions
from sre_portal.core.flag.flag_set import FlagSet
from sre_portal.core.flag.resolution import ErrorCode, Resolution, type_name
from sre_portal.core.flag_change import DEFAULT_SET
from sre_portal.operations.ports import Ports
from sre_portal.web.context import ports_of

PREFIX = "/ofrep/"
_SELECTED = "flagSetId="
_JSON = "application/json"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_NO_FLAGS = FlagSet(Definitions())


class Unfit(Exception):
    """A request that cannot be answered: its error code and a sentence."""

    def __init__(self, code: ErrorCode, details: str) -> None:
        super().__init__(details)
        self.code = code


async def evaluate(request: Request) -> Response:
    """One flag."""
    key: str = request.path_params["key"]
    try:
        flags, context = _flags_of(request), context_in(await request.body())
    except Unfit as unfit:
        return _failure(unfit, key)
    found = flags.evaluate(key, context, at=_at(ports_of(request)))
    status = 200 if found.error_code is None else 404 if found.error_code is ErrorCode.FLAG_NOT_FOUND else 400
    return Response(_encode(told(key, found)), status, media_type=_JSON)


async def evaluate_all(request: Request) -> Response:
    """Every flag of a set.

    The `ETag` is of the answer, not of the definitions: it stays the same only where this context gets the
    same, and it also changes where a rule looks at the time.
    """
    try:
        flags, context = _flags_of(request), context_in(await request.body())
    except Unfit as unfit:
        return _failure(unfit)
    found = flags.evaluate_all(context, at=_at(ports_of(request)))
    body = _encode({"flags": [told(key, one) for key, one in found.items()]})
    tag = f'"{blake2b(body, digest_size=16).hexdigest()}"'
    if tag in _tags(request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers={"etag": tag})
    return Response(body, media_type=_JSON, headers={"etag": tag})


def told(key: str, found: Resolution) -> dict[str, object]:
    """A resolution on the wire. Without a value it is the caller's own default; the variant is empty then."""
    if found.error_code is not None:
        return {"key": key, "errorCode": found.error_code.value, "errorDetails": found.error_details}
    answer: dict[str, object] = {
        "key": key,
        "reason": found.reason.value,
        "variant": found.variant or "",
        "metadata": dict(found.metadata),
    }
    if found.variant is not None:
        answer["value"] = found.value
    return answer


def context_in(body: bytes) -> Mapping[str, object]:
    """The evaluation context of a request; an empty one where none is given. Raises `Unfit`."""
    try:
        question = _decode(body) if body else {}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as broken:
        raise Unfit(ErrorCode.PARSE_ERROR, f"the request is not JSON: {broken}") from None
    if not isinstance(question, dict):
        raise Unfit(ErrorCode.PARSE_ERROR, f"the request is {type_name(question)}, not an object")
    context = question.get("context")
    if context is None:
        return {}
    if not isinstance(context, dict):
        raise Unfit(ErrorCode.INVALID_CONTEXT, f"the context is {type_name(context)}, not an object")
    return context


def ofrep_error(status: int, sentence: str) -> Response:
    """An answer to what was refused before a flag was looked at, or failed."""
    body = {"errorCode": ErrorCode.GENERAL.value, "errorDetails": sentence}
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    return Response(_encode(body), status, headers, _JSON)


def api_key_of(request: Request) -> str:
    """The secret in `X-API-Key`, which the protocol has beside bearers. Nothing else takes it."""
    if not request.url.path.startswith(PREFIX):
        return ""
    return request.headers.get("x-api-key", "").strip()


def _flags_of(request: Request) -> FlagSet:
    """The set that is asked for by `X-Flag-Set`, flagd's `Flagd-Selector` or `?set=`, or the default one."""
    name = request.headers.get("x-flag-set", "")
    selector = request.headers.get("flagd-selector", "")
    if not name and selector.startswith(_SELECTED):
        name = selector.removeprefix(_SELECTED)
    name = name or request.query_params.get("set", "") or DEFAULT_SET
    kept = ports_of(request).flag_book.get(name)
    if kept is not None:
        return kept.flags
    if name == DEFAULT_SET:
        return _NO_FLAGS
    raise Unfit(ErrorCode.GENERAL, f"no flag set {name[:80]!r}")


def _failure(unfit: Unfit, key: str | None = None) -> Response:
    named = {} if key is None else {"key": key}
    return Response(
        _encode({**named, "errorCode": unfit.code.value, "errorDetails": str(unfit)}), 400, media_type=_JSON
    )


def _at(ports: Ports) -> int:
    return int(ports.clock.now().timestamp())


def _tags(header: str) -> set[str]:
    return {one.strip().removeprefix("W/") for one in header.split(",")}
