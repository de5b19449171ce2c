"""Login providers, as the `providers` of an Access document name them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from sre_portal.core.complaint import shown
from sre_portal.core.document import Document, Span
from sre_portal.core.errors import Problem

ProviderName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
"""Part of the callback's address, so plain: lower case letters, digits and dashes, a letter first."""

Claim = Annotated[str, Field(min_length=1, max_length=255)]

_ISSUER = "an https:// address without query, fragment or user (http:// only for a loopback host)"


class OidcProvider(Document):
    """Any OpenID Connect provider with a discovery document: Keycloak, Google, Entra ID, Okta, Dex."""

    type: Literal["oidc"]
    name: ProviderName
    title: Annotated[str, Field(max_length=60)] = ""
    """What the login page calls it; the name where empty."""
    issuer: Annotated[str, Field(max_length=500)]
    """Exactly as the discovery document and the tokens say it, with or without a slash at its end."""
    client_id: Annotated[str, Field(min_length=1, max_length=255)]
    client_secret_file: str = ""
    """The file that holds the client secret. Empty: a public client, protected by PKCE alone."""
    scopes: tuple[Annotated[str, Field(pattern=r"^[\x21\x23-\x5B\x5D-\x7E]+$")], ...] = (
        "openid",
        "profile",
        "email",
    )
    groups_claim: Annotated[str, Field(max_length=255)] = "groups"
    """A claim, or a dotted path into one: `realm_access.roles`. Empty: nobody has groups here."""
    name_claim: Claim = "preferred_username"
    require_claims: dict[Claim, tuple[str, ...]] = Field(default_factory=dict)
    """Who may log in at all: each of these claims must be one of its values: `hd: [example.com]`."""
    trust_email: bool = False
    """Believe an e-mail address of which the provider does not say whether it is verified."""
    clock_skew: Annotated[Span, Field(le=timedelta(minutes=5))] = timedelta(seconds=30)

    @property
    def shown_title(self) -> str:
        return self.title or self.name

    @field_validator("issuer")
    @classmethod
    def _check_issuer(cls, value: str) -> str:
        if not is_safe_address(value) or "?" in value:
            raise ValueError(_ISSUER)
        return value

    @field_validator("scopes")
    @classmethod
    def _check_scopes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in value:
            raise ValueError("a list with openid: without it the provider sends no ID token")
        return value


class GitHubProvider(Document):
    """GitHub or GitHub Enterprise Server, over OAuth2."""

    type: Literal["github"]
    name: ProviderName
    title: Annotated[str, Field(max_length=60)] = ""
    client_id: Annotated[str, Field(min_length=1, max_length=255)]
    client_secret_file: Annotated[str, Field(min_length=1)]
    organizations: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}$")], ...] = ()
    """Only their members may log in."""
    allow_anybody: bool = False
    """Anybody with an account at GitHub may log in. What they may do is still a matter of rules."""
    web_url: str = "https://github.com"
    api_url: str = "https://api.github.com"

    @property
    def shown_title(self) -> str:
        return self.title or "GitHub"

    def admits(self, group: str) -> bool:
        """Whether a group is one of its organizations, or a team of one. GitHub's names ignore case."""
        organization = group.partition("/")[0]
        # The Kelvin sign, for one, has the k as its lower case.
        return organization.isascii() and organization.lower() in {one.lower() for one in self.organizations}

    @field_validator("web_url", "api_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        if not is_safe_address(value) or "?" in value or value.endswith("/"):
            raise ValueError(
                "an https:// address without a slash at its end (http:// only for a loopback host)"
            )
        return value


Provider = Annotated[OidcProvider | GitHubProvider, Field(discriminator="type")]


def provider_problems(provider: OidcProvider | GitHubProvider, source: str) -> list[Problem]:
    """What a model alone cannot say about a provider. `source` is its place: `spec.providers[0]`."""
    return list(_problems(provider, source))


def providers_problems(providers: Sequence[OidcProvider | GitHubProvider], source: str) -> list[Problem]:
    """The problems of each provider and of all together. `source` is the place of the list."""
    found: list[Problem] = []
    names: set[str] = set()
    subjects: set[tuple[str, str]] = set()
    for number, one in enumerate(providers):
        place = f"{source}[{number}]"
        found += provider_problems(one, place)
        if one.name in names:
            found.append(Problem(f"{place}.name", shown(one.name), "a name of its own for each provider"))
        issuer = one.issuer if isinstance(one, OidcProvider) else one.web_url
        if (issuer, one.client_id) in subjects:
            found.append(Problem(f"{place}.clientId", shown(one.client_id), "each client of an issuer once"))
        names.add(one.name)
        subjects.add((issuer, one.client_id))
    return found


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name: localhost, 127.0.0.0/8, ::1."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_safe_address(address: str) -> bool:
    """An absolute https address in plain ASCII without user or fragment; http only for a loopback host."""
    if not address.isascii() or not address.isprintable() or any(one in address for one in ' "<>\\^`{|}#'):
        return False
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or port == 0 or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def _problems(provider: OidcProvider | GitHubProvider, source: str) -> Iterator[Problem]:
    match provider:
        case GitHubProvider(organizations=(), allow_anybody=False):
            expected = "at least one organization, or allowAnybody: true"
            yield Problem(f"{source}.organizations", "an empty list", expected)
        case GitHubProvider(allow_anybody=True) if provider.organizations:
            yield Problem(f"{source}.allowAnybody", "true", "false where organizations are named")
        case OidcProvider():
            for claim, values in provider.require_claims.items():
                if not values:
                    expected = "at least one value: a claim without one lets nobody in"
                    yield Problem(f"{source}.requireClaims.{claim}", "an empty list", expected)
        case _:
            pass
