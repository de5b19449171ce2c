"""The editor of one flag, with the answer beside it; and the way to a new flag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sre_portal.core.access import Permission
from sre_portal.core.errors import Problem
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_name import name_problems, service_of
from sre_portal.core.whole import whole_in
from sre_portal.operations.flag_draft import readable_definition
from sre_portal.operations.flags import kept_now
from sre_portal.web import render
from sre_portal.web.body_size import LARGEST_BODY_BYTES
from sre_portal.web.context import ports_of, principal_of
from sre_portal.web.pages.figures import mebibytes
from sre_portal.web.pages.flag_form import long_fields
from sre_portal.web.pages.flag_place import flag_in
from sre_portal.web.pages.flag_preview import Preview, preview_of
from sre_portal.web.pages.flag_words import flag_href, readable
from sre_portal.web.pages.form import Form
from sre_portal.web.pages.frame import May, permission
from sre_portal.web.rate import pace_flip

CONTEXT = "targetingKey = ada\n"
SHAPES: Mapping[str, tuple[str, Mapping[str, object], str]] = {
    "boolean": ("a switch: true or false", {"off": False, "on": True}, "off"),
    "string": ("a text", {"first": "a text", "second": "another"}, "first"),
    "number": ("a number", {"few": 4, "many": 12}, "few"),
    "object": ("an object", {"plain": {"rows": 10}, "rich": {"rows": 20}}, "plain"),
}
"""What a new flag can hold: words, variants to begin with, and the default."""
NEW_FIELDS = {"set": "", "key": "", "shape": "boolean"}


@dataclass(frozen=True, slots=True)
class EditPage:
    flag_set: str
    key: str
    is_new: bool
    version: int
    """The version that the text in the editor began from; 0 for none."""
    definition: str
    context: str
    preview: Preview
    href: str
    largest: int
    """Bytes that the form may send."""
    largest_words: str
    may: May


@dataclass(frozen=True, slots=True)
class NewPage:
    form: Form
    sets: tuple[str, ...]
    shapes: tuple[tuple[str, str], ...]


async def edit(request: Request) -> Response:
    """`GET /flags/{flag_set}/{key}/edit?shape=`: also of a flag that is not there yet."""
    flag_set, key = flag_in(request)
    kept = await kept_now(ports_of(request), flag_set)
    text = kept.text(key)
    shape = request.query_params.get("shape", "")
    fields = {
        "definition": template(shape) if text is None else readable_definition(text),
        "context": CONTEXT,
        "version": str(kept.version_of(key)),
    }
    return await edit_page(request, kept, key, fields)


@pace_flip
async def edit_again(request: Request) -> Response:
    """`POST` of the same: the editor with what was typed, and the answer to it. Nothing is saved."""
    (flag_set, key), fields = flag_in(request), await long_fields(request)
    return await edit_page(request, await kept_now(ports_of(request), flag_set), key, fields)


async def edit_page(
    request: Request, kept: KeptSet, key: str, fields: Mapping[str, str], status: int = 200
) -> Response:
    ports = ports_of(request)
    view = EditPage(
        flag_set=kept.name,
        key=key,
        is_new=kept.live(key) is None,
        version=whole_in(fields.get("version", "")) or 0,
        definition=fields.get("definition", ""),
        context=fields.get("context", ""),
        preview=await preview_of(ports, kept.name, key, fields),
        href=flag_href(kept.name, key),
        largest=LARGEST_BODY_BYTES,
        largest_words=str(mebibytes(LARGEST_BODY_BYTES)),
        may=permission(principal_of(request), Permission.FLAG_FLIP, service_of(kept.name)),
    )
    return render.page(request, "flag_edit.html", view, status)


async def new(request: Request) -> Response:
    """`GET /flags/new?set=&key=&shape=`: asks for a name, then leads to the editor."""
    fields = {name: request.query_params.get(name, usual).strip()[:300] for name, usual in NEW_FIELDS.items()}
    if not fields["key"]:
        return new_page(request, fields, ())
    wrong = name_problems(fields["set"], [fields["key"]])
    if wrong:
        return new_page(request, fields, wrong)
    shape = fields["shape"] if fields["shape"] in SHAPES else "boolean"
    return RedirectResponse(f"{flag_href(fields['set'], fields['key'], 'edit')}?shape={shape}", 303)


def new_page(request: Request, fields: Mapping[str, str], wrong: Sequence[Problem]) -> Response:
    places = {"flag_set": "set", f"flags.{fields['key'][:80]}": "key"}
    placed = [Problem(places.get(one.path, one.path), one.seen, one.expected) for one in wrong]
    view = NewPage(
        Form.of(NEW_FIELDS, fields, placed),
        tuple(one.name for one in ports_of(request).flag_book.all()),
        tuple((name, words) for name, (words, _, _) in SHAPES.items()),
    )
    return render.page(request, "flag_new.html", view, 422 if wrong else 200)


def template(shape: str) -> str:
    """A definition to begin with."""
    _, variants, default = SHAPES.get(shape, SHAPES["boolean"])
    return readable({"state": "ENABLED", "variants": variants, "defaultVariant": default})
