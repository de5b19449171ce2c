"""Asks once more before an act that cannot be taken back: what it does, to whom, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.errors import Problem
from sre_portal.web import render
from sre_portal.web.pages.form import Form


@dataclass(frozen=True, slots=True)
class Question:
    """What is about to happen."""

    title: str
    facts: tuple[tuple[str, str], ...]
    action: str
    """Where the form posts to."""
    yes: str
    back: str
    no: str = "Leave it as it is"
    wants_reason: bool = True
    harmful: bool = True
    """Whether it takes something away."""
    hidden: tuple[tuple[str, str], ...] = ()
    """What the form posts besides."""


@dataclass(frozen=True, slots=True)
class ConfirmPage:
    question: Question
    form: Form


def confirm_page(
    request: Request,
    question: Question,
    given: Mapping[str, str] | None = None,
    wrong: Sequence[Problem] = (),
) -> Response:
    """The page that asks; again with the problems where the answer had some."""
    view = ConfirmPage(question, Form.of({"reason": ""}, given, wrong))
    return render.page(request, "access_confirm.html", view, 422 if wrong else 200)
