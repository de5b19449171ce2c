"""Exit codes, and how a command ends early. The table is the source of the help and of the reference."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum

import typer

from sre_portal.cli.plain import say


class Code(IntEnum):
    PASSED = 0
    FAILED = 1
    BAD_INPUT = 2
    UNDECIDED = 3
    ABORTED = 4
    UNREACHABLE = 5
    OUTDATED = 6


MEANING: Mapping[Code, str] = {
    Code.PASSED: "the run passed; for other commands: done",
    Code.FAILED: "the run failed: something reacted otherwise than expected; access explain: not allowed",
    Code.BAD_INPUT: "bad input: a file, document, setting, option, address, token or permission",
    Code.UNDECIDED: "nothing was proven: the run was refused, is inconclusive, or invalid; "
    "flags: nothing has changed yet, the change waits for a second person",
    Code.ABORTED: "the run was aborted: by a guardrail, by a person, or by Ctrl-C",
    Code.UNREACHABLE: "the portal was not reachable, or was lost in the middle of a run",
    Code.OUTDATED: "it is not as it was seen: somebody else was first, or it is over; nothing was done",
}

CODE_OF_VERDICT: Mapping[str, Code] = {
    "passed": Code.PASSED,
    "failed": Code.FAILED,
    "inconclusive": Code.UNDECIDED,
    "invalid": Code.UNDECIDED,
    "aborted": Code.ABORTED,
}


def help_text() -> str:
    """The table for a help page, in its Markdown."""
    return "Exit codes:\n\n" + "\n".join(f"- {code.value}: {meaning}" for code, meaning in MEANING.items())


class CommandFailed(Exception):
    """Ends a command: a sentence for a person, the facts for a program, and the exit code."""

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        problems: Sequence[Mapping[str, object]] = (),
        objections: Sequence[Mapping[str, object]] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.problems = tuple(problems)
        self.objections = tuple(objections)

    def lines(self) -> list[str]:
        """What a person reads."""
        return [
            str(self),
            *(f"  {problem_line(problem)}" for problem in self.problems),
            *(f"  {one.get('guard', '')}: {one.get('reason', '')}" for one in self.objections),
        ]

    def document(self) -> dict[str, object]:
        """What a program reads."""
        return {
            "error": str(self),
            "exit_code": self.code.value,
            "problems": list(self.problems),
            "objections": list(self.objections),
        }


def problem_line(problem: Mapping[str, object]) -> str:
    """One problem on one line: place where it is known, path, what was seen, what would be right."""
    source, line = problem.get("source") or "", problem.get("line") or ""
    place = f"{source}:{line}" if source and line else f"line {line}" if line else source
    what = f"{problem.get('seen', '')}; expected {problem.get('expected', '')}"
    text = ": ".join(str(part) for part in (place, problem.get("path"), what) if part)
    return " ".join(text.split())


@contextmanager
def told(as_json: bool) -> Iterator[None]:
    """Turns `CommandFailed` into text on the standard error, with --json a document, and the exit code."""
    try:
        yield
    except CommandFailed as failed:
        say(failed.lines(), sys.stderr)
        if as_json:
            print_json(failed.document())
        raise typer.Exit(failed.code.value) from None


def print_json(document: object) -> None:
    """The one document of --json, in ASCII: whatever a text holds, a terminal only shows it."""
    print(json.dumps(document, indent=2).replace("\x7f", "\\u007f"))
