"""Posting forms as somebody of the cast, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

import httpx2

from tests.web.pages.scene import Scene

Post = Callable[..., Awaitable[httpx2.Response]]


def definition(here: Scene, name: str) -> Mapping[str, object]:
    """The newest definition of `set/key`."""
    flag_set, _, key = name.partition("/")
    kept = here.ports.flag_book.get(flag_set)
    assert kept is not None
    told: Mapping[str, object] = json.loads(kept.rows[key].definition or "{}")
    return told


def text_of(here: Scene, name: str) -> str:
    return json.dumps(definition(here, name))
