"""The messages of the AuthZEN Authorization API 1.0: what a question may hold, and one page of an answer."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MOST_EVALUATIONS = 1000
PAGE = 100
MOST_ON_A_PAGE = 1000
SHOWN = 5
"""So many problems of a question are told."""


class Malformed(Exception):
    """The question cannot be understood. The message is for whoever wrote the client."""


Id = Annotated[str, Field(max_length=1024)]
Semantic = Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"]


class Part(BaseModel):
    """Keys that are not known are left alone, as the specification asks."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Kind(Part):
    """A subject or resource that is searched for."""

    type: Id
    properties: dict[str, Any] | None = None


class Entity(Kind):
    id: Id


class Action(Part):
    name: Id
    properties: dict[str, Any] | None = None


class Evaluation(Part):
    subject: Entity
    action: Action
    resource: Entity
    context: dict[str, Any] | None = None


class Options(Part):
    evaluations_semantic: Semantic = "execute_all"


class Evaluations(Part):
    """`evaluations` as they came: one that is wrong is denied by itself, and the others are answered."""

    subject: dict[str, Any] | None = None
    action: dict[str, Any] | None = None
    resource: dict[str, Any] | None = None
    evaluations: Annotated[list[dict[str, Any]], Field(max_length=MOST_EVALUATIONS)] = []
    options: Options = Options()

    def each(self) -> list[Evaluation | str]:
        """Every evaluation, with what it leaves to the question around it; a sentence for a wrong one."""
        defaults = {"subject": self.subject, "action": self.action, "resource": self.resource}
        usual = {name: part for name, part in defaults.items() if part is not None}
        return [_whole(usual | one) for one in self.evaluations]


class Page(Part):
    token: Annotated[str, Field(max_length=200)] = ""
    limit: Annotated[int, Field(ge=0)] | None = None


class Search(Part):
    context: dict[str, Any] | None = None
    page: Page = Page()


class SubjectSearch(Search):
    subject: Kind
    action: Action
    resource: Entity


class ResourceSearch(Search):
    subject: Entity
    action: Action
    resource: Kind


class ActionSearch(Search):
    subject: Entity
    resource: Entity


M = TypeVar("M", bound=Part)


def parse_question(body: bytes, model: type[M]) -> M:
    """A message of a model from JSON. Raises `Malformed`; a name that is there twice is one reason."""
    try:
        value = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False).encode()  # half a character can be escaped, and is no text
    except (UnicodeError, RecursionError):
        raise Malformed("The body is not JSON in UTF-8.") from None
    except ValueError as wrong:
        raise Malformed(f"The body is not JSON: {wrong}.") from None
    if not isinstance(value, dict):
        raise Malformed("The body is not a JSON object.")
    try:
        return model.model_validate(value)
    except ValidationError as wrong:
        raise Malformed(_said(wrong)) from None


def page_of(question: Search, results: Sequence[Mapping[str, str]], left_off: str = "") -> dict[str, object]:
    """One page of the results. Raises `Malformed` for a token that is none, or of another question.

    `left_off` says why these are not all there are: it is told, and no total is.
    """
    asked = question.model_dump_json(exclude={"page"})
    offset, limit = _position(question.page, sha256(asked.encode()).hexdigest()[:16])
    shown = results[offset : offset + limit]
    after = offset + len(shown)
    token = _token(after, limit, asked) if after < len(results) else ""
    page: dict[str, object] = {"next_token": token, "count": len(shown)}
    if left_off:
        told = {"reason_admin": {"en": left_off}}
        return {"page": page, "context": told, "results": list(shown)}
    return {"page": {**page, "total": len(results)}, "results": list(shown)}


def _position(page: Page, digest: str) -> tuple[int, int]:
    """The first result of the page, and how many it may hold."""
    limit = min(PAGE if page.limit is None else page.limit, MOST_ON_A_PAGE)
    if not page.token:
        return 0, limit
    try:
        offset, kept, of = urlsafe_b64decode(page.token.encode()).decode().split(".")
        start, size = int(offset), int(kept)
    except ValueError:
        raise Malformed("page.token: not one that an answer held.") from None
    if of != digest or start < 0 or not 0 <= size <= MOST_ON_A_PAGE:
        raise Malformed("page.token: it belongs to another question.")
    if page.limit is not None and limit != size:
        raise Malformed("page.limit: it was another one on the page before.")
    return start, size


def _token(offset: int, limit: int, asked: str) -> str:
    digest = sha256(asked.encode()).hexdigest()[:16]
    return urlsafe_b64encode(f"{offset}.{limit}.{digest}".encode()).decode()


def _whole(value: Mapping[str, object]) -> Evaluation | str:
    try:
        return Evaluation.model_validate(value)
    except ValidationError as wrong:
        return _said(wrong)


def _said(wrong: ValidationError) -> str:
    problems = wrong.errors(include_url=False)[:SHOWN]
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problems)


def _once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is in one object twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")
