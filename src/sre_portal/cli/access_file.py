"""An Access document without a portal: what is wrong with it, and what it gives to somebody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sre_portal.cli.exits import Code, CommandFailed
from sre_portal.core.access import Grant, Permission
from sre_portal.core.account import Account
from sre_portal.core.errors import InvalidInput
from sre_portal.core.explain import decide, explain
from sre_portal.core.parse import parse_access
from sre_portal.core.phrase import closest_first, listed

NO_TIME = datetime.min.replace(tzinfo=UTC)
"""Rules never end, so the time of the question does not matter."""


@dataclass(frozen=True, slots=True)
class Somebody:
    """Whom the rules are asked about, as a provider would vouch for them."""

    provider: str
    groups: Sequence[str]
    email: str
    environment: str


def problems_of(text: str, source: str) -> list[dict[str, object]]:
    """Every problem of the document."""
    try:
        parse_access(text, source)
    except InvalidInput as invalid:
        return [asdict(problem) for problem in invalid.problems]
    return []


def explained(text: str, source: str, somebody: Somebody, permission: str, service: str) -> dict[str, object]:
    """What the rules give, as the portal's API tells it. Raises `CommandFailed`."""
    try:
        document = parse_access(text, source)
    except InvalidInput as invalid:
        found = [asdict(problem) for problem in invalid.problems]
        raise CommandFailed(Code.BAD_INPUT, f"{source} cannot be used:", problems=found) from None
    names = [one.name for one in document.spec.providers]
    if somebody.provider not in names:
        known = listed(closest_first(somebody.provider, names), "none is set up")
        raise CommandFailed(Code.BAD_INPUT, f"There is no provider {somebody.provider!r}: {known}.")
    account = Account(
        0, "person", somebody.provider, "", "", "somebody", somebody.email, tuple(somebody.groups)
    )
    told = explain(account, document.spec.rules, somebody.environment, NO_TIME)
    decision = None
    if permission:
        asked = permission_named(permission)
        answer = decide(told.principal, asked, service or None)
        decision = {"permission": asked.value, "service": service or None, **asdict(answer)}
    return {
        "account": {
            "name": account.name,
            "provider": account.provider,
            "email": account.email,
            "groups": list(account.groups),
            "grants": [_grant(one) for one in told.grants],
        },
        "held": [
            {"permission": one.permission.value, "where": one.where, "by": list(one.by)} for one in told.held
        ],
        "rules": [
            {
                "name": one.rule.name,
                "fits": not one.misses,
                "misses": list(one.misses),
                "gives": _grant(one.rule.grant()),
            }
            for one in told.rules
        ],
        "decision": decision,
    }


def permission_named(text: str) -> Permission:
    """Raises `CommandFailed` with those there are."""
    names = [one.value for one in Permission]
    if text not in names:
        known = listed(closest_first(text, names))
        raise CommandFailed(Code.BAD_INPUT, f"There is no permission {text!r}: {known}.")
    return Permission(text)


def _grant(grant: Grant) -> dict[str, object]:
    services = None if grant.services is None else sorted(grant.services)
    return {"role": grant.role.value, "services": services, "until": None, "source": grant.source}
