"""Documents from YAML or JSON text, and back. Every problem is told at once, with its place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from sre_portal.core.complaint import complain, shown
from sre_portal.core.document import API_VERSION
from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.core.experiment import Experiment
from sre_portal.core.phrase import closest_first, listed
from sre_portal.core.rules import findings, select
from sre_portal.core.slo import Slo
from sre_portal.core.yaml_text import DEEPEST, Path, Raw, document_path, read_yaml, walk, write_yaml

AnyDocument = Slo | Experiment

KINDS: Mapping[str, type[AnyDocument]] = {"SLO": Slo, "Experiment": Experiment}

MOST_PROBLEMS = 100
"""More than this many are counted, not told."""

_METHODS = ("spec.methods", "spec.target.methods")


def parse_documents(text: str, source: str = "") -> tuple[AnyDocument, ...]:
    """Every document of a YAML text. Two of the same kind and name are a problem.

    Raises `InvalidInput` with every problem of every document; `source` (a file name) is told with each.
    """
    raws, problems = read_yaml(text)
    found = []
    names: dict[tuple[str, str], int] = {}
    for raw in raws:
        document, wrong = _parse(raw)
        problems += _new(wrong, problems)
        if document is None:
            continue
        line = raw.lines.get(("metadata", "name"), 0)
        if (first := names.setdefault((document.kind, document.name), line)) != line:
            expected = f"one {document.kind} of this name (the first is on line {first})"
            problems.append(Problem("metadata.name", shown(document.name), expected, line=line))
        found.append(document)
    _raise(problems, source)
    return tuple(found)


def parse_experiment(text: str, source: str = "") -> Experiment:
    """The one experiment of a YAML text. Raises `InvalidInput`, also where it holds anything else."""
    document = _parse_one(text, source, "Experiment")
    if not isinstance(document, Experiment):
        raise TypeError("the kind was checked")
    return document


def parse_slo(text: str, source: str = "") -> Slo:
    """The one SLO of a YAML text. Raises `InvalidInput`, also where it holds anything else."""
    document = _parse_one(text, source, "SLO")
    if not isinstance(document, Slo):
        raise TypeError("the kind was checked")
    return document


def parse_mapping(value: object, source: str = "") -> AnyDocument:
    """The document of a JSON body. Raises `InvalidInput` with every problem."""
    document, problems = _parse(Raw(value))
    _raise(problems, source)
    if document is None:
        raise TypeError("a document without problems is there")
    return document


def dump_document(document: AnyDocument) -> str:
    """YAML that parses back to an equal document. Values that are the default are left out."""
    content = document.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    head = {"apiVersion": document.api_version, "kind": document.kind}
    return write_yaml(head | content)


def _parse_one(text: str, source: str, kind: str) -> AnyDocument | None:
    raws, problems = read_yaml(text)
    if len(raws) > 1:
        line = raws[1].lines.get((), 0)
        problems.append(Problem("", f"{len(raws)} documents", f"one {kind}", line=line))
    document = None
    for raw in raws[:1]:
        document, wrong = _parse(raw, kind)
        problems += _new(wrong, problems)
    _raise(problems, source)
    return document


@dataclass(slots=True)
class _Findings:
    """Problems of one document, the first of each place, in the order of its lines."""

    lines: Mapping[Path, int]
    found: dict[Path, Problem] = field(default_factory=dict)

    def add(self, path: Path, problem: Problem) -> None:
        line = next(
            (self.lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in self.lines), 0
        )
        self.found.setdefault(path, replace(problem, line=line))

    def in_order(self) -> list[Problem]:
        return sorted(self.found.values(), key=lambda problem: problem.line)


def _parse(raw: Raw, kind: str | None = None) -> tuple[AnyDocument | None, list[Problem]]:
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
    for path, seen, expected in findings(known, value):
        told.add(path, Problem(document_path(path), shown(seen), expected))
    document = None
    try:
        document = KINDS[known].model_validate(value, by_alias=True, by_name=False)
    except ValidationError as wrong:
        for error in wrong.errors(include_url=False)[: 2 * MOST_PROBLEMS]:
            if (complaint := complain(KINDS[known], error)) is not None:
                told.add(*complaint)
    return (None if told.found else document), told.in_order()


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


def _new(wrong: Iterable[Problem], told: Iterable[Problem]) -> list[Problem]:
    """Those at a place of which nothing was told yet: what could not be read has no right type either."""
    places = {(problem.path, problem.line) for problem in told}
    return [problem for problem in wrong if (problem.path, problem.line) not in places]


def _raise(problems: Sequence[Problem], source: str) -> None:
    if not problems:
        return
    ordered = sorted(problems, key=lambda problem: problem.line)
    told = [replace(problem, source=source) for problem in ordered[:MOST_PROBLEMS]]
    if len(problems) > MOST_PROBLEMS:
        more = f"{len(problems) - MOST_PROBLEMS} more problems"
        told.append(Problem("", more, "a document with fewer", source=source))
    raise InvalidInput(told)
