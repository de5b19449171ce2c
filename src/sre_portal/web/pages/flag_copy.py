"""A flag in another environment: reviewed there, once the shared rules that it names are there as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.errors import Problem, raise_if
from sre_portal.core.flag_name import name_problems
from sre_portal.core.flag_rule_words import rule_words
from sre_portal.operations.flag_environments import Comparison, compare, missing_rules
from sre_portal.operations.flags import kept_now
from sre_portal.operations.ports import Ports
from sre_portal.web.context import ports_of
from sre_portal.web.pages.confirm import Question, confirm_page
from sre_portal.web.pages.flag_place import flag_in
from sre_portal.web.pages.flag_review import fields_for, review_or_edit
from sre_portal.web.pages.flag_words import flag_href

LONGEST_ENVIRONMENT = 80
MOST_NAMED = 20


async def review_copy(request: Request) -> Response:
    """`GET /flags/{flag_set}/{key}/copy?to=`: the review of the copy, or of the rules that it needs first."""
    (flag_set, key), ports = flag_in(request), ports_of(request)
    to = environment_in(ports, request.query_params)
    told = compare(ports, flag_set, key, to)
    raise_if(name_problems(told.there.flag_set, [key]))
    if missing_rules(ports, flag_set, key, to):
        return await ask_to_bring(request, told)
    definition = "" if told.here.row is None else told.here.row.definition or ""
    version = 0 if told.there.row is None else told.there.row.version
    return await review_or_edit(request, told.there.flag_set, key, fields_for(definition, version))


async def ask_to_bring(
    request: Request,
    told: Comparison,
    given: Mapping[str, str] | None = None,
    wrong: Sequence[Problem] = (),
) -> Response:
    """Offers the shared rules that the other environment has not; again with the problems."""
    (flag_set, key), ports = flag_in(request), ports_of(request)
    there = told.there.flag_set
    rules = missing_rules(ports, flag_set, key, told.there.environment)
    named = ", ".join(list(rules)[:MOST_NAMED])
    question = Question(
        title=f"Bring {named} to {there} first?",
        facts=(
            (f"{key} needs", f"{named}: {there} has no shared rule of that name"),
            *((name, rule_words(rule)) for name, rule in list(rules.items())[:MOST_NAMED]),
            ("Changes", f"nothing yet: no flag of {there} names what is new there"),
            ("Then", "the copy of the flag is reviewed"),
        ),
        action=flag_href(flag_set, key, "copy"),
        yes="Bring and go on",
        back=flag_href(flag_set, key),
        harmful=False,
        hidden=(
            ("to", told.there.environment or ports.environment),
            ("version", str((await kept_now(ports, there)).version)),
        ),
    )
    return confirm_page(request, question, given, wrong)


def environment_in(ports: Ports, fields: Mapping[str, str]) -> str:
    """The environment in `to`, as sets are named: empty for the portal's own."""
    to = fields.get("to", "").strip()[:LONGEST_ENVIRONMENT]
    return "" if to == ports.environment else to
