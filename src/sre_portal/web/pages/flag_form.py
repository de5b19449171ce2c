"""The fields of the flag pages: a definition is longer than what other forms take."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request

LONGEST: Mapping[str, int] = {"definition": 512 * 1024, "context": 70_000, "keys": 1024 * 1024}
"""Characters that are read of a field; the operations say what is too long."""
LONGEST_OTHER = 1000


async def long_fields(request: Request) -> dict[str, str]:
    """The fields that were posted, without spaces around them. Lines end as JSON has them."""
    form = await request.form()
    return {
        name: text.replace("\r\n", "\n").strip()[: LONGEST.get(name, LONGEST_OTHER)]
        for name, text in form.items()
        if isinstance(text, str)
    }
