"""What pydantic says about a document, in the words of the document. One table, by the kind of error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from sre_portal.core.document import Document, dump_duration
from sre_portal.core.errors import Problem
from sre_portal.core.phrase import closest, closest_first, listed
from sre_portal.core.place import Path, document_path

SHOWN_CHARACTERS = 60

ENDLESS = "a duration such as 60s: a fault without an end is refused, because nobody may be there to stop it"
"""Said where an experiment gives no duration."""

NAME = "lower case letters, digits, dots and dashes, at most 63, with a letter or digit at both ends"

REQUIRED: Mapping[str, str] = {
    "spec.duration": ENDLESS,
    "spec.faults": "a list of faults, each of type latency, error or abort; or an expectation of type flag",
    "spec.objective": "a percentage such as 99.9",
    "metadata": "a mapping with the name",
    "metadata.name": f"a name: {NAME}",
}
"""What a document is missing where it does not have these."""


def complain(model: type[Document], error: ErrorDetails) -> tuple[Path, Problem] | None:
    """The path and the problem of one error that validating `model` raised. None where it repeats another."""
    if error["type"] == "invalid_key":
        return None  # told of the whole document, whatever the model
    if error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]:
        return None  # its entries were refused, each for its own reason
    path, parent, choices = locate(model, error["loc"])
    where = document_path(path)
    if error["type"] == "extra_forbidden":
        return path, Problem(where, shown_key(path), _known_keys(str(path[-1]), parent))
    if error["type"] == "missing":
        return path, Problem(where, "nothing", REQUIRED.get(where, "a value: this key is required"))
    if error["input"] in (None, []) and where in REQUIRED:
        return path, Problem(where, shown(error["input"]), REQUIRED[where])
    if error["type"] in ("union_tag_not_found", "union_tag_invalid"):
        path = (*path, "type")
        value = error["input"].get("type") if isinstance(error["input"], Mapping) else error["input"]
        return path, Problem(document_path(path), shown(value), _one_type(choices, value))
    say = SAY.get(error["type"])
    expected = error["msg"] if say is None else say(error.get("ctx", {}), error["input"])
    return path, Problem(where, shown(error["input"]), expected)


def shown(value: object) -> str:
    """A value as a document would write it, cut short."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list" if value else "an empty list"
        case str():
            cut = value if len(value) <= SHOWN_CHARACTERS else f"{value[:SHOWN_CHARACTERS]}..."
            return json.dumps(cut, ensure_ascii=False)
        case _:
            return str(value)[:SHOWN_CHARACTERS]


def shown_key(path: Path) -> str:
    """The last key of a path, as something that should not be there."""
    return f"the unknown key {shown(str(path[-1]))}"


Models = tuple[type[BaseModel], ...]


def locate(
    model: type[BaseModel], location: tuple[int | str, ...]
) -> tuple[Path, type[BaseModel] | None, Models]:
    """The path of an error in the document, the model of the mapping it is in, and the models expected there.

    Pydantic's location names the branch of a union that it took (its `type`); the document does not.
    """
    path: Path = ()
    parent: type[BaseModel] | None = None
    choices: Models = (model,)
    for part in location:
        if isinstance(part, int):
            path = (*path, part)
        elif len(choices) > 1:
            choices = tuple(one for one in choices if part in _types_of(one))
        else:
            path = (*path, part)
            parent = choices[0] if choices else None
            choices = _models_at(parent, part)
    return path, parent, choices


def _models_at(model: type[BaseModel] | None, key: str) -> Models:
    fields = model.model_fields.items() if model else ()
    found = (field.annotation for name, field in fields if (field.alias or name) == key)
    return tuple(_models_in(next(found, None)))


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _types_of(model: type[BaseModel]) -> tuple[str, ...]:
    field = model.model_fields.get("type")
    return get_args(field.annotation) if field else ()


def _known_keys(key: str, parent: type[BaseModel] | None) -> str:
    known = [field.alias or name for name, field in parent.model_fields.items()] if parent else []
    if not known:
        return "no such key"
    near = closest(to_camel(key), known)
    return near or (f"one of {listed(sorted(known))}" if len(known) > 1 else f"only {known[0]}")


def _one_type(choices: Models, value: object) -> str:
    known = [kind for choice in choices for kind in _types_of(choice)]
    return f"one of {listed(closest_first(value if isinstance(value, str) else '', known))}"


def _bound(value: object) -> str:
    if isinstance(value, timedelta):
        return dump_duration(value)
    return f"{value:g}" if isinstance(value, int | float | Decimal) else str(value)


def _one_of(context: Mapping[str, Any], value: object) -> str:
    known = [part.strip("'") for part in str(context["expected"]).replace(" or ", ", ").split(", ")]
    ordered = closest_first(value, known) if isinstance(value, str) else known
    return ordered[0] if len(ordered) == 1 else f"one of {listed(ordered)}"


def _said(context: Mapping[str, Any], _: object) -> str:
    return str(context["error"])


def _fixed(text: str) -> Callable[[Mapping[str, Any], object], str]:
    return lambda _context, _value: text


def _text(_: Mapping[str, Any], value: object) -> str:
    return "text: put it in quotes" if isinstance(value, int | float) else "text"


SAY: Mapping[str, Callable[[Mapping[str, Any], object], str]] = {
    "value_error": _said,
    "literal_error": _one_of,
    "enum": _one_of,
    "string_type": _text,
    "string_pattern_mismatch": _fixed(NAME),
    "string_too_short": lambda context, _: f"at least {context['min_length']} characters".replace(
        "1 characters", "1 character"
    ),
    "string_too_long": lambda context, _: f"at most {context['max_length']} characters",
    "int_type": _fixed("a whole number"),
    "int_parsing": _fixed("a whole number"),
    "int_parsing_size": _fixed("a smaller whole number"),
    "int_from_float": _fixed("a whole number"),
    "float_type": _fixed("a number"),
    "float_parsing": _fixed("a number"),
    "finite_number": _fixed("a finite number"),
    "bool_type": _fixed("true or false"),
    "bool_parsing": _fixed("true or false"),
    "greater_than": lambda context, _: f"more than {_bound(context['gt'])}",
    "greater_than_equal": lambda context, _: f"at least {_bound(context['ge'])}",
    "less_than": lambda context, _: f"less than {_bound(context['lt'])}",
    "less_than_equal": lambda context, _: f"at most {_bound(context['le'])}",
    "tuple_type": _fixed("a list"),
    "list_type": _fixed("a list"),
    "dict_type": _fixed("a mapping"),
    "model_type": _fixed("a mapping"),
    "model_attributes_type": _fixed("a mapping"),
    "too_short": lambda context, _: f"at least {context['min_length']} entries",
    "too_long": lambda context, _: f"at most {context['max_length']} entries",
}
"""What would be right, by pydantic's type of error, from its context and the value it saw."""
