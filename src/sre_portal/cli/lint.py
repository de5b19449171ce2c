"""Checks an experiment: here, and by the portal where there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from pydantic import ValidationError

from sre_portal.cli.ask import ask
from sre_portal.cli.exits import problem_line
from sre_portal.cli.portal import PortalLost
from sre_portal.cli.seen import Seen
from sre_portal.core.errors import InvalidInput
from sre_portal.core.lint import advice_of
from sre_portal.core.parse import parse_experiment


@dataclass(frozen=True, slots=True)
class Found:
    """What a check found. Advice is worth reading and stops nothing."""

    problems: Sequence[Mapping[str, object]]
    advice: Sequence[str]

    def document(self) -> dict[str, object]:
        return {"problems": list(self.problems), "advice": list(self.advice)}

    def lines(self, name: str) -> list[str]:
        return [
            *(problem_line(problem) for problem in self.problems),
            *(f"advice: {text}" for text in self.advice),
            *([] if self.problems else [f"{name}: no problem found"]),
        ]


class _Answer(Seen):
    problems: tuple[dict[str, object], ...]
    advice: tuple[str, ...] = ()


def lint_document(name: str, text: str, portal_url: str, token: str) -> Found:
    """Every problem and every advice. The portal is asked only about a document that is sound by itself."""
    try:
        experiment = parse_experiment(text, name)
    except InvalidInput as invalid:
        return Found([asdict(problem) for problem in invalid.problems], [])
    here = [str(advice) for advice in advice_of(experiment)]
    if not portal_url:
        return Found([], here)
    return _with_portal(
        here, ask(portal_url, token, lambda at: at.post("/experiments/lint", {"document": text}))
    )


def _with_portal(here: Sequence[str], answer: object) -> Found:
    try:
        there = _Answer.model_validate(answer)
    except ValidationError:
        raise PortalLost("The portal's answer is not a list of problems.") from None
    return Found(there.problems, [*here, *(text for text in there.advice if text not in here)])
