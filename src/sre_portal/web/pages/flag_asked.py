"""Asks once more before a flag is toggled or removed: what will happen, to whom, and why it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.errors import Problem
from sre_portal.core.flag.resolution import CODE_DEFAULT
from sre_portal.core.flag_kept import KeptSet, live_row
from sre_portal.core.flag_name import service_of
from sre_portal.core.flag_step import FlagStep, Remove, Toggle
from sre_portal.operations.flags import kept_set, waits_for_second
from sre_portal.web.context import ports_of, principal_of
from sre_portal.web.pages.confirm import Question, confirm_page
from sre_portal.web.pages.figures import moment
from sre_portal.web.pages.flag_place import flag_in
from sre_portal.web.pages.flag_words import Serving, flag_href, serving_of, state_of

WAITS = "when a second person has approved: the flag is protected"
AT_ONCE = "at once, on every replica and in every agent that listens"


async def ask_to_toggle(
    request: Request, given: Mapping[str, str] | None = None, wrong: Sequence[Problem] = ()
) -> Response:
    """`GET /flags/{flag_set}/{key}/toggle`. Whether it is enabled or disabled is what it is not now."""
    flag_set, key = flag_in(request)
    kept = kept_set(ports_of(request), flag_set)
    live_row(kept, key)
    enabling = _enables(kept, key, given)
    verb = "Enable" if enabling else "Disable"
    question = Question(
        title=f"{verb} {key}?",
        facts=(
            ("In", f"{service_of(flag_set)}, set {flag_set}"),
            ("Serves now", _said(_now(kept, key))),
            ("Will serve", _said(_then(kept, key, enabling=enabling))),
            ("Takes effect", WAITS if _waits(request, kept, key, Toggle(enabling)) else AT_ONCE),
            *_last_change(request, kept, key),
        ),
        action=flag_href(flag_set, key, "toggle"),
        yes=verb,
        back=flag_href(flag_set, key),
        harmful=not enabling,
        hidden=(("enabled", "yes" if enabling else "no"),),
    )
    return confirm_page(request, question, given, wrong)


async def ask_to_remove(
    request: Request, given: Mapping[str, str] | None = None, wrong: Sequence[Problem] = ()
) -> Response:
    """`GET /flags/{flag_set}/{key}/remove`."""
    flag_set, key = flag_in(request)
    kept = kept_set(ports_of(request), flag_set)
    row = live_row(kept, key)
    question = Question(
        title=f"Remove {key}?",
        facts=(
            ("In", f"{service_of(flag_set)}, set {flag_set}"),
            ("Serves now", _said(_now(kept, key))),
            *((("Is made", WAITS),) if _waits(request, kept, key, Remove()) else ()),
            ("Whoever asks then", f"is told that there is no such flag, and takes {CODE_DEFAULT}"),
            ("Its history", "stays, and it can be put back from there"),
            *_last_change(request, kept, key),
        ),
        action=flag_href(flag_set, key, "remove"),
        yes="Remove",
        back=flag_href(flag_set, key),
        hidden=(("version", (given or {}).get("version") or str(row.version)),),
    )
    return confirm_page(request, question, given, wrong)


def _enables(kept: KeptSet, key: str, given: Mapping[str, str] | None) -> bool:
    if given and given.get("enabled") in {"yes", "no"}:
        return given["enabled"] == "yes"
    return state_of(kept, key) == "disabled"


def _now(kept: KeptSet, key: str) -> Serving:
    definitions = kept.flags.definitions
    return serving_of(definitions.flags.get(key), definitions)


def _then(kept: KeptSet, key: str, *, enabling: bool) -> Serving:
    definitions = kept.flags.definitions
    flag = definitions.flags.get(key)
    return serving_of(None if flag is None else replace(flag, enabled=enabling), definitions)


def _waits(request: Request, kept: KeptSet, key: str, step: FlagStep) -> bool:
    return waits_for_second(ports_of(request), principal_of(request), kept, key, step)


def _said(serving: Serving) -> str:
    return f"{serving.words}: {serving.shares}" if serving.parts else serving.words


def _last_change(request: Request, kept: KeptSet, key: str) -> tuple[tuple[str, str], ...]:
    row = live_row(kept, key)
    at = moment(row.changed_at, ports_of(request).clock.now())
    return (("Last change", f"version {row.version}, {at.text}, {row.changed_by}: {row.reason}"),)
