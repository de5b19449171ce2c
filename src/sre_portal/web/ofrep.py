"""The OpenFeature Remote Evaluation Protocol (OFREP) 0.3: what a flag is for somebody, one or all of a set.

Answers come from the memory of this replica. Definitions never come this way, so `flag:ask` on the service
of the set is enough. `ofrep_quick` answers most of these before a request gets here, by the same functions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.contract.flags import DEFAULT_SET
from sre_portal.core.access import Permission
from sre_portal.core.errors import NotAuthenticated, Unconfirmed
from sre_portal.core.flag.lookup import Facts
from sre_portal.core.flag.resolution import ErrorCode, Resolution
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_name import asked_of
from sre_portal.operations.flag_facts import facts_of
from sre_portal.operations.flag_use import count, count_all
from sre_portal.operations.ports import Ports
from sre_portal.web.context import ports_of, principal_of
from sre_portal.web.denial import require_or_tell
from sre_portal.web.guard import holder_of
from sre_portal.web.holder import Holder
from sre_portal.web.limits import FlagLimits
from sre_portal.web.ofrep_ticket import seal_ticket, ticket_for
from sre_portal.web.ofrep_wire import (
    PREFIX,
    Answer,
    Unfit,
    all_flags,
    context_in,
    failure,
    one_answer,
    set_asked,
    stream_at,
    tag_of_version,
    tags_in,
    version_in,
)

EVENTS = f"{PREFIX}v1/events"
_NO_FLAGS = KeptSet(DEFAULT_SET)


@dataclass(frozen=True, slots=True)
class AskedForAll:
    """A question for every flag of a set. `told`: the version by which an event led to it.

    That version may have been told by another replica, and is waited for as long as `patience_seconds`.
    """

    flag_set: str
    body: bytes
    holder: Holder
    tags: str = ""
    """`If-None-Match`."""
    told: str = ""
    patience_seconds: float = 0.0


async def evaluate(request: Request) -> Response:
    """One flag."""
    flag_set = await _set_permitted(request)
    body = await request.body()
    return answer_one(ports_of(request), flag_set, request.path_params["key"], body).response()


async def evaluate_all(request: Request) -> Response:
    """Every flag of a set, and where it is told that something changed."""
    if (holder := holder_of(request)) is None:
        raise NotAuthenticated("log in first")
    limits: FlagLimits = request.app.state.flag_limits
    asked = AskedForAll(
        await _set_permitted(request),
        await request.body(),
        holder,
        request.headers.get("if-none-match", ""),
        request.query_params.get("flagConfigEtag", ""),
        limits.patience_seconds,
    )
    return (await answer_all(ports_of(request), asked)).response()


def answer_one(ports: Ports, flag_set: str, key: str, body: bytes) -> Answer:
    """What one flag is for the context in a body."""
    try:
        flags, context = kept_of(ports, flag_set).flags, context_in(body)
    except Unfit as unfit:
        return failure(unfit, key)
    found = flags.evaluate(key, context, facts=facts_of(ports), at=_at(ports))
    if found.error_code is not ErrorCode.FLAG_NOT_FOUND:
        count(ports, flag_set, key, found.variant)
    return one_answer(key, found)


async def answer_all(ports: Ports, asked: AskedForAll) -> Answer:
    """What every flag is for the context in a body. Raises `Unconfirmed`.

    The `ETag` is of the answer, not of the definitions: it stays the same only where this context gets the
    same, and it also changes where a rule looks at the time, and where the ticket in the answer is another.
    """
    try:
        kept, context = await _caught_up(ports, asked), context_in(asked.body)
    except Unfit as unfit:
        return failure(unfit)
    at = _at(ports)
    found = await _evaluated(kept, context, facts_of(ports), at)
    flags, ticket = all_flags(found), ticket_for(asked.holder, asked.flag_set, at)
    sealed, given = seal_ticket(ports.keys, ticket), _digest(flags)
    tag = f'"{given}-{_digest(sealed.encode())}"'
    count_all(ports, asked.flag_set, given, found)
    is_of_now = asked.told in {"", tag_of_version(kept.version)}
    if is_of_now and asked.tags and tag in tags_in(asked.tags):
        return Answer(304, b"", tag)
    url = f"{ports.policy.url}{EVENTS}?ticket={sealed}"
    return Answer(200, b'{"flags":%b,"eventStreams":%b}' % (flags, stream_at(url)), tag)


def kept_of(ports: Ports, flag_set: str) -> KeptSet:
    """A set by its name. Raises `Unfit`."""
    kept = ports.flag_book.get(flag_set)
    if kept is not None:
        return kept
    if flag_set == DEFAULT_SET:
        return _NO_FLAGS
    raise Unfit(ErrorCode.GENERAL, f"no flag set {flag_set[:80]!r}")


async def _evaluated(
    kept: KeptSet, context: Mapping[str, object], facts: Facts, at: int
) -> Mapping[str, Resolution]:
    """Every flag of one version of a set; others are served between its parts."""
    parts = kept.flags.evaluate_in_parts(context, facts=facts, at=at)
    found = next(parts)
    for part in parts:
        await asyncio.sleep(0)
        found = part
    return found


async def _caught_up(ports: Ports, asked: AskedForAll) -> KeptSet:
    """The set, not older than the client knows it to be. Raises `Unfit` or `Unconfirmed`."""
    book, loop, wanted = ports.flag_book, asyncio.get_running_loop(), version_in(asked.told)
    until = loop.time() + asked.patience_seconds
    while True:
        changes = book.changed.count
        kept = kept_of(ports, asked.flag_set)
        if kept.version >= wanted:
            return kept
        if (left := until - loop.time()) <= 0:
            raise Unconfirmed(f"version {wanted} of {asked.flag_set} is not known here yet: ask again")
        await book.changed.after(changes, left)


def _digest(told: bytes) -> str:
    return blake2b(told, digest_size=16).hexdigest()


async def _set_permitted(request: Request) -> str:
    """The set that is asked for. Raises `NotPermitted`."""
    headers, query = request.headers, request.query_params.get("set", "")
    flag_set = set_asked(headers.get("x-flag-set", ""), headers.get("flagd-selector", ""), query)
    await require_or_tell(request, principal_of(request), Permission.FLAG_ASK, asked_of(flag_set))
    return flag_set


def _at(ports: Ports) -> int:
    return int(ports.clock.now().timestamp())
