"""Documents from YAML or JSON text, and back. Every problem is told at once, with its place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from sre_portal.core.access_document import Access, access_problems
from sre_portal.core.complaint import shown
from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.core.experiment import Experiment
from sre_portal.core.place import line_of, parse_path
from sre_portal.core.slo import Slo
from sre_portal.core.validation import MOST_PROBLEMS, AnyDocument, validate
from sre_portal.core.yaml_text import Raw, read_yaml, write_yaml


def parse_documents(text: str, source: str = "") -> tuple[AnyDocument, ...]:
    """Every document of a YAML text. Two of the same kind and name are a problem.

    Raises `InvalidInput` with every problem of every document; `source` (a file name) is told with each.
    """
    raws, problems = read_yaml(text)
    found = []
    names: dict[tuple[str, str], int] = {}
    for raw in raws:
        if len(problems) > MOST_PROBLEMS:
            break  # nobody reads on, and checking on would take its time
        document, wrong = validate(raw)
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


def parse_access(text: str, source: str = "", services: Collection[str] | None = None) -> Access:
    """The one Access document of a YAML text. Raises `InvalidInput`, also where it holds anything else.

    `services` are those there are, for rules that name some; None where that is not known.
    """
    document = _parse_one(text, source, "Access")
    if not isinstance(document, Access):
        raise TypeError("the kind was checked")
    (raw,), _ = read_yaml(text)
    _raise([_placed(one, raw) for one in access_problems(document, services)], source)
    return document


def parse_mapping(value: object, source: str = "") -> AnyDocument:
    """The document of a JSON body. Raises `InvalidInput` with every problem."""
    document, problems = validate(Raw(value))
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
        document, wrong = validate(raw, kind)
        problems += _new(wrong, problems)
    _raise(problems, source)
    return document


def _placed(problem: Problem, raw: Raw) -> Problem:
    """The problem with the line of what it is about."""
    return replace(problem, line=line_of(parse_path(problem.path), raw.lines))


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
        more = f"at least {len(problems) - MOST_PROBLEMS} more problems"
        told.append(Problem("", more, "a document with fewer", source=source))
    raise InvalidInput(told)
