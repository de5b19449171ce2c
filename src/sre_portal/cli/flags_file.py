"""Looks at a file of flags without a portal."""

from __future__ import annotations

from dataclasses import asdict

from sre_portal.core.errors import InvalidInput
from sre_portal.core.flag_lint import lint_flags
from sre_portal.core.flag_said import accepted


def looked_at(text: str, source: str) -> tuple[list[dict[str, object]], list[dict[str, str]]]:
    """Every problem of a document, and advice where there is none."""
    try:
        definitions = accepted(text, source)
    except InvalidInput as wrong:
        return [asdict(one) for one in wrong.problems], []
    return [], [{"path": one.path, "text": one.text} for one in lint_flags(definitions)]
