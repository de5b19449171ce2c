"""Prints pages: one Jinja2 environment, compiled once, that escapes everything and refuses unknown names.

A block named `live_...` is a fragment: its outermost element has an id, and `live.py` sends it when it
changed.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from sre_portal.web.pages.frame import Frame, theme_of

HERE = Path(__file__).parent
DIST = HERE / "static" / "dist"
MACROS = ("parts.html", "plot.html", "golden_chart.html", "fields.html", "flag_parts.html")
"""Their macros are known in every template."""
FRAME_TEMPLATES = ("shell.html", "stop_all_dialog.html")
"""They hold the live blocks that every page has."""


@cache
def environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=-1,
    )
    found.globals |= {"asset": asset, "service_row": service_row, "flag_line": flag_line}
    for name in MACROS:
        module = found.get_template(name).module
        found.globals |= {key: getattr(module, key) for key in dir(module) if not key.startswith("_")}
    return found


@cache
def built() -> Mapping[str, str]:
    """Plain name -> name with the hash of its content. Empty where the assets were not built."""
    manifest = DIST / "manifest.json"
    names: dict[str, str] = json.loads(manifest.read_text()) if manifest.exists() else {}
    drawings = {f"{path.stem.rpartition('-')[0]}.svg": path.name for path in DIST.glob("*-*.svg")}
    return drawings | names


def asset(name: str) -> str:
    """The address of a built file."""
    return f"/static/{built().get(name, name)}"


def page(request: Request, template: str, view: object, status: int = 200, *, live: str = "") -> HTMLResponse:
    """A page inside the portal's frame. `live` is the address of the stream that keeps it fresh."""
    html = environment().get_template(template).render(view=view, frame=Frame.of(request), live=live)
    return HTMLResponse(html, status)


def public_page(request: Request, template: str, view: object, status: int = 200) -> HTMLResponse:
    """A page for people who are not logged in: no frame, no names."""
    html = environment().get_template(template).render(view=view, theme=theme_of(request))
    return HTMLResponse(html, status)


def part(template: str, view: object) -> str:
    """A template that is no whole page."""
    return environment().get_template(template).render(view=view)


@lru_cache(maxsize=1024)
def service_row(row: Hashable) -> Markup:
    """One row of the overview. A row whose numbers did not move is printed once."""
    return _printed("rows.html", "service_row", row)


@lru_cache(maxsize=1024)
def flag_line(row: Hashable) -> Markup:
    """One line of the list of flags, in the same manner."""
    return _printed("flag_rows.html", "flag_line", row)


def _printed(template: str, macro: str, row: Hashable) -> Markup:
    printed: Markup = getattr(environment().get_template(template).module, macro)(row)
    return printed


def fragments(templates: Sequence[str], frame: Frame, **values: object) -> dict[str, str]:
    """Every live block of the frame and of these templates, by the id of its outermost element."""
    found: dict[str, str] = {}
    for name in (*FRAME_TEMPLATES, *templates):
        found |= _live_blocks(environment().get_template(name), {**values, "frame": frame})
    return found


def _live_blocks(template: Template, values: Mapping[str, object]) -> dict[str, str]:
    context = template.new_context(dict(values))
    return {
        name.removeprefix("live_").replace("_", "-"): "".join(block(context)).strip()
        for name, block in template.blocks.items()
        if name.startswith("live_")
    }
