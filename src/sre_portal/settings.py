"""One frozen record of settings, parsed once from `SRE_PORTAL_*`. A name nobody knows is an error.

Each setting can also be given as a file: `SRE_PORTAL_ADMIN_TOKEN_FILE=/run/secrets/token` (for secrets).
"""

from __future__ import annotations

import os
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.core.outward import parse_allowed
from sre_portal.core.phrase import plain_words
from sre_portal.core.sink import SinkAddress, parse_sinks

PREFIX = "SRE_PORTAL_"
NOT_OURS = frozenset({"SRE_PORTAL_URL", "SRE_PORTAL_TOKEN"})
"""Read by the command line, not by the server."""


SQLITE = "sqlite:///"
SHORTEST_TOKEN = 16
SHORTEST_SECRET_BYTES = 32


class Settings(BaseModel):
    """What `sre-portal serve` can be told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8321, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    plain_http: bool = Field(
        default=False,
        description="Plain http on more than loopback, on purpose: cookies travel unprotected. For a lab, or "
        "for a container whose port is published on loopback only.",
    )
    public_url: str = Field(
        "",
        validate_default=True,
        description="The address people use, where it differs from host and port. Begins with https:// where "
        "host is not loopback, unless plain_http is set.",
    )
    data_dir: Path = Field(Path("sre-portal-data"), description="Folder of the embedded SQLite database.")
    database_url: SecretStr = Field(
        SecretStr(""), description="postgresql://user:password@host/name. Empty: SQLite in data_dir."
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        validate_default=True,
        description="Base64 of 32 or more random bytes (openssl rand -base64 32); several are separated by "
        "commas: the first signs and encrypts, the others only verify and decrypt. A new one goes to every "
        "replica as the last before it becomes the first. Needed with PostgreSQL; "
        "with SQLite the file secret.key in data_dir is made where it is empty.",
    )
    audit_keep_days: int = Field(
        400, ge=0, le=36500, description="So long the texts of the audit log are kept; 0 is for ever."
    )
    audit_sinks: tuple[SinkAddress, ...] = Field(
        (),
        description="Where the audit log is also sent, separated by commas: syslog+tcp://host:601, "
        "syslog+udp://host:514, otlp+http://host:4318, otlp+https://host:4318.",
    )
    audit_accept: str = Field(
        "",
        pattern="^([0-9]+:[0-9a-f]{64})?$",
        description="SIZE:ROOT of an audit log to go on with although its signature cannot be checked, as "
        "after the secret key was lost. The refusal to start says it.",
    )
    slo_dirs: tuple[Path, ...] = Field((), description="Folders of SLO documents, separated by a colon.")
    experiment_dirs: tuple[Path, ...] = Field(
        (), description="Folders of Experiment documents, separated by a colon."
    )
    environment: str = Field(
        "local", max_length=40, description="Name of the world that is broken, shown on top."
    )
    admin_token: SecretStr = Field(
        SecretStr(""), description="An API token with the role admin. Empty: none."
    )
    agent_tokens: Mapping[str, tuple[SecretStr, ...]] = Field(
        default_factory=dict,
        description="Tokens of agents: shop=...,payments=... A service may have several at a time.",
    )
    access_file: Path | None = Field(
        None, description="The Access document: where people log in, and which groups have which role."
    )
    login_links: Literal["auto", "on", "off"] = Field(
        "auto",
        description="One-time login links, printed at start. auto: where the portal listens on loopback and "
        "the Access document names no provider.",
    )
    session_hours: float = Field(
        12, gt=0, le=720, description="A session ends after so long, whatever happens."
    )
    session_idle_minutes: float = Field(
        120, gt=0, le=43200, description="A session that is not used for so long ends."
    )
    token_trust_days: int = Field(
        7,
        ge=1,
        le=366,
        description="Roles by rules count for a person's own tokens so long after the provider last vouched "
        "for the person; then it takes a login.",
    )
    notice_urls: tuple[SecretStr, ...] = Field(
        (),
        description="Addresses that are told of broken glass and the like, as JSON with a text, separated by "
        "commas. Chat services have such addresses (incoming webhooks).",
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses and networks, separated by commas, whose X-Forwarded-For and "
        "X-Forwarded-Proto are believed: 10.0.0.7,10.1.0.0/16. Empty: nobody's.",
    )
    allowed_hosts: tuple[str, ...] = Field(
        (),
        description="Names under which the portal answers, without ports, separated by commas. The host of "
        "public_url is always one. Empty: that one alone, or else localhost and the address listened on.",
    )
    flag_origins: tuple[str, ...] = Field(
        (),
        description="Origins whose browser programs may ask for flags, separated by commas: "
        "https://shop.example.com. Only below /ofrep/, with a token, never with a cookie. Empty: none.",
    )
    max_connections: int = Field(
        4000, ge=100, le=100_000, description="Open connections at a time; a quarter may be strangers'."
    )
    internal_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="A second port with /metrics, /healthz and /readyz and no login, for a scraper behind a "
        "network policy; 0 picks a free one. Empty: none.",
    )
    internal_host: str = Field("127.0.0.1", description="Address to listen on for internal_port.")
    outward_allow: str = Field(
        "",
        description="Inner networks and hosts the portal may call although an address comes from outside, "
        "separated by commas: 10.0.0.0/8,keycloak.internal. Empty: public addresses only.",
    )
    seed_history: bool = Field(
        default=False, description="Fill 30 days of generated, labelled sample history."
    )
    ready_file: Path | None = Field(
        None, description="Written with the address and login link once the portal answers."
    )
    log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="Least level that is logged."
    )

    @field_validator("slo_dirs", "experiment_dirs", mode="before")
    @classmethod
    def _split_folders(cls, value: object) -> object:
        return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @field_validator("agent_tokens", mode="before")
    @classmethod
    def _split_tokens(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part]
        if any(not name.strip() or not token.strip() for name, _, token in pairs):
            raise ValueError("service=token pairs, separated by commas")
        found: dict[str, list[str]] = {}
        for name, _, token in pairs:
            found.setdefault(name.strip(), []).append(token.strip())
        return found

    @field_validator("notice_urls", mode="before")
    @classmethod
    def _split_urls(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        urls = tuple(one.strip() for one in value.split(",") if one.strip())
        if any(not one.startswith(("https://", "http://")) for one in urls):
            raise ValueError("addresses that begin with https:// or http://, separated by commas")
        return urls

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        return _host_names(value) if isinstance(value, str) else value

    @field_validator("flag_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        return _origins(value) if isinstance(value, str) else value

    @field_validator("internal_port", mode="before")
    @classmethod
    def _no_port(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: str) -> str:
        try:
            for part in filter(None, value.split(",")):
                ip_network(part.strip())
        except ValueError:
            raise ValueError("addresses and networks, 10.0.0.7,10.1.0.0/16") from None
        return value

    @field_validator("audit_sinks", mode="before")
    @classmethod
    def _split_sinks(cls, value: object) -> object:
        return parse_sinks(value) if isinstance(value, str) else value

    @field_validator("secret_key")
    @classmethod
    def _check_secret(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if value.get_secret_value():
            parse_secrets(value.get_secret_value())
        url = info.data.get("database_url")
        if not value.get_secret_value() and isinstance(url, SecretStr) and is_shared(url.get_secret_value()):
            raise ValueError("a secret key where the database is PostgreSQL: base64 of 32 random bytes")
        return value

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        file = url.removeprefix(SQLITE) if url.startswith(SQLITE) else ""
        if url and not is_shared(url) and (file in {"", ":memory:"} or "?" in file):
            raise ValueError("postgresql://user:password@host/name or sqlite:///path/to/file")
        return value

    @field_validator("public_url")
    @classmethod
    def _check_address(cls, value: str, info: ValidationInfo) -> str:
        """Without TLS a cookie stays on this machine, unless somebody says otherwise on purpose."""
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("an address that begins with https:// or http://")
        if value.startswith("https://") or info.data.get("plain_http") is not False:
            return value
        hosts = [info.data.get("host"), *([urlsplit(value).hostname] if value else [])]
        if far := [host for host in hosts if isinstance(host, str) and not is_loopback(host)]:
            raise ValueError(
                f"an address that begins with https://, as {far[0] or 'every address'} is not loopback; "
                "or SRE_PORTAL_PLAIN_HTTP=true: cookies travel unprotected"
            )
        return value

    @field_validator("outward_allow")
    @classmethod
    def _check_outward(cls, value: str) -> str:
        parse_allowed(value)
        return value

    @model_validator(mode="after")
    def _check_tokens(self) -> Self:
        tokens = [self.admin_token, *(one for some in self.agent_tokens.values() for one in some)]
        told = [token.get_secret_value() for token in tokens if token.get_secret_value()]
        if any(len(token) < SHORTEST_TOKEN for token in told):
            raise ValueError(f"tokens of at least {SHORTEST_TOKEN} characters, drawn at random")
        if len(set(told)) < len(told):
            raise ValueError("a token of its own for the administrator and for each service")
        return self

    @classmethod
    def parse(cls, environ: Mapping[str, str], **overrides: object) -> Self:
        """Settings from the environment; overrides (command line options) win.

        Raises `InvalidInput` with every problem.
        """
        found = _Gathered()
        for name, text in environ.items():
            if name.startswith(PREFIX) and name not in NOT_OURS:
                found.take(name, text, cls)
        given = {key: value for key, value in overrides.items() if value is not None}
        try:
            settings = cls.model_validate(found.values | given)
        except ValidationError as wrong:
            problems = [_problem(dict(error)) for error in wrong.errors(include_url=False)]
            raise InvalidInput([*found.problems, *problems]) from None
        if found.problems:
            raise InvalidInput(found.problems)
        return settings

    @property
    def store_url(self) -> str:
        """The database to open."""
        url = self.database_url.get_secret_value()
        return url or f"{SQLITE}{(self.data_dir / 'portal.sqlite3').absolute()}"

    @property
    def database_file(self) -> Path | None:
        """The file of an embedded database, by the one name that it has; None where others may share it."""
        url = self.store_url
        return None if is_shared(url) else Path(url.removeprefix(SQLITE)).resolve()


def _host_names(text: str) -> tuple[str, ...]:
    """Names in lower case, without brackets. Raises `ValueError` for one with a port, a path or a star."""
    names = tuple(part.strip().lower().strip("[]") for part in text.split(",") if part.strip())
    if any(set(name) & set("/*@ ") or name.count(":") == 1 for name in names):
        raise ValueError("names without ports, separated by commas: portal.example.com,sre-portal.sre.svc")
    return names


def _origins(text: str) -> tuple[str, ...]:
    """Origins as browsers say them. Raises `ValueError` for one with a path, a star or a port by default."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if any(one != origin_in(one) for one in found):
        raise ValueError("origins as browsers say them, separated by commas: https://shop.example.com")
    return found


def origin_in(url: str) -> str | None:
    """The origin of an address as a browser says it; None where it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host or not host.isascii() or set(host) & set("*%_ "):
        return None
    shown = f"[{host}]" if ":" in host else host
    is_usual = port is None or port == {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{shown}" + ("" if is_usual else f":{port}")


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach what listens there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_shared(database_url: str) -> bool:
    """Whether other programs may use the same database, so that a file of this one will not do."""
    return database_url.startswith(("postgresql://", "postgres://"))


def parse_secrets(text: str) -> tuple[bytes, ...]:
    """The secret keys of a text, one at least, the newest first. Raises `ValueError`."""
    try:
        found = tuple(b64decode(part, validate=True) for part in text.split(",") if part)
    except ValueError:
        raise ValueError("base64 of random bytes, several separated by commas") from None
    if not found or any(len(secret) < SHORTEST_SECRET_BYTES for secret in found):
        raise ValueError(f"at least {SHORTEST_SECRET_BYTES} random bytes as base64 (openssl rand -base64 32)")
    return found


@dataclass(slots=True)
class _Gathered:
    values: dict[str, object] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def take(self, name: str, text: str, model: type[Settings]) -> None:
        key = name.removeprefix(PREFIX).lower()
        if key in model.model_fields:
            self.values[key] = text
        elif key.removesuffix("_file") in model.model_fields:
            self._read_file(name, key.removesuffix("_file"), text)
        else:
            self.problems.append(Problem(name, "unknown setting", f"one of {', '.join(_names(model))}"))

    def _read_file(self, name: str, key: str, path: str) -> None:
        try:
            self.values[key] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as unreadable:
            self.problems.append(Problem(name, str(unreadable), "a readable file that holds the value"))


def _names(model: type[Settings]) -> list[str]:
    return [PREFIX + key.upper() for key in model.model_fields]


def _problem(error: Mapping[str, object]) -> Problem:
    location = error["loc"]
    key = str(location[0]) if isinstance(location, tuple) and location else "agent_tokens"
    known = Settings.model_fields.get(key)
    hides = known is None or _holds_secrets(known.annotation)
    seen = "a secret value" if hides else repr(error.get("input"))
    return Problem(
        PREFIX + key.upper(),
        seen,
        plain_words(error["msg"]),
    )


def _holds_secrets(annotation: object) -> bool:
    """Whether a value of that type is a secret, or has one inside."""
    return annotation is SecretStr or any(map(_holds_secrets, get_args(annotation)))
