"""What somebody would get from a flag as it is being written, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.core.flag.definition import UNMET
from sre_portal.core.flag.prerequisite import path_of
from sre_portal.core.flag.resolution import CODE_DEFAULT, Reason, Resolution
from sre_portal.core.flag_context import parse_context
from sre_portal.core.flag_explain import Explanation, Look
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_lint import lint_flag
from sre_portal.core.flag_rule_words import rule_text_words
from sre_portal.operations.flag_draft import draft_of, explained
from sre_portal.operations.flag_facts import unknown_facts_of
from sre_portal.operations.flags import kept_now
from sre_portal.operations.ports import Ports
from sre_portal.web import render
from sre_portal.web.context import ports_of
from sre_portal.web.pages.flag_form import long_fields
from sre_portal.web.pages.flag_place import flag_in
from sre_portal.web.pages.flag_words import readable, value_text
from sre_portal.web.pages.pill import Pill, pill
from sre_portal.web.rate import pace_flip

MOST_STEPS = 60
"""Steps through a rule that are shown."""

WHY: Mapping[Reason, str] = {
    Reason.STATIC: "the flag has no rule",
    Reason.DEFAULT: "the rule gives nothing, so the default variant is taken",
    Reason.TARGETING_MATCH: "the rule says so",
    Reason.SPLIT: "the split says so",
    Reason.DISABLED: "the flag is disabled",
    Reason.ERROR: "the rule failed",
}


@dataclass(frozen=True, slots=True)
class PreviewStep:
    """One part of the rule that was looked at."""

    place: str
    words: str
    value: str
    decided: bool


@dataclass(frozen=True, slots=True)
class Answer:
    variant: str
    value: str
    pill: Pill
    why: str
    steps: tuple[PreviewStep, ...]
    more: int
    """Steps that are not shown."""

    @classmethod
    def of(cls, told: Explanation, key: str) -> Answer:
        found = told.resolution
        failed = found.reason is Reason.ERROR
        shown = told.looked[:MOST_STEPS]
        decider = _decider(shown, told.branch)
        return cls(
            variant=found.variant or CODE_DEFAULT,
            value=readable(found.value) if found.variant is not None else "",
            pill=pill("risk", "failed") if failed else pill("ok", found.reason.value),
            why=_why(found),
            steps=tuple(_step(one, key, decided=one is decider) for one in shown),
            more=len(told.looked) - len(shown),
        )


@dataclass(frozen=True, slots=True)
class Preview:
    """The fragment: problems of the definition or of the context, else the answer."""

    problems: tuple[str, ...]
    answer: Answer | None
    note: str
    """What the context lacks, in a sentence; else empty."""
    unknown: Sequence[str] = ()
    """Facts that the rule reads and that no SLO here has."""
    advice: tuple[str, ...] = ()
    """What is right, and probably not meant."""


def _previewed(ports: Ports, kept: KeptSet, key: str, fields: Mapping[str, str]) -> Preview:
    try:
        draft = draft_of(kept, key, fields.get("definition", ""))
        asked = parse_context(fields.get("context", ""))
    except InvalidInput as invalid:
        return Preview(told_problems(invalid.problems), None, "")
    told = explained(ports, draft, asked)
    advice = tuple(map(str, lint_flag(draft.flag, draft.flags.definitions)))
    note = "" if "targetingKey" in asked else "Nobody is named: a split needs a targetingKey."
    unknown = unknown_facts_of(ports, draft.flags.definitions, draft.flag.key)
    return Preview((), Answer.of(told, draft.flag.key), note, unknown, advice)


@pace_flip
async def preview(request: Request) -> Response:
    """`POST /flags/{flag_set}/{key}/preview`: a fragment."""
    (flag_set, key), fields = flag_in(request), await long_fields(request)
    return HTMLResponse(
        render.part("flag_preview.html", await preview_of(ports_of(request), flag_set, key, fields))
    )


async def preview_of(ports: Ports, flag_set: str, key: str, fields: Mapping[str, str]) -> Preview:
    """What the fields of the editor would give, or every problem."""
    kept = await kept_now(ports, flag_set)
    return await ports.aside.do(partial(_previewed, ports, kept, key, fields))


def told_problems(problems: Sequence[Problem]) -> tuple[str, ...]:
    return tuple(map(str, problems))


def _why(found: Resolution) -> str:
    if found.reason is Reason.ERROR:
        return found.error_details
    if (unmet := found.metadata.get(UNMET)) is not None:
        return f"a prerequisite is not met: {unmet}"
    return WHY.get(found.reason, "")


def _decider(looked: Sequence[Look], branch: str) -> Look | None:
    """The innermost part around the branch that was taken; None where nothing decided."""
    around = [one for one in reversed(looked) if branch and _is_around(one.path, branch)]
    return max(around, key=lambda one: len(one.path), default=None)


def _is_around(path: str, branch: str) -> bool:
    return branch.startswith(path) and branch[len(path) : len(path) + 1] in {"", ".", "["}


def _step(look: Look, key: str, *, decided: bool) -> PreviewStep:
    value = "nothing" if look.value is None else value_text(look.value)
    if look.path == path_of(key):
        return PreviewStep("prerequisites", f"it needs {look.rule}", value, decided)
    place = look.path.removeprefix(f"flags.{key}.targeting").lstrip(".") or "the rule"
    return PreviewStep(place, rule_text_words(look.rule), value, decided)
