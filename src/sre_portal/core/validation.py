"""One document as it was written, checked against its model and its rules: every problem with its line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from pydantic import ValidationError

from sre_portal.core.access_document import Access
from sre_portal.core.complaint import complain, shown
from sre_portal.core.document import API_VERSION
from sre_portal.core.errors import Problem
from sre_portal.core.experiment import Experiment
from sre_portal.core.phrase import closest_first, listed
from sre_portal.core.place import DEEPEST, Path, document_path, line_of, select, walk
from sre_portal.core.rules import findings
from sre_portal.core.slo import Slo
from sre_portal.core.yaml_text import Raw

AnyDocument = Slo | Experiment | Access

KINDS: Mapping[str, type[AnyDocument]] = {"SLO": Slo, "Experiment": Experiment, "Access": Access}

MOST_PROBLEMS = 100
"""More than this many are counted, not told."""

_METHODS = ("spec.methods", "spec.target.methods")


def validate(raw: Raw, kind: str | None = None) -> tuple[AnyDocument | None, list[Problem]]:
    """The document, or None and its problems in the order of its lines. `kind` is the one asked for."""
    told = _Findings(raw.lines)
    for path, problem in _unusable(raw.value):
        told.add(path, problem)
    if not isinstance(raw.value, dict):
        told.add((), Problem("", shown(raw.value), "a mapping with apiVersion, kind, metadata and spec"))
        return None, told.in_order()
    for path, problem in _head(raw.value, kind):
        told.add(path, problem)
    found = raw.value.get("kind")
    known = found if isinstance(found, str) and found in KINDS else kind
    if known is None or (kind is not None and known != kind):
        return None, told.in_order()  # without the right kind nothing more can be said
    value = _normalised(raw.value)
    for path, seen, expected in islice(findings(known, value), 2 * MOST_PROBLEMS):
        told.add(path, Problem(document_path(path), shown(seen), expected))
    document = None
    try:
        document = KINDS[known].model_validate(value, by_alias=True, by_name=False)
    except ValidationError as wrong:
        for error in wrong.errors(include_url=False)[: 2 * MOST_PROBLEMS]:
            if (complaint := complain(KINDS[known], error)) is not None:
                told.add(*complaint)
    return (None if told.found else document), told.in_order()


@dataclass(slots=True)
class _Findings:
    """Problems of one document, the first of each place, in the order of its lines."""

    lines: Mapping[Path, int]
    found: dict[Path, Problem] = field(default_factory=dict)

    def add(self, path: Path, problem: Problem) -> None:
        self.found.setdefault(path, replace(problem, line=line_of(path, self.lines)))

    def in_order(self) -> list[Problem]:
        return sorted(self.found.values(), key=lambda problem: problem.line)


def _unusable(value: object) -> Iterator[tuple[Path, Problem]]:
    """What no document may hold, wherever it is."""
    for path, one in walk(value):
        if len(path) > DEEPEST:
            seen = f"more than {DEEPEST} levels of lists and mappings"
            yield path[:4], Problem(document_path(path[:4]), seen, "a flatter document")
        elif isinstance(one, float) and not math.isfinite(one):
            yield path, Problem(document_path(path), str(one), "a finite number")
        elif isinstance(one, dict):
            for key in one:
                if not isinstance(key, str):
                    yield (
                        (*path, str(key)),
                        Problem(document_path(path), f"the key {key}", "a key that is text"),
                    )


def _head(value: Mapping[str, object], kind: str | None) -> Iterator[tuple[Path, Problem]]:
    version, found = value.get("apiVersion"), value.get("kind")
    if version != API_VERSION:
        yield ("apiVersion",), Problem("apiVersion", shown(version), API_VERSION)
    wanted = list(KINDS) if kind is None else [kind]
    if found not in wanted:
        ordered = closest_first(found, wanted) if isinstance(found, str) else wanted
        yield ("kind",), Problem("kind", shown(found), ordered[0] if kind else f"one of {listed(ordered)}")


def _normalised(document: Mapping[str, object]) -> object:
    """The document with its methods in upper case."""
    value: object = document
    for pattern in _METHODS:
        for path, methods in select(document, pattern):
            if isinstance(methods, list):
                upper = [one.upper() if isinstance(one, str) else one for one in methods]
                value = _with(value, path, upper)
    return value


def _with(value: object, path: Path, new: object) -> object:
    if not path or not isinstance(value, Mapping):
        return new
    key = str(path[0])
    return {**value, key: _with(value[key], path[1:], new)}
