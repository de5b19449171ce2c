"""The Access documents of the how-to guides are valid, and the Keycloak realm fits them."""

import json
import re
from pathlib import Path

import pytest

from sre_portal.core.access_document import Access, access_problems
from sre_portal.core.parse import parse_documents
from sre_portal.core.provider import OidcProvider

ROOT = Path(__file__).parents[3]
KEYCLOAK = ROOT / "examples" / "keycloak"
YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def access(text: str) -> Access:
    (document,) = parse_documents(text)
    assert isinstance(document, Access)
    assert access_problems(document, ["shop", "payments"]) == []
    return document


@pytest.mark.parametrize("name", ["google", "github"])
def test_the_document_of_a_guide_is_valid(name: str) -> None:
    (text,) = YAML.findall((ROOT / "docs" / "how-to" / f"log-in-with-{name}.md").read_text())
    (provider,) = access(text).spec.providers
    assert provider.name == name


def test_google_lets_in_one_workspace_only() -> None:
    (text,) = YAML.findall((ROOT / "docs" / "how-to" / "log-in-with-google.md").read_text())
    (provider,) = access(text).spec.providers
    assert isinstance(provider, OidcProvider)
    assert provider.require_claims == {"hd": ("example.com",)}


def test_the_realm_of_keycloak_fits_the_access_document() -> None:
    document = access((KEYCLOAK / "access.yaml").read_text())
    realm = json.loads((KEYCLOAK / "realm.json").read_text())
    (provider,) = document.spec.providers
    (client,) = realm["clients"]
    assert isinstance(provider, OidcProvider)
    assert provider.issuer.endswith(f"/realms/{realm['realm']}")
    assert client["clientId"] == provider.client_id
    assert client["redirectUris"] == [f"https://portal.example/login/callback/{provider.name}"]
    told = f"https://portal.example/login/backchannel/{provider.name}"
    assert client["attributes"]["backchannel.logout.url"] == told
    assert client["attributes"]["pkce.code.challenge.method"] == "S256"
    groups = {group["name"] for group in realm["groups"]}
    assert {rule.group for rule in document.spec.rules} <= groups


def test_the_realm_of_keycloak_holds_no_secret_and_no_easy_way_in() -> None:
    realm = json.loads((KEYCLOAK / "realm.json").read_text())
    (client,) = realm["clients"]
    assert "secret" not in client
    assert "users" not in realm
    assert not client["publicClient"]
    open_flows = ("implicitFlowEnabled", "directAccessGrantsEnabled", "serviceAccountsEnabled")
    assert [flow for flow in open_flows if client[flow]] == []
    assert not any("*" in uri for uri in client["redirectUris"])


def test_the_mapper_of_keycloak_puts_groups_where_they_are_looked_for() -> None:
    document = access((KEYCLOAK / "access.yaml").read_text())
    realm = json.loads((KEYCLOAK / "realm.json").read_text())
    (provider,) = document.spec.providers
    (mapper,) = realm["clients"][0]["protocolMappers"]
    assert isinstance(provider, OidcProvider)
    assert mapper["config"]["claim.name"] == provider.groups_claim
    assert mapper["config"]["id.token.claim"] == "true"
