"""One frozen record of settings, parsed once from `SRE_PORTAL_*`. A name nobody knows is an error.

Each setting can also be given as a file: `SRE_PORTAL_ADMIN_TOKEN_FILE=/run/secrets/token` (for secrets).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from sre_portal.core.errors import InvalidInput, Problem

PREFIX = "SRE_PORTAL_"
NOT_OURS = frozenset({"SRE_PORTAL_URL", "SRE_PORTAL_TOKEN"})
"""Read by the command line, not by the server."""


SHORTEST_TOKEN = 16


class Settings(BaseModel):
    """What `sre-portal serve` can be told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8321, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    public_url: str = Field("", description="The address people use, where it differs from host and port.")
    data_dir: Path = Field(Path("sre-portal-data"), description="Folder of the embedded SQLite database.")
    database_url: SecretStr = Field(
        SecretStr(""), description="postgresql://user:password@host/name. Empty: SQLite in data_dir."
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
    agent_tokens: Mapping[str, SecretStr] = Field(
        default_factory=dict, description="A token a service: shop=...,payments=..."
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses, separated by commas, whose X-Forwarded-For names the client. Empty: none.",
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
        if any(not name or not token for name, _, token in pairs):
            raise ValueError("service=token pairs, separated by commas")
        return {name.strip(): token.strip() for name, _, token in pairs}

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, value: SecretStr) -> SecretStr:
        if (url := value.get_secret_value()) and not url.startswith(
            ("postgresql://", "postgres://", "sqlite:///")
        ):
            raise ValueError("postgresql://user:password@host/name or sqlite:///path/to/file")
        return value

    @field_validator("public_url")
    @classmethod
    def _check_address(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("an address that begins with https:// or http://")
        return value

    @model_validator(mode="after")
    def _check_tokens(self) -> Self:
        tokens = [self.admin_token, *self.agent_tokens.values()]
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
        return url or f"sqlite:///{(self.data_dir / 'portal.sqlite3').absolute()}"


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
    seen = "a secret value" if "token" in key or "database_url" in key else repr(error.get("input"))
    return Problem(
        PREFIX + key.upper(),
        seen,
        str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be "),
    )
