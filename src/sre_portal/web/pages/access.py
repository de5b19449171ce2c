"""Who may do what: the question by permission and service, the accounts, and the rules with whom they fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.access import Permission, Role, in_words, needs
from sre_portal.core.account import Account
from sre_portal.core.explain import Holder, explain, who_can
from sre_portal.core.grant_rule import Rule
from sre_portal.operations.directory import Everybody, everybody
from sre_portal.operations.ports import Ports
from sre_portal.operations.services import services_of
from sre_portal.web import render
from sre_portal.web.context import ports_of, principal_of
from sre_portal.web.pages.figures import Moment, moment, plural
from sre_portal.web.pages.frame import May, permission
from sre_portal.web.pages.permit import WORDS, ahead, grants_words, provider_words
from sre_portal.web.pages.pill import Pill, pill

KINDS = {"person": "person", "service": "service account", "token": "token"}
SHOWN_NAMES = 6


@dataclass(frozen=True, slots=True)
class HolderRow:
    name: str
    kind: str
    href: str
    """Empty for what has no page: a token of the settings."""
    where: str
    by: str
    until: Moment | None

    @classmethod
    def of(cls, one: Holder, now: datetime) -> HolderRow:
        kind, number = one.subject.kind, one.subject.id
        return cls(
            name=one.subject.who.name,
            kind=KINDS[kind],
            href="/access/tokens" if kind == "token" else f"/access/accounts/{number}",
            where=one.where,
            by="; ".join(one.by),
            until=None if one.until is None else ahead(one.until, now),
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """The question of the form, and its answer."""

    permission: str
    service: str
    words: str
    needs: str
    holders: tuple[HolderRow, ...]


@dataclass(frozen=True, slots=True)
class AccountRow:
    id: int
    name: str
    email: str
    provider: str
    groups: str
    roles: str
    pill: Pill
    seen: Moment | None


@dataclass(frozen=True, slots=True)
class RuleRow:
    name: str
    asks: str
    gives: str
    fits: tuple[tuple[int, str], ...]
    more: int
    """How many more it fits than are named."""


@dataclass(frozen=True, slots=True)
class AccessPage:
    summary: str
    permissions: tuple[tuple[str, str], ...]
    services: tuple[tuple[str, str], ...]
    asked: Asked
    accounts: tuple[AccountRow, ...]
    left_off: str
    """A sentence where there are more accounts than are looked at, else empty."""
    query: str
    rules: tuple[RuleRow, ...]
    environment: str
    tokens: May


async def access(request: Request) -> Response:
    """`GET /access?permission=&service=&q=`."""
    ports = ports_of(request)
    known = await everybody(ports)
    held = known.accounts
    query = request.query_params.get("q", "")[:64]
    services = services_of(ports)
    view = AccessPage(
        summary=f"{plural(len(held), 'account')}, {plural(len(ports.policy.rules), 'rule')}",
        permissions=tuple((one.value, f"{WORDS[one]} ({one.value})") for one in Permission),
        services=(("", "any service"), *((name, name) for name in services)),
        asked=_asked(request, ports, services, known),
        accounts=tuple(account_row(ports, one) for one in held if _is_shown(one, query.lower())),
        left_off=known.left_off,
        query=query,
        rules=tuple(_rule_row(ports, rule, held) for rule in ports.policy.rules),
        environment=ports.environment,
        tokens=permission(principal_of(request), Permission.TOKEN_ISSUE),
    )
    return render.page(request, "access.html", view)


def account_row(ports: Ports, account: Account) -> AccountRow:
    now = ports.clock.now()
    told = explain(account, ports.policy.rules, ports.environment, now)
    state = pill("failed", "blocked", "lock") if account.blocked else pill("ok", "open")
    return AccountRow(
        id=account.id,
        name=account.name,
        email=account.email,
        provider=provider_words(ports, account),
        groups=", ".join(account.groups),
        roles=grants_words(told.grants),
        pill=state,
        seen=None if account.seen_at is None or account.kind == "service" else moment(account.seen_at, now),
    )


def condition_words(rule: Rule) -> str:
    """`provider keycloak, group sre, e-mail of example.com, in production`."""
    parts = (
        rule.provider and f"provider {rule.provider}",
        rule.group and f"group {rule.group}",
        rule.email and f"e-mail {rule.email}",
        rule.email_domain and f"e-mail of {rule.email_domain}",
        rule.environments is not None and f"in {' or '.join(rule.environments)}",
    )
    return ", ".join(part for part in parts if part) or "no condition"


def _asked(request: Request, ports: Ports, services: Sequence[str], known: Everybody) -> Asked:
    """The answer for what the form asks; who may start runs where it asks nothing."""
    named = request.query_params.get("permission", "")
    chosen = next((one for one in Permission if one.value == named), Permission.RUN_START)
    service = request.query_params.get("service", "")
    on = service if service in services else None
    found = who_can(known.subjects, chosen, on)
    now = ports.clock.now()
    who = "1 account or token" if len(found) == 1 else f"{len(found)} accounts and tokens"
    return Asked(
        permission=chosen.value,
        service=on or "",
        words=f"{who} may {WORDS[chosen]}{f' on {on}' if on else ''}",
        needs=needs(chosen, on),
        holders=tuple(HolderRow.of(one, now) for one in found),
    )


def _is_shown(account: Account, query: str) -> bool:
    texts = (account.name, account.email, account.subject, account.provider, *account.groups)
    return any(query in text.lower() for text in texts)


def _rule_row(ports: Ports, rule: Rule, held: Sequence[Account]) -> RuleRow:
    fits = [
        (one.id, one.name)
        for one in held
        if not one.blocked and next(rule.misses(one, ports.environment), None) is None
    ]
    return RuleRow(
        name=rule.name,
        asks=condition_words(rule),
        gives=in_words(rule.grant()),
        fits=tuple(fits[:SHOWN_NAMES]),
        more=max(0, len(fits) - SHOWN_NAMES),
    )


ROLES = tuple((one.value, one.value) for one in Role)
"""Choices of a form."""
