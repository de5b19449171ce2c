"""One flag: whom it serves what, who made it so, who has it, and what is planned with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.access import Permission, Principal
from sre_portal.core.errors import Problem
from sre_portal.core.flag.definition import Flag
from sre_portal.core.flag_change import FlagRow
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_moves.share import shares_of
from sre_portal.core.flag_name import environment_of, service_of
from sre_portal.core.flag_rule_words import rule_words
from sre_portal.core.flag_rules_named import rules_needed
from sre_portal.core.flag_use import Use
from sre_portal.operations.flag_facts import unknown_facts_of
from sre_portal.operations.ports import Ports
from sre_portal.web import render
from sre_portal.web.context import ports_of, principal_of
from sre_portal.web.pages.figures import Moment, count, moment
from sre_portal.web.pages.flag_drill import may_drill
from sre_portal.web.pages.flag_history import SHOWN, History, before_in, history_of
from sre_portal.web.pages.flag_place import flag_in, newest
from sre_portal.web.pages.flag_plans import PlanLine, plans_of
from sre_portal.web.pages.flag_side import Side, side_of
from sre_portal.web.pages.flag_words import (
    STATES,
    Serving,
    choices_of,
    flag_href,
    kinds_of,
    readable,
    serving_of,
    state_of,
    value_text,
)
from sre_portal.web.pages.form import Form
from sre_portal.web.pages.frame import May, permission
from sre_portal.web.pages.pill import Pill

SHARE_FIELDS = {"variant": "", "percent": ""}


@dataclass(frozen=True, slots=True)
class VariantRow:
    name: str
    value: str
    share: str
    given: str
    """How often, as far as it was counted; empty for never."""
    last: Moment | None
    default: bool


@dataclass(frozen=True, slots=True)
class ElsewhereRow:
    """The same key in another environment."""

    environment: str
    href: str
    pill: Pill
    serving: Serving
    version: int
    at: Moment
    by: str
    copy: str
    """Where the flag that is looked at is reviewed as a copy to there."""
    own: bool
    """The one that is looked at."""


@dataclass(frozen=True, slots=True)
class More:
    """What the page shows that is not in the memory of the flags."""

    history: History
    plans: tuple[PlanLine, ...]
    side: Side
    share: Form | None


@dataclass(frozen=True, slots=True)
class FlagPage:
    flag_set: str
    key: str
    href: str
    api: str
    service: str
    environment: str
    state: str
    pill: Pill
    kinds: tuple[str, ...]
    version: int
    at: Moment
    by: str
    reason: str
    unsound: str
    serving: Serving
    variants: tuple[VariantRow, ...]
    type: str
    rule: str
    rule_words: str
    evaluators: tuple[tuple[str, str], ...]
    metadata: tuple[tuple[str, str], ...]
    elsewhere: tuple[ElsewhereRow, ...]
    history: History
    plans: tuple[PlanLine, ...]
    side: Side
    choices: tuple[tuple[str, str], ...]
    share: Form | None
    """None where the flag has no place for a share. Not part of what is kept fresh."""
    unknown: Sequence[str]
    """Facts that its rule reads and that no SLO here has."""
    flip: May
    start: May
    """Whether a drill may be started."""

    @classmethod
    def of(cls, ports: Ports, who: Principal, kept: KeptSet, row: FlagRow, more: More) -> FlagPage:
        definitions, now = kept.flags.definitions, ports.clock.now()
        flag = definitions.flags.get(row.key)
        state = state_of(kept, row.key)
        serving = Serving("nobody: it was removed") if state == "removed" else serving_of(flag, definitions)
        metadata = kept.metadata_of(row.key)
        rule = None if flag is None else flag.targeting
        return cls(
            flag_set=kept.name,
            key=row.key,
            href=flag_href(kept.name, row.key),
            api=f"/api/v1{flag_href(kept.name, row.key)}",
            service=service_of(kept.name),
            environment=environment_of(kept.name) or ports.environment,
            state=state,
            pill=STATES[state],
            kinds=kinds_of(metadata),
            version=row.version,
            at=moment(row.changed_at, now),
            by=row.changed_by,
            reason=row.reason,
            unsound=kept.unsound.get(row.key, ""),
            serving=serving,
            variants=_variants(flag, serving, more.side.use, now),
            type="" if flag is None else flag.type,
            rule="" if rule is None else readable(rule),
            rule_words="" if rule is None else rule_words(rule),
            evaluators=tuple(
                (name, readable(shared))
                for name, shared in rules_needed(rule, definitions.evaluators).items()
            ),
            metadata=tuple((name, value_text(value)) for name, value in sorted(metadata.items())),
            elsewhere=_elsewhere(ports, kept, row.key),
            history=more.history,
            plans=more.plans,
            side=more.side,
            choices=choices_of(flag),
            share=more.share,
            unknown=unknown_facts_of(ports, definitions, row.key),
            flip=permission(who, Permission.FLAG_FLIP, service_of(kept.name)),
            start=may_drill(who, service_of(kept.name)),
        )


async def flag(request: Request) -> Response:
    """`GET /flags/{flag_set}/{key}?before=`."""
    return await flag_response(request)


async def flag_response(
    request: Request, given: Mapping[str, str] | None = None, wrong: Sequence[Problem] = ()
) -> Response:
    """The page; again with the problems where its form had some."""
    (flag_set, key), before = flag_in(request), before_in(request)
    share = Form.of(SHARE_FIELDS, given, wrong)
    view = await flag_page(ports_of(request), principal_of(request), flag_set, key, before, share)
    live = "" if before or wrong else f"/live{view.href}"
    return render.page(request, "flag.html", view, 422 if wrong else 200, live=live)


async def flag_page(
    ports: Ports,
    who: Principal,
    flag_set: str,
    key: str,
    before: int | None = None,
    share: Form | None = None,
) -> FlagPage:
    """Raises `NotFound`; a flag that was removed has its page still."""
    kept, row = newest(ports, flag_set, key)
    rows = await ports.flags.history(flag_set, key, SHOWN + 1, before)
    found = kept.flags.definitions.flags.get(key)
    has_share = found is not None and shares_of(found) is not None and len(found.variants) > 1
    more = More(
        await history_of(ports, rows),
        await plans_of(ports, flag_set, key),
        await side_of(ports, kept, row, rows[-1].changed_at if rows and rows[-1].version == 1 else None),
        share if has_share else None,
    )
    return FlagPage.of(ports, who, kept, row, more)


def _variants(flag: Flag | None, serving: Serving, use: Use, now: datetime) -> tuple[VariantRow, ...]:
    if flag is None:
        return ()
    shares = {one.variant: one.percent for one in serving.parts}
    rows = []
    for name, value in flag.variants.items():
        used = use.variants.get(name)
        given, last = ("", None) if used is None else (count(used.count), moment(used.last_at, now))
        text, is_default = value_text(value, 2000), name == flag.default
        rows.append(VariantRow(name, text, shares.get(name, ""), given, last, is_default))
    return tuple(rows)


def _elsewhere(ports: Ports, kept: KeptSet, key: str) -> tuple[ElsewhereRow, ...]:
    now, found = ports.clock.now(), []
    for one in ports.flag_book.all():
        row = one.live(key)
        if service_of(one.name) == service_of(kept.name) and row is not None:
            definitions = one.flags.definitions
            found.append(
                ElsewhereRow(
                    environment=environment_of(one.name) or ports.environment,
                    href=flag_href(one.name, key),
                    pill=STATES[state_of(one, key)],
                    serving=serving_of(definitions.flags.get(key), definitions),
                    version=row.version,
                    at=moment(row.changed_at, now),
                    by=row.changed_by,
                    copy=f"{flag_href(kept.name, key, 'copy')}?to={environment_of(one.name)}",
                    own=one.name == kept.name,
                )
            )
    return tuple(found)
