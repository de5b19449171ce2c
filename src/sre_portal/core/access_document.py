"""`kind: Access`: where people log in, and which groups have which role."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from sre_portal.core.complaint import shown
from sre_portal.core.document import API_VERSION, Document, Metadata
from sre_portal.core.errors import Problem
from sre_portal.core.grant_rule import Rule
from sre_portal.core.phrase import closest_first, listed
from sre_portal.core.provider import GitHubProvider, Provider, providers_problems


class AccessSpec(Document):
    providers: tuple[Provider, ...] = ()
    rules: tuple[Rule, ...] = ()


class Access(Document):
    """Holding one is the proof that each part is valid; `access_problems` looks at the whole."""

    api_version: Literal["sre-portal.dev/v1"] = API_VERSION
    kind: Literal["Access"] = "Access"
    metadata: Metadata
    spec: AccessSpec

    @property
    def name(self) -> str:
        return self.metadata.name


def access_problems(access: Access, services: Collection[str] | None = None) -> list[Problem]:
    """What the parts do not show by themselves. `services` are those there are; None where nobody knows."""
    found = providers_problems(access.spec.providers, "spec.providers")
    names = [provider.name for provider in access.spec.providers]
    seen: set[str] = set()
    for number, rule in enumerate(access.spec.rules):
        place = f"spec.rules[{number}]"
        if rule.name in seen:
            found.append(Problem(f"{place}.name", shown(rule.name), "a name of its own for each rule"))
        seen.add(rule.name)
        if not rule.asks:
            expected = "a group, email, emailDomain or provider: a rule without a condition fits nobody"
            found.append(Problem(place, "no condition", expected))
        found += _provider_problems(rule, place, names)
        found += _group_problems(rule, place, access.spec.providers)
        found += _email_problems(rule, place)
        found += _service_problems(rule, place, services)
    return found


def _provider_problems(rule: Rule, place: str, names: Sequence[str]) -> list[Problem]:
    if rule.provider is not None and rule.provider not in names:
        known = listed(closest_first(rule.provider, names)) if names else "no provider is set up"
        return [Problem(f"{place}.provider", shown(rule.provider), f"one of the providers: {known}")]
    if rule.provider is None and rule.asks and len(names) > 1:
        # A group or an e-mail means something only with the name of whoever says so.
        return [Problem(f"{place}.provider", "nothing", f"whose word it is: {listed(names)}")]
    return []


def _group_problems(rule: Rule, place: str, providers: Sequence[Provider]) -> list[Problem]:
    """A group that nobody gets: of GitHub only organizations that may log in are groups, and their teams."""
    asked = [one for one in providers if rule.provider in (None, one.name)]
    provider = asked[0] if len(asked) == 1 else None
    if rule.group is None or not isinstance(provider, GitHubProvider):
        return []
    if provider.allow_anybody or not provider.organizations or provider.admits(rule.group):
        return []
    known = listed(closest_first(rule.group, provider.organizations))
    expected = f"an organization of the provider {provider.name}, or ORGANIZATION/TEAM: {known}"
    return [Problem(f"{place}.group", shown(rule.group), expected)]


def _email_problems(rule: Rule, place: str) -> list[Problem]:
    found = []
    if rule.email is not None and "@" not in rule.email:
        found.append(Problem(f"{place}.email", shown(rule.email), "a whole address: ada@example.com"))
    if rule.email_domain is not None and "@" in rule.email_domain:
        found.append(Problem(f"{place}.emailDomain", shown(rule.email_domain), "a domain: example.com"))
    return found


def _service_problems(rule: Rule, place: str, services: Collection[str] | None) -> list[Problem]:
    if rule.services is None:
        return []
    if not rule.services:
        return [Problem(f"{place}.services", "an empty list", "at least one service, or no such key")]
    if services is None:
        return []
    known = listed(sorted(services)) if services else "there is none"
    return [
        Problem(f"{place}.services[{number}]", shown(name), f"a service with an SLO: {known}")
        for number, name in enumerate(rule.services)
        if name not in services
    ]
