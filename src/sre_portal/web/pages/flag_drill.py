"""Drilling one kill switch: the form, and the review that says what will happen before it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.access import Permission, Principal
from sre_portal.core.drill_fit import safe_variants
from sre_portal.core.errors import InvalidInput, Objection, Problem, raise_if
from sre_portal.core.flag.definition import Flag
from sre_portal.core.flag_kept import live_row
from sre_portal.core.flag_name import service_of
from sre_portal.operations.drill_look import look_at_switches
from sre_portal.operations.drills import QUICK_SECONDS, QUICK_SEEN_SECONDS, QuickDrill, experiment_of
from sre_portal.operations.flags import kept_set
from sre_portal.operations.runs import check_against
from sre_portal.web import render
from sre_portal.web.context import ports_of, principal_of
from sre_portal.web.pages.effect import Effect
from sre_portal.web.pages.figures import short_percent, span
from sre_portal.web.pages.flag_form import long_fields
from sre_portal.web.pages.flag_place import flag_in
from sre_portal.web.pages.flag_schedule import percent_in
from sre_portal.web.pages.flag_words import choices_of, flag_href
from sre_portal.web.pages.form import Form, number_field
from sre_portal.web.pages.frame import May, permission
from sre_portal.web.pages.quick_fault import effect_of, held_by
from sre_portal.web.rate import pace_flip

FIELDS = {
    "variant": "",
    "percent": "20",
    "seconds": str(QUICK_SECONDS),
    "within": str(QUICK_SEEN_SECONDS),
    "reason": "",
}
PLACES = (
    ("duration", "seconds"),
    ("seenWithin", "within"),
    ("percent", "percent"),
    ("cohort", "percent"),
    ("variant", "variant"),
)
"""Where a problem of the experiment is shown: what its path holds, and the field."""


@dataclass(frozen=True, slots=True)
class DrillPage:
    flag_set: str
    key: str
    href: str
    service: str
    variants: tuple[tuple[str, str], ...]
    form: Form
    held: str
    may: May


@dataclass(frozen=True, slots=True)
class DrillReview:
    flag_set: str
    key: str
    href: str
    facts: tuple[tuple[str, str], ...]
    effect: Effect
    refused: tuple[str, ...]
    values: Mapping[str, str]
    may: May


async def drill(request: Request) -> Response:
    """`GET /flags/{flag_set}/{key}/drill`."""
    return drill_page(request)


def drill_page(
    request: Request, given: Mapping[str, str] | None = None, wrong: Sequence[Problem] = ()
) -> Response:
    """The form; again with its problems."""
    (flag_set, key), ports = flag_in(request), ports_of(request)
    kept = kept_set(ports, flag_set)
    live_row(kept, key)
    flag = kept.flags.definitions.flags.get(key)
    begins, choices = "" if flag is None else variant_off(flag, kept.metadata_of(key)), choices_of(flag)
    service = service_of(flag_set)
    view = DrillPage(
        flag_set=flag_set,
        key=key,
        href=flag_href(flag_set, key),
        service=service,
        variants=choices if begins else (("", "choose one"), *choices),
        form=Form.of({**FIELDS, "variant": begins}, given, [_placed(one) for one in wrong]),
        held=held_by(ports, service),
        may=may_drill(principal_of(request), service),
    )
    return render.page(request, "flag_drill.html", view, 422 if wrong else 200)


@pace_flip
async def review_drill(request: Request) -> Response:
    """`POST /flags/{flag_set}/{key}/drill/review`. Nothing is started."""
    fields = await long_fields(request)
    try:
        return await drill_review(request, fields)
    except InvalidInput as invalid:
        return drill_page(request, fields, invalid.problems)


async def drill_review(
    request: Request, fields: Mapping[str, str], refused: Sequence[Objection] = ()
) -> Response:
    """The last page before the start; with what the guards said where they refused. Raises `InvalidInput`."""
    (flag_set, key), ports, who = flag_in(request), ports_of(request), principal_of(request)
    asked = drill_in(request, fields)
    experiment = experiment_of(ports, asked)
    check_against(ports, experiment)
    effect = effect_of(ports, who, experiment, await look_at_switches(ports, experiment))
    people = "everybody" if asked.percent is None else f"{short_percent(float(asked.percent))} of users"
    view = DrillReview(
        flag_set=flag_set,
        key=key,
        href=flag_href(flag_set, key),
        facts=(
            ("Flag", f"{key} in {flag_set}"),
            ("They get", asked.variant),
            ("Who", people),
            ("For", f"{span(asked.duration)}, and it ends by the clock everywhere, also without the portal"),
            ("Expected", f"whoever listens has it in force within {span(asked.seen_within)}"),
            ("Then", "the definition of before is put back, and the drill is certified"),
            ("Why", asked.reason or "no reason given"),
        ),
        effect=effect,
        refused=tuple(f"{one.guard}: {one.reason}" for one in refused) or effect.objections,
        values={name: fields.get(name, "") for name in FIELDS},
        may=may_drill(who, service_of(flag_set)),
    )
    return render.page(request, "flag_drill_review.html", view, 409 if refused else 200)


def variant_off(flag: Flag, metadata: Mapping[str, object]) -> str:
    """The variant that a switch is flipped to, as far as its flag says; empty where somebody has to choose.

    One that is said to be safe, or else the only value that is nothing: false, 0, or empty.
    """
    others = {name: value for name, value in flag.variants.items() if name != flag.default}
    safe = [name for name in safe_variants(metadata) if name in others]
    found = safe or [name for name, value in others.items() if not value]
    return found[0] if len(found) == 1 else ""


def may_drill(who: Principal, service: str) -> May:
    """A drill flips a flag and starts a run: of the two, the one that somebody lacks is told."""
    start = permission(who, Permission.RUN_START, service)
    return start if not start.may else permission(who, Permission.FLAG_FLIP, service)


def drill_in(request: Request, fields: Mapping[str, str]) -> QuickDrill:
    """The drill that the fields describe. Raises `InvalidInput` with every problem."""
    (flag_set, key), wrong = flag_in(request), list[Problem]()
    percent = percent_in(fields, "percent", wrong)
    seconds = number_field(fields, "seconds", "a whole number of seconds", wrong)
    within = number_field(fields, "within", "a whole number of seconds", wrong)
    if not fields.get("variant", ""):
        wrong.append(Problem("variant", "nothing", "the variant that they get"))
    raise_if(wrong)
    return QuickDrill(
        flag_set,
        key,
        fields.get("variant", ""),
        None if percent == 100 else percent,
        timedelta(seconds=seconds),
        timedelta(seconds=within),
        reason=fields.get("reason", ""),
    )


def _placed(problem: Problem) -> Problem:
    name = next((field for part, field in PLACES if part in problem.path), problem.path)
    return Problem(name, problem.seen, problem.expected)
