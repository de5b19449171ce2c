"""Whom a change of a flag would move. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fastapi import Request

from sre_portal.core.errors import InvalidInput, Problem, raise_if
from sre_portal.core.flag.bucket import Epoch
from sre_portal.core.flag_kept import live_fields
from sre_portal.core.flag_moves.share import with_epoch, with_share
from sre_portal.operations.flag_moves import People, Person, moves_of
from sre_portal.operations.flags import kept_set
from sre_portal.web.api.flag_moves_schema import MovesBody, MovesJson
from sre_portal.web.api.flag_path import Key, SetName
from sre_portal.web.context import ports_of


async def moves(request: Request, flag_set: SetName, key: Key, body: MovesBody) -> MovesJson:
    """What share of people a definition, share or bucketing epoch would move, and exactly which of some."""
    ports = ports_of(request)
    proposed = _proposed(body, lambda: live_fields(kept_set(ports, flag_set), key))
    return MovesJson.told(await moves_of(ports, flag_set, key, proposed, _people(body)))


def _proposed(body: MovesBody, live: Callable[[], Mapping[str, object]]) -> Mapping[str, object]:
    given = [name for name in ("definition", "share", "epoch") if getattr(body, name) is not None]
    if len(given) != 1:
        seen = " and ".join(given) or "nothing"
        raise InvalidInput([Problem("body", seen, "one of definition, share and epoch")])
    if body.definition is not None:
        return body.definition
    if body.share is not None:
        return with_share(live(), body.share.variant, body.share.percent)
    return with_epoch(live(), Epoch(body.epoch or Epoch.V3))


def _people(body: MovesBody) -> People | None:
    if body.keys is not None and body.contexts is not None:
        raise InvalidInput([Problem("contexts", "contexts beside keys", "one of them")])
    if body.contexts is not None:
        names = [one.get("targetingKey", "") for one in body.contexts]
        raise_if(_unwritable("contexts", [name for name in names if isinstance(name, str)]))
        return People(body.contexts)
    if body.keys is None:
        return None
    keys = body.keys.splitlines() if isinstance(body.keys, str) else body.keys
    raise_if(_unwritable("keys", keys))
    who: Sequence[Person] = [key for key in keys if key]
    return People(who, body.attribute, body.context)


def _unwritable(path: str, keys: Sequence[str]) -> list[Problem]:
    """The answer repeats keys, and is in UTF-8."""
    try:
        "".join(keys).encode()
    except UnicodeEncodeError:
        return [Problem(path, "half of a surrogate pair", "text that UTF-8 can hold")]
    return []
