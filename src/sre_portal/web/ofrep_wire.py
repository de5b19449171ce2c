"""The wire of OFREP 0.3: what a request says, and what an answer says. Knows no flags, and not who asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sre_portal.contract.flags import DEFAULT_SET
from sre_portal.core.flag.reading import TOO_DEEP
from sre_portal.core.flag.resolution import ErrorCode, Resolution, type_name
from sre_portal.core.whole import whole_in

PREFIX = "/ofrep/"
FLAGS = f"{PREFIX}v1/evaluate/flags"
"""All flags are asked for there, one below it."""
JSON = "application/json"
_SELECTED = "flagSetId="
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Unfit(Exception):
    """A request that cannot be answered: its error code and a sentence."""

    def __init__(self, code: ErrorCode, details: str) -> None:
        super().__init__(details)
        self.code = code


class Answer(NamedTuple):
    """An answer in JSON. `tag` is its `ETag`, empty where it has none."""

    status: int
    body: bytes
    tag: str = ""

    def response(self) -> Response:
        headers = {"etag": self.tag} if self.tag else {}
        return Response(self.body, self.status, headers, JSON if self.body else None)


def one_answer(key: str, found: Resolution) -> Answer:
    """One flag."""
    if found.error_code is None:
        return Answer(200, _encode(told(key, found)))
    return Answer(404 if found.error_code is ErrorCode.FLAG_NOT_FOUND else 400, _encode(told(key, found)))


def all_flags(found: Mapping[str, Resolution]) -> bytes:
    """The list of all flags."""
    return _encode([told(key, one) for key, one in found.items()])


def stream_at(url: str) -> bytes:
    """The list of event streams: one. It tells no delay, so that clients take what they take for the best."""
    return _encode([{"type": "sse", "url": url}])


def told(key: str, found: Resolution) -> dict[str, object]:
    """A resolution on the wire. Without a value it is the default in the code; the variant is empty then.

    There is always a variant, and always a word about an error: official providers fail without.
    """
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


def failure(unfit: Unfit, key: str | None = None) -> Answer:
    named = {} if key is None else {"key": key}
    return Answer(400, _encode({**named, "errorCode": unfit.code.value, "errorDetails": str(unfit)}))


def context_in(body: bytes) -> Mapping[str, object]:
    """The evaluation context of a request; an empty one where none is given. Raises `Unfit`."""
    try:
        question = _decode(body) if body else {}
    except RecursionError:
        raise Unfit(ErrorCode.PARSE_ERROR, f"the request has {TOO_DEEP}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as broken:
        raise Unfit(ErrorCode.PARSE_ERROR, f"the request is not JSON: {broken}") from None
    if not isinstance(question, dict):
        raise Unfit(ErrorCode.PARSE_ERROR, f"the request is {type_name(question)}, not an object")
    context = question.get("context")
    if context is None:
        return {}
    if not isinstance(context, dict):
        raise Unfit(ErrorCode.INVALID_CONTEXT, f"the context is {type_name(context)}, not an object")
    return context


def set_asked(header: str, selector: str, query: str) -> str:
    """The set that is asked for by `X-Flag-Set`, flagd's `Flagd-Selector` or `?set=`, or the default one."""
    if not header and selector.startswith(_SELECTED):
        header = selector.removeprefix(_SELECTED)
    return header or query or DEFAULT_SET


def tag_of_version(version: int) -> str:
    """What an event says of the definitions, and a client says again when it asks because of it."""
    return f'"{version}"'


def version_in(tag: str) -> int:
    """The version of a set that a client was told of; 0 where it is none of ours."""
    return whole_in(tag.removeprefix("W/").strip('"')) or 0


def tags_in(header: str) -> set[str]:
    """The entity tags of `If-None-Match`."""
    return {one.strip().removeprefix("W/") for one in header.split(",")}


def ofrep_error(status: int, sentence: str) -> Response:
    """An answer to what was refused before a flag was looked at, or failed."""
    body = {"errorCode": ErrorCode.GENERAL.value, "errorDetails": sentence}
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    return Response(_encode(body), status, headers, JSON)


def api_key_of(request: Request) -> str:
    """The secret in `X-API-Key`, which the protocol has beside bearers. Nothing else takes it."""
    if not request.url.path.startswith(PREFIX):
        return ""
    return request.headers.get("x-api-key", "").strip()
