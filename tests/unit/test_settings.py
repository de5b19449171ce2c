"""What a portal may be told: cookies without TLS stay on this machine, and no refusal repeats a secret."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from sre_portal.core.errors import InvalidInput
from sre_portal.settings import Settings, is_loopback


def problems(**given: str) -> dict[str, str]:
    """The settings that are refused, with what is told of each."""
    try:
        Settings.parse({f"SRE_PORTAL_{name.upper()}": text for name, text in given.items()})
    except InvalidInput as wrong:
        return {one.path.removeprefix("SRE_PORTAL_").lower(): str(one) for one in wrong.problems}
    return {}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "portal.internal", ""])  # noqa: S104
@pytest.mark.parametrize("url", ["", "http://portal.example", "http://127.0.0.1:8321"])
def test_plain_http_on_more_than_loopback_is_refused_unless_somebody_says_so(host: str, url: str) -> None:
    told = problems(host=host, public_url=url)
    assert set(told) == {"public_url"}
    assert "begins with https://" in told["public_url"]
    assert "SRE_PORTAL_PLAIN_HTTP=true: cookies travel unprotected" in told["public_url"]
    assert problems(host=host, public_url=url, plain_http="false") == told
    assert problems(host=host, public_url=url, plain_http="true") == {}
    assert problems(host=host, public_url="https://portal.example") == {}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_on_loopback_plain_http_is_right_while_people_are_there_too(host: str) -> None:
    assert is_loopback(host)
    assert problems(host=host) == {}
    assert problems(host=host, public_url="http://localhost:8321") == {}
    assert set(problems(host=host, public_url="http://portal.example")) == {"public_url"}


def test_plain_http_is_refused_together_with_everything_else() -> None:
    told = problems(host="0.0.0.0", port="eighty", secret_key=",", plain_http="perhaps")  # noqa: S104
    assert set(told) == {"port", "secret_key", "plain_http"}
    assert set(problems(host="0.0.0.0", port="eighty")) == {"port", "public_url"}  # noqa: S104


def test_no_setting_that_holds_a_secret_repeats_what_it_refuses() -> None:
    """By the type of the field: a setting of tomorrow is not forgotten."""
    text = "hooks.example/canary,,=\x00"
    hidden = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert {"notice_urls", "agent_tokens", "database_url", "secret_key", "admin_token"} <= hidden
    for name in hidden:
        assert "canary" not in problems(**{name: text}).get(name, "")
    assert "canary" in problems(port="canary")["port"]


def test_a_secret_key_without_a_key_is_refused() -> None:
    assert "at least 32 random bytes" in problems(secret_key=",")["secret_key"]
    with pytest.raises(ValueError, match="at least 32 random bytes"):
        Settings(secret_key=SecretStr(",,"))


def test_origins_of_browser_programs_are_taken_as_browsers_say_them() -> None:
    told = "https://shop.example.com, http://127.0.0.1:3000,https://[::1]:8443,"
    settings = Settings.parse({"SRE_PORTAL_FLAG_ORIGINS": told})
    assert settings.flag_origins == (
        "https://shop.example.com",
        "http://127.0.0.1:3000",
        "https://[::1]:8443",
    )
    assert Settings.parse({}).flag_origins == ()


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "null", "shop.example", "https://*.shop.example", "https://shop.example/", "https://"),
        *(
            "https://shop.example:443",
            "http://shop.example:80",
            "HTTPS://shop.example",
            "https://Shop.example",
        ),
        *(
            "https://ada@shop.example",
            "https://shop.example?a",
            "https://sh\u00f6p.example",
            "ftp://shop.example",
        ),
        *("https://shop.example:99999", "https://shop.example:x", "https://[::1", "https://a_b.example"),
    ],
)
def test_what_no_browser_says_as_an_origin_is_refused(origin: str) -> None:
    with pytest.raises(InvalidInput, match="SRE_PORTAL_FLAG_ORIGINS"):
        Settings.parse({"SRE_PORTAL_FLAG_ORIGINS": origin})
