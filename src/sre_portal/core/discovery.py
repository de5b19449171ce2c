"""A provider's discovery document: OpenID Connect Discovery 1.0, read strictly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sre_portal.core.complaint import shown
from sre_portal.core.jwt import ALGORITHMS
from sre_portal.core.provider import is_loopback, is_safe_address


@dataclass(frozen=True, slots=True)
class Discovered:
    """What is used of a discovery document. Optional endpoints are empty where the provider has none."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    end_session_endpoint: str
    algorithms: frozenset[str]
    """With which it signs ID tokens, those that are trusted here."""
    client_authentications: tuple[str, ...]
    promises_iss: bool
    """Whether each callback carries `iss` (RFC 9207)."""


def well_known(issuer: str) -> str:
    """Where the discovery document of an issuer is."""
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def read_discovery(value: object, issuer: str) -> Discovered:
    """Raises `ValueError` with one phrase where the document cannot be used for this issuer."""
    if not isinstance(value, Mapping):
        raise ValueError("the discovery document is not an object")
    if value.get("issuer") != issuer:
        raise ValueError(
            f"the discovery document is of the issuer {shown(value.get('issuer'))}, not {issuer}"
        )
    methods = _texts(value, "code_challenge_methods_supported", ("S256",))
    if "S256" not in methods:
        raise ValueError("the provider does not support PKCE with S256")
    if "code" not in _texts(value, "response_types_supported", ("code",)):
        raise ValueError("the provider does not support the code flow")
    algorithms = frozenset(_texts(value, "id_token_signing_alg_values_supported", ("RS256",)))
    if not algorithms & ALGORITHMS.keys():
        raise ValueError(f"the provider signs with none of {', '.join(ALGORITHMS)}")
    return Discovered(
        issuer,
        _endpoint(value, "authorization_endpoint", issuer),
        _endpoint(value, "token_endpoint", issuer),
        _endpoint(value, "jwks_uri", issuer),
        _endpoint(value, "userinfo_endpoint", issuer, required=False),
        _endpoint(value, "end_session_endpoint", issuer, required=False),
        algorithms & ALGORITHMS.keys(),
        tuple(_texts(value, "token_endpoint_auth_methods_supported", ("client_secret_basic",))),
        value.get("authorization_response_iss_parameter_supported") is True,
    )


def _endpoint(value: Mapping[str, object], name: str, issuer: str, *, required: bool = True) -> str:
    address = value.get(name)
    if address is None and not required:
        return ""
    if not isinstance(address, str) or len(address) > 2000 or not is_safe_address(address):
        raise ValueError(f"{name} of the discovery document is {shown(address)}, not an https address")
    inner = is_loopback(urlsplit(issuer).hostname or "")
    if not inner and address.startswith("http:"):
        raise ValueError(f"{name} of the discovery document is {shown(address)}, not an https address")
    return address


def _texts(value: Mapping[str, object], name: str, default: Sequence[str]) -> Sequence[str]:
    found = value.get(name, default)
    if not isinstance(found, list | tuple) or not all(isinstance(one, str) for one in found):
        raise ValueError(f"{name} of the discovery document is not a list of texts")
    return found
