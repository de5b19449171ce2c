"""Login providers are made from documents; every secret that cannot be read is told at once."""

from pathlib import Path

import pytest

from sre_portal.clients.outward import Outward
from sre_portal.clients.providers import login_providers, read_secret
from sre_portal.core.errors import InvalidInput
from sre_portal.core.provider import GitHubProvider, OidcProvider
from tests.clients.conftest import Watch


def oidc(secret_file: str, name: str = "keycloak") -> OidcProvider:
    return OidcProvider(
        type="oidc",
        name=name,
        issuer="https://id.example",
        client_id="portal",
        client_secret_file=secret_file,
    )


def github(secret_file: str) -> GitHubProvider:
    return GitHubProvider(
        type="github", name="github", client_id="portal", client_secret_file=secret_file, allow_anybody=True
    )


def test_a_secret_is_read_without_the_line_end(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    assert read_secret(oidc(str(tmp_path / "secret"))) == "s3cret"


def test_a_client_without_a_secret_is_public() -> None:
    assert read_secret(oidc("")) == ""


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (b"", "nothing"),
        (b" \n", "nothing"),
        (b"two\nlines", "no single line of ASCII"),
        (b"\xff\xfe", "bytes that are no text"),
        (b"a" * 5000, "no single line of ASCII"),
    ],
)
def test_a_file_that_holds_no_secret_is_told_without_its_content(
    tmp_path: Path, content: bytes, seen: str
) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(InvalidInput) as invalid:
        read_secret(oidc(str(tmp_path / "secret")))
    (problem,) = invalid.value.problems
    assert problem.path == "providers.keycloak.clientSecretFile"
    assert seen in problem.seen
    assert "lines" not in str(invalid.value)


async def test_each_provider_becomes_a_login(outward: Outward, watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    file = str(tmp_path / "secret")
    logins = login_providers([oidc(file), github(file)], outward, watch)
    assert [(one.name, one.kind, one.issuer) for one in logins] == [
        ("keycloak", "oidc", "https://id.example"),
        ("github", "github", "https://github.com"),
    ]


async def test_every_secret_that_cannot_be_read_is_told(
    outward: Outward, watch: Watch, tmp_path: Path
) -> None:
    missing = str(tmp_path / "missing")
    with pytest.raises(InvalidInput) as invalid:
        login_providers([oidc(missing), github(missing)], outward, watch)
    assert [problem.path for problem in invalid.value.problems] == [
        "providers.keycloak.clientSecretFile",
        "providers.github.clientSecretFile",
    ]
