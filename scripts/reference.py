"""Writes docs/reference from the code. With `--check` it writes nothing and fails on a difference."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import typer.main
from fastapi.routing import APIRoute
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from sre_portal.cli.app import app as commands
from sre_portal.cli.exits import MEANING
from sre_portal.core.access import PERMISSIONS, REACH, Permission, Role
from sre_portal.core.access_document import Access
from sre_portal.core.experiment import Experiment
from sre_portal.core.slo import Slo
from sre_portal.settings import PREFIX, Settings
from sre_portal.web.api.routes import api_router
from sre_portal.web.app import ROUTES
from sre_portal.web.guard import needs_of
from sre_portal.web.probes import DESCRIBED

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
NOTE = "Generated from the code by `make fix`.\n"


def settings() -> Iterator[str]:
    yield "# Settings\n"
    yield NOTE
    yield "Read from the environment. A name with `_FILE` added names a file that holds the value."
    yield "A name that begins with the prefix and is not in this table is an error.\n"
    yield "| name | default | meaning |"
    yield "|---|---|---|"
    for key, field in Settings.model_fields.items():
        yield f"| `{PREFIX}{key.upper()}` | {_default(field)} | {field.description} |"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value in ((), {}, "") or isinstance(value, SecretStr):
        return ""
    return f"`{value}`"


def exits() -> Iterator[str]:
    yield "# Commands and exit codes\n"
    yield NOTE
    yield "| code | meaning |"
    yield "|---|---|"
    for code, meaning in MEANING.items():
        yield f"| {code.value} | {meaning} |"
    yield ""
    yield from _command(typer.main.get_command(commands), "sre-portal")


def _command(command: object, name: str) -> Iterator[str]:
    if isinstance(command, TyperGroup):
        for inner in command.commands.values():
            yield from _command(inner, f"{name} {inner.name}")
        return
    if not isinstance(command, TyperCommand):
        message = f"not a command: {name}"
        raise TypeError(message)
    yield f"## {name}\n"
    yield " ".join((command.help or "").split()) + "\n"
    yield "| parameter | meaning |"
    yield "|---|---|"
    for parameter in command.params:
        if isinstance(parameter, TyperOption | TyperArgument):
            shown = ", ".join(parameter.opts) if isinstance(parameter, TyperOption) else parameter.name
            said = " ".join((parameter.help or "").split())
            yield f"| `{shown}` | {said} |"
    yield ""


def routes() -> Iterator[str]:
    yield "# Routes and permissions\n"
    yield NOTE
    yield "Every route names its permission, or says that it is public. `agent` takes an agent's token,"
    yield "`person` the session of anybody, whatever their role. A method that is not listed for a path is"
    yield "answered with 405; HEAD is answered like GET outside of `/api/v1`. A test asks every path by every"
    yield "method as everybody.\n"
    yield from _permissions()
    columns = ["nobody", "agent", "no role", *(role.value for role in Role)]
    yield "## Routes\n"
    yield "| method | path | needs | " + " | ".join(columns) + " |"
    yield "|---|---|---|" + "---|" * len(columns)
    for method, path, needs in sorted(_all_routes(), key=lambda row: (row[1], row[0])):
        others = [needs == "public", needs in {"public", "agent"}, needs in {"public", "person"}]
        roles = [needs == "person" or _may(needs, role) for role in Role]
        told = " | ".join("yes" if one else "" for one in (*others, *roles))
        yield f"| {method} | `{path}` | `{needs}` | {told} |"


def _permissions() -> Iterator[str]:
    yield "## Permissions\n"
    yield "A grant on some services gives: of `free` permissions all, of those by `service` what concerns"
    yield "these services, of those of the `portal` nothing.\n"
    yield "| permission | reach | " + " | ".join(role.value for role in Role) + " |"
    yield "|---|---|" + "---|" * len(Role)
    for permission in Permission:
        roles = ["yes" if permission in PERMISSIONS[role] else "" for role in Role]
        yield f"| `{permission.value}` | {REACH[permission].value} | " + " | ".join(roles) + " |"
    yield ""


def _all_routes() -> Iterator[tuple[str, str, str]]:
    for row in ROUTES:
        yield row.method, row.path, str(row.needs)
    for route in api_router().routes:
        if isinstance(route, APIRoute):
            for method in route.methods or ():
                yield method, route.path, str(needs_of(route))


def _may(needs: str, role: Role) -> bool:
    return needs == "public" or needs in {permission.value for permission in PERMISSIONS[role]}


def documents() -> Iterator[str]:
    yield "# Documents\n"
    yield NOTE
    yield "Keys nobody knows are errors. Durations are texts such as `500ms`, `45s`, `1h30m`, `30d`.\n"
    for model in (Experiment, Slo, Access):
        schema = model.model_json_schema(by_alias=True, mode="validation")
        definitions = {model.__name__: schema, **schema.get("$defs", {})}
        for name, part in definitions.items():
            if "properties" in part:
                yield from _part(name, part)


def _part(name: str, part: Mapping[str, object]) -> Iterator[str]:
    properties = part["properties"]
    required = part.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        return
    yield f"## {name}\n"
    if part.get("description"):
        yield str(part["description"]) + "\n"
    yield "| key | type | required | default |"
    yield "|---|---|---|---|"
    for key, value in properties.items():
        default = f"`{value['default']}`" if value.get("default") not in (None, "", [], {}) else ""
        yield f"| `{key}` | {_type(value)} | {'yes' if key in required else ''} | {default} |"
    yield ""


def _type(value: Mapping[str, object]) -> str:
    for key in ("anyOf", "oneOf"):
        if isinstance(options := value.get(key), list):
            return " or ".join(dict.fromkeys(_type(one) for one in options))
    if isinstance(reference := value.get("$ref"), str):
        return reference.rsplit("/", 1)[-1]
    if "const" in value:
        return f"`{value['const']}`"
    if isinstance(choices := value.get("enum"), list):
        return ", ".join(f"`{one}`" for one in choices)
    if isinstance(items := value.get("items"), dict):
        return f"list of {_type(items)}"
    return str(value.get("format") or value.get("type") or "see the text")


def metrics() -> Iterator[str]:
    yield "# Metrics\n"
    yield NOTE
    yield "At `/metrics`, in the Prometheus text format.\n"
    yield "| name | type | labels | meaning |"
    yield "|---|---|---|---|"
    for row in DESCRIBED:
        yield f"| `{row.name}` | {row.kind} | {', '.join(row.labels)} | {row.meaning} |"


PAGES: Mapping[str, Callable[[], Iterator[str]]] = {
    "settings.md": settings,
    "commands.md": exits,
    "routes.md": routes,
    "documents.md": documents,
    "metrics.md": metrics,
}


def write(folder: Path, *, check: bool) -> list[str]:
    """Writes the pages that differ (with `check` none of them) and returns their names."""
    stale = []
    for name, page in PAGES.items():
        text = "\n".join(page()).rstrip() + "\n"
        path = folder / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text, encoding="utf-8")
    return stale


def main(arguments: list[str]) -> int:
    """Returns the exit code: 1 where a check found a difference."""
    check = "--check" in arguments
    stale = write(FOLDER, check=check)
    if stale:
        said = "is stale, run make fix" if check else "written"
        print(f"docs/reference {said}: {', '.join(stale)}")
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
