"""The fields of the flag pages: a definition is longer than what other forms take."""

from __future__ import annotations

from starlette.requests import Request

from sre_portal.web.pages.form import LONGEST

LONG = frozenset({"definition", "context", "keys"})
"""Bounded by the body of the request alone: the operations say what is too long."""


async def long_fields(request: Request) -> dict[str, str]:
    """The fields that were posted, without spaces around them. Lines end as JSON has them."""
    form = await request.form()
    return {
        name: text.replace("\r\n", "\n").strip()[: None if name in LONG else LONGEST]
        for name, text in form.items()
        if isinstance(text, str)
    }
