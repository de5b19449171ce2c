"""Which flag a page is about: the set and the key in its address."""

from __future__ import annotations

from starlette.requests import Request

from sre_portal.core.errors import NotFound, raise_if
from sre_portal.core.flag_change import FlagRow
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_name import name_problems
from sre_portal.operations.flags import kept_set
from sre_portal.operations.ports import Ports


def flag_in(request: Request) -> tuple[str, str]:
    """The set and the key in the path, both sound as names. Raises `InvalidInput`."""
    flag_set, key = str(request.path_params["flag_set"]), str(request.path_params["key"])
    raise_if(name_problems(flag_set, [key]))
    return flag_set, key


def newest(ports: Ports, flag_set: str, key: str) -> tuple[KeptSet, FlagRow]:
    """The newest version of a flag, also where that is its removal. Raises `NotFound`."""
    kept = kept_set(ports, flag_set)
    row = kept.rows.get(key)
    if row is None:
        raise NotFound("flag", key[:80])
    return kept, row
