"""The audit log over the API: events, and all that is needed to check it without believing the portal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Literal, Self

from fastapi import Path, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import StreamingResponse

from sre_portal.core.access import Permission
from sre_portal.core.audit import AuditEvent, AuditFilter, AuditOutcome, Entry
from sre_portal.core.audit_check import Checked, parse_witness
from sre_portal.core.audit_proof import Proof
from sre_portal.core.checkpoint import NotGenuine, parse_checkpoint
from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.operations.audit_log import PAGE, audit_keys, verify_log
from sre_portal.operations.ports import Ports
from sre_portal.web.context import ports_of
from sre_portal.web.guard import still

From = Annotated[
    int | None,
    Query(alias="from", ge=0, le=2**62, description="Number of the first entry; without it, all there is."),
]
Limit = Annotated[int, Query(ge=1, le=PAGE)]

AT_ONCE = 50
"""Lines that are sent without looking whether the reader is still let in."""


class CheckpointJson(BaseModel):
    """`checkpoint` is the signed text, to be kept byte for byte; the rest is what it says, if anything."""

    checkpoint: str
    origin: str
    size: int
    root: str


class KeyJson(BaseModel):
    """Public keys as `name+id+base64`, the one that signs first."""

    keys: list[str]


class EntryJson(BaseModel):
    """One line of an export. `leaf` is None once retention has dropped the text."""

    seq: int
    hash: str
    leaf: str | None

    @classmethod
    def of(cls, entry: Entry) -> Self:
        return cls(seq=entry.seq, hash=entry.hash, leaf=entry.leaf)


class ProofJson(BaseModel):
    """`path` leads from `hash` to the root of the checkpoint, from the leaf upwards (RFC 6962, 2.1.1)."""

    entry: EntryJson
    path: list[str]
    checkpoint: str
    holds: bool

    @classmethod
    def of(cls, proof: Proof) -> Self:
        path = [one.hex() for one in proof.path]
        entry = EntryJson.of(proof.entry)
        return cls(entry=entry, path=path, checkpoint=proof.checkpoint, holds=proof.holds)


class CheckedJson(BaseModel):
    """`findings` are sentences, empty where the log is whole."""

    whole: bool
    size: int
    root: str
    horizon: int
    missing: int
    findings: list[str]

    @classmethod
    def of(cls, found: Checked) -> Self:
        return cls(
            whole=found.whole,
            size=found.size,
            root=found.root,
            horizon=found.horizon,
            missing=found.missing,
            findings=list(found.findings),
        )


async def events(  # noqa: PLR0913, PLR0917  # one parameter for each filter
    request: Request,
    limit: Limit = 100,
    actor: Annotated[str, Query(max_length=200)] = "",
    action: Annotated[str, Query(max_length=200)] = "",
    object: Annotated[str, Query(max_length=200)] = "",  # noqa: A002  # the word of the audit log
    outcome: AuditOutcome | Literal[""] = "",
    before: Annotated[int | None, Query(ge=0, le=2**62)] = None,
) -> list[AuditEvent]:
    """Events, newest first: each an intent and how it ended. `before` an event is the next page."""
    only = AuditFilter(actor, action, object, outcome, before)
    return list(await ports_of(request).audit.recent(limit, only))


async def checkpoint(request: Request) -> CheckpointJson:
    """The signed head of the log (C2SP tlog-checkpoint)."""
    text = await ports_of(request).audit.checkpoint()
    try:
        head = parse_checkpoint(text)
    except NotGenuine:  # whoever checks it wants to see it
        return CheckpointJson(checkpoint=text, origin="", size=0, root="")
    return CheckpointJson(checkpoint=text, origin=head.origin, size=head.size, root=head.root.hex())


async def key(request: Request) -> KeyJson:
    """The public keys that sign checkpoints, or have."""
    ports = ports_of(request)
    return KeyJson(keys=[str(one) for one in audit_keys(ports)])


async def entries(request: Request, start: From = None, limit: Limit = PAGE) -> list[EntryJson]:
    """Entries in order, from a number on."""
    found = await ports_of(request).audit.entries(_before(start), limit)
    return [EntryJson.of(one) for one in found]


async def proof(request: Request, seq: Annotated[int, Path(ge=0, le=2**62)]) -> ProofJson:
    """That an entry is in the signed log."""
    return ProofJson.of(await ports_of(request).audit.proof(seq))


async def verify(
    request: Request, witness: Annotated[list[str] | None, Query(max_length=100)] = None
) -> CheckedJson:
    """Reads the whole log and says everything that is wrong with it. A witness is `SIZE:ROOT`."""
    try:
        witnesses = [parse_witness(one) for one in witness or ()]
    except NotGenuine as wrong:
        raise InvalidInput([Problem("witness", "something else", str(wrong))]) from None
    return CheckedJson.of(await verify_log(ports_of(request), witnesses))


async def export(request: Request, start: From = None) -> StreamingResponse:
    """Every entry that is there now, from a number on, one JSON document a line.

    Ends early where whoever reads it is not let in any more; a checkpoint tells how many there should be.
    """
    lines = _lines(request, start, await _size(ports_of(request)))
    return StreamingResponse(lines, media_type="application/x-ndjson")


def _before(start: int | None) -> int | None:
    return None if start is None else start - 1


async def _size(ports: Ports) -> int | None:
    """How many entries are signed; None where the head does not say it. Then all there are are told."""
    try:
        return parse_checkpoint(await ports.audit.checkpoint()).size
    except NotGenuine:
        return None


async def _lines(request: Request, start: int | None, size: int | None) -> AsyncIterator[str]:
    ports, after = ports_of(request), _before(start)
    while True:
        seen = ports.access.count
        if not await _may_read(request):
            return
        found = await ports.audit.entries(after, PAGE)
        page = [one for one in found if size is None or one.seq < size]
        for at in range(0, len(page), AT_ONCE):
            if seen != ports.access.count:  # while the reader took what was sent before
                seen = ports.access.count
                if not await _may_read(request):
                    return
            yield "".join(
                f"{json.dumps(EntryJson.of(one).model_dump())}\n" for one in page[at : at + AT_ONCE]
            )
        if not page:
            return
        after = page[-1].seq


async def _may_read(request: Request) -> bool:
    who = await still(request)
    return who is not None and who.may(Permission.AUDIT_READ)
