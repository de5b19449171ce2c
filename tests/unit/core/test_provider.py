"""Login providers as documents."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from sre_portal.core.provider import (
    GitHubProvider,
    OidcProvider,
    Provider,
    is_safe_address,
    provider_problems,
    providers_problems,
)

ADAPTER: TypeAdapter[OidcProvider | GitHubProvider] = TypeAdapter(Provider)
OIDC: Mapping[str, object] = {
    "type": "oidc",
    "name": "keycloak",
    "issuer": "https://id.example/realms/ops",
    "clientId": "sre-portal",
}
GITHUB: Mapping[str, object] = {
    "type": "github",
    "name": "github",
    "clientId": "Iv1.portal",
    "clientSecretFile": "/run/secrets/github",
}


def parsed(value: Mapping[str, object], **changes: object) -> OidcProvider | GitHubProvider:
    return ADAPTER.validate_python({**value, **changes}, by_alias=True, by_name=False)


def test_a_provider_needs_little() -> None:
    keycloak = parsed(OIDC)
    assert isinstance(keycloak, OidcProvider)
    assert (keycloak.shown_title, keycloak.groups_claim) == ("keycloak", "groups")
    assert keycloak.scopes == ("openid", "profile", "email")
    assert parsed(OIDC, title="Company login").shown_title == "Company login"
    assert parsed(GITHUB).shown_title == "GitHub"


@pytest.mark.parametrize(
    "issuer",
    [
        "http://id.example",
        "http://10.0.0.1",
        "http://localhost.evil.example",
        "https://id.example?x=1",
        "https://id.example#x",
        "https://user@id.example",
        "https://",
        "id.example",
        "https://id example",
        "https://id.example/\n",
        "ftp://id.example",
        "https://pröbe.example",
    ],
)
def test_an_issuer_is_a_plain_https_address(issuer: str) -> None:
    with pytest.raises(ValidationError, match="an https:// address"):
        parsed(OIDC, issuer=issuer)


@pytest.mark.parametrize(
    "issuer", ["http://127.0.0.1:8080", "http://localhost:8080/realms/x", "http://[::1]"]
)
def test_an_issuer_on_this_machine_needs_no_tls(issuer: str) -> None:
    found = parsed(OIDC, issuer=issuer)
    assert isinstance(found, OidcProvider)
    assert found.issuer == issuer


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Keycloak"},
        {"name": "9"},
        {"name": "a" * 33},
        {"scopes": ["profile"]},
        {"scopes": ["openid", "a b"]},
        {"clockSkew": "10m"},
        {"clientId": ""},
        {"clientSecret": "in the document"},
        {"type": "saml"},
    ],
)
def test_what_is_no_provider_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        parsed(OIDC, **changes)


def test_github_lets_nobody_in_by_accident() -> None:
    (problem,) = provider_problems(parsed(GITHUB), "spec.providers[0]")
    assert str(problem) == (
        "spec.providers[0].organizations: an empty list; "
        "expected at least one organization, or allowAnybody: true"
    )
    assert provider_problems(parsed(GITHUB, organizations=["example"]), "") == []
    assert provider_problems(parsed(GITHUB, allowAnybody=True), "") == []
    both = provider_problems(parsed(GITHUB, allowAnybody=True, organizations=["example"]), "p")
    assert [problem.path for problem in both] == ["p.allowAnybody"]


def test_a_required_claim_without_a_value_is_told() -> None:
    (problem,) = provider_problems(parsed(OIDC, requireClaims={"hd": []}), "p")
    assert problem.path == "p.requireClaims.hd"


def test_two_providers_share_neither_name_nor_client() -> None:
    found = providers_problems([parsed(OIDC), parsed(OIDC), parsed(OIDC, name="other", clientId="x")], "p")
    assert [problem.path for problem in found] == ["p[1].name", "p[1].clientId"]


@given(st.text())
def test_any_text_is_a_safe_address_or_not(text: str) -> None:
    if is_safe_address(text):
        assert text.startswith(("https://", "http://"))
        assert text.isascii()
