"""Looks at a file of flags without a portal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

from pydantic import TypeAdapter

from sre_portal.cli.seen import Seen, parsed
from sre_portal.core.errors import InvalidInput
from sre_portal.core.flag_facts import unknown_facts
from sre_portal.core.flag_lint import Advice, lint_flags
from sre_portal.core.flag_said import accepted


class _Named(Seen):
    name: str


class _SloSeen(Seen):
    metadata: _Named


def slos_in(answer: object) -> Sequence[str]:
    """The names of the SLOs of a portal. Raises `PortalLost` where no portal answers so."""
    return [one.metadata.name for one in parsed(TypeAdapter(list[_SloSeen]), answer, "SLOs")]


def looked_at(
    text: str, source: str, ask_slos: Callable[[], Sequence[str]] | None = None
) -> tuple[list[dict[str, object]], list[dict[str, str]]]:
    """Every problem of a document, and advice where there is none.

    `ask_slos` tells which SLOs there are, and is asked where a rule reads facts of any; None: nobody knows.
    """
    try:
        definitions = accepted(text, source)
    except InvalidInput as wrong:
        return [asdict(one) for one in wrong.problems], []
    advice = lint_flags(definitions)
    flags, evaluators = definitions.flags.values(), definitions.evaluators
    if ask_slos is not None and unknown_facts(flags, evaluators, ()):
        advice += [
            Advice(f"flags.{key}", f"{path} is no fact of this portal: the rule gets its fallback.")
            for key, paths in unknown_facts(flags, evaluators, ask_slos()).items()
            for path in paths
        ]
    return [], [{"path": one.path, "text": one.text} for one in advice]
