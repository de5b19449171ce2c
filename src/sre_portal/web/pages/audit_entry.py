"""One entry of the audit log, and the proof that it is in the signed log, step by step."""

from __future__ import annotations

import json
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.audit_proof import Proof
from sre_portal.core.errors import NotFound
from sre_portal.core.whole import whole_in
from sre_portal.operations.audit_log import signed_by_us
from sre_portal.web import render
from sre_portal.web.context import ports_of
from sre_portal.web.pages.pill import Pill, pill


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step up: which side the sibling stands on, and what the two make."""

    level: int
    side: str
    sibling: str
    result: str


@dataclass(frozen=True, slots=True)
class EntryPage:
    seq: int
    event: int
    title: str
    leaf: str | None
    """The exact text that is hashed."""
    readable: str
    hash: str
    steps: tuple[StepRow, ...]
    root: str
    size: int
    checkpoint: str
    key: str
    standing: Pill
    sentence: str

    @classmethod
    def of(cls, proof: Proof, key: str, forged: str) -> EntryPage:
        entry, head = proof.entry, proof.claimed
        holds = proof.holds and not forged
        return cls(
            seq=entry.seq,
            event=entry.event,
            title=f"{entry.action}, {entry.kind}" if entry.leaf else "text no longer kept",
            leaf=entry.leaf,
            readable=_readable(entry.leaf),
            hash=entry.hash,
            steps=tuple(
                StepRow(
                    level, "left" if one.sibling_is_left else "right", one.sibling.hex(), one.result.hex()
                )
                for level, one in enumerate(proof.steps, 1)
            ),
            root=head.root.hex(),
            size=head.size,
            checkpoint=proof.checkpoint,
            key=key,
            standing=pill("ok", "proven") if holds else pill("risk", "not proven"),
            sentence=_sentence(proof, forged),
        )


async def audit_entry(request: Request) -> Response:
    ports = ports_of(request)
    text = request.path_params["seq"]
    seq = whole_in(text)
    if seq is None:
        raise NotFound("audit entry", text[:40])
    proof = await ports.audit.proof(seq)
    key, forged = signed_by_us(ports, proof.checkpoint)
    return render.page(request, "audit_entry.html", EntryPage.of(proof, key, forged))


def _sentence(proof: Proof, forged: str) -> str:
    if forged:
        return forged
    if not proof.holds:
        return "The text or the path does not lead to the signed root: the log was changed."
    if proof.entry.leaf is None:
        return "Retention has dropped the text. Its hash leads to the signed root."
    return "The text has this hash, and the hash leads to the signed root."


def _readable(leaf: str | None) -> str:
    try:
        return json.dumps(json.loads(leaf or ""), indent=2, ensure_ascii=False)
    except ValueError:
        return ""
