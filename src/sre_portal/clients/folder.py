"""Documents in force, read once from folders of YAML files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from sre_portal.core.access_document import Access
from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.core.experiment import Experiment
from sre_portal.core.parse import parse_access, parse_documents
from sre_portal.core.slo import Slo
from sre_portal.core.validation import AnyDocument

Document = Slo | Experiment


@dataclass(frozen=True, slots=True)
class FolderCatalogue:
    """Implements `core.ports.Catalogue`."""

    held_slos: tuple[Slo, ...] = ()
    held_experiments: tuple[Experiment, ...] = ()

    def slos(self) -> Sequence[Slo]:
        return self.held_slos

    def experiments(self) -> Sequence[Experiment]:
        return self.held_experiments


def load_catalogue(folders: Sequence[Path]) -> FolderCatalogue:
    """Every `*.yaml` and `*.yml` directly in the folders.

    Raises `InvalidInput` with every problem of every file.
    """
    problems: list[Problem] = []
    found: dict[tuple[str, str], Document] = {}
    for path in _files(folders, problems):
        for document in _read(path, problems):
            if isinstance(document, Access):
                expected = (
                    "SLO and Experiment documents; an Access document is named by SRE_PORTAL_ACCESS_FILE"
                )
                problems.append(Problem(str(path), "an Access document", expected))
                continue
            key = (document.kind, document.name)
            if key in found:
                problems.append(
                    Problem(str(path), f"{document.kind} {document.name!r} again", "one document a name")
                )
            found[key] = document
    if problems:
        raise InvalidInput(problems)
    return FolderCatalogue(
        tuple(one for one in found.values() if isinstance(one, Slo)),
        tuple(one for one in found.values() if isinstance(one, Experiment)),
    )


def load_access(file: Path, services: Collection[str]) -> Access:
    """The Access document in a file. Raises `InvalidInput` with every problem."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as unreadable:
        problem = Problem("SRE_PORTAL_ACCESS_FILE", str(unreadable), "a readable UTF-8 file")
        raise InvalidInput([problem]) from None
    return parse_access(text, str(file), services)


def _files(folders: Sequence[Path], problems: list[Problem]) -> list[Path]:
    files: dict[Path, None] = {}
    for folder in folders:
        if not folder.is_dir():
            problems.append(Problem(str(folder), "no such folder", "a folder of YAML documents"))
            continue
        try:
            found = sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})
        except OSError as unreadable:
            problems.append(Problem(str(folder), str(unreadable.strerror), "a folder that can be read"))
            continue
        files |= dict.fromkeys(found)
    return list(files)


def _read(path: Path, problems: list[Problem]) -> Sequence[AnyDocument]:
    try:
        return parse_documents(path.read_text(encoding="utf-8"), str(path))
    except InvalidInput as invalid:
        problems.extend(
            Problem(_located(path, problem.path), problem.seen, problem.expected)
            for problem in invalid.problems
        )
    except (OSError, UnicodeDecodeError) as unreadable:
        problems.append(Problem(str(path), str(unreadable), "a readable UTF-8 file"))
    return ()


def _located(path: Path, inner: str) -> str:
    return inner if inner.startswith(str(path)) else f"{path}: {inner}"
