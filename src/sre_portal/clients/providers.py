"""The login providers of an Access document, ready to be asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sre_portal.clients.github import GitHubLogin
from sre_portal.clients.oidc import OidcLogin
from sre_portal.clients.outward import Outward
from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.core.ports import Clock, LoginProvider
from sre_portal.core.provider import GitHubProvider, OidcProvider

LONGEST_SECRET = 4096


def read_secret(provider: OidcProvider | GitHubProvider) -> str:
    """The client secret from its file; empty for a public client. The value never stands in an error.

    Raises `InvalidInput` where the file cannot be read or holds no secret.
    """
    if not provider.client_secret_file:
        return ""
    path = f"providers.{provider.name}.clientSecretFile"
    try:
        secret = Path(provider.client_secret_file).read_text(encoding="utf-8").strip()
    except OSError as unreadable:
        seen = f"{provider.client_secret_file}: {unreadable.strerror}"
        raise InvalidInput([Problem(path, seen, "a readable file that holds the client secret")]) from None
    except UnicodeDecodeError:
        raise InvalidInput([Problem(path, "bytes that are no text", "the client secret")]) from None
    if not secret or len(secret) > LONGEST_SECRET or not secret.isascii() or not secret.isprintable():
        seen = f"{provider.client_secret_file}: {'nothing' if not secret else 'no single line of ASCII'}"
        raise InvalidInput([Problem(path, seen, "a file that holds the client secret and nothing else")])
    return secret


def read_secrets(providers: Sequence[OidcProvider | GitHubProvider]) -> dict[str, str]:
    """The client secret of each provider, by its name. Raises `InvalidInput` with the problems of all."""
    problems: list[Problem] = []
    found: dict[str, str] = {}
    for one in providers:
        try:
            found[one.name] = read_secret(one)
        except InvalidInput as invalid:
            problems += invalid.problems
    if problems:
        raise InvalidInput(problems)
    return found


def login_providers(
    providers: Sequence[OidcProvider | GitHubProvider], outward: Outward, clock: Clock
) -> Sequence[LoginProvider]:
    """One login for each provider, in their order. Asks none of them yet.

    Raises `InvalidInput` with the problems of all secrets.
    """
    secrets = read_secrets(providers)
    return [
        OidcLogin(one, secrets[one.name], outward, clock)
        if isinstance(one, OidcProvider)
        else GitHubLogin(one, secrets[one.name], outward, clock)
        for one in providers
    ]
