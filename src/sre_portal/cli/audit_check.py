"""Checks an audit log on this side: what the portal says about itself is believed nowhere."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sre_portal.cli.exits import Code, CommandFailed

if TYPE_CHECKING:
    from sre_portal.cli.portal import Portal
    from sre_portal.core.audit import Entry
    from sre_portal.core.audit_check import Checked
    from sre_portal.core.checkpoint import Checkpoint, VerifierKey

PAGE = 1000
WHOLE_LOG_SECONDS = 300.0
"""So long a portal may take to read its whole log."""


async def verify_portal(portal: Portal, keys: list[str], witnesses: list[str]) -> dict[str, object]:
    from sre_portal.core.audit_check import Check

    known = parsed_keys(await keys_of(portal, keys))
    check = Check(_witnesses(witnesses, known), columns=False)
    signed = text_in(await portal.get("/audit/checkpoint"), "checkpoint")
    while True:
        start = 0 if check.last is None else check.last + 1
        async for line in lines_of(portal, start):
            check.take([_entry(line)])
        head = text_in(await portal.get("/audit/checkpoint"), "checkpoint")
        if head == signed:
            break
        signed = head  # somebody added entries meanwhile
    document = _document(check.finish(signed, known))
    told_there = await portal.get_slowly("/audit/verify", WHOLE_LOG_SECONDS)
    there = told_there.get("findings") if isinstance(told_there, dict) else None
    findings = [*texts_in(document["findings"]), *texts_in(there)]
    return {**document, "findings": list(dict.fromkeys(findings)), "whole": not findings}


def verify_file(
    file: Path, checkpoint: Path | None, keys: list[str], witnesses: list[str]
) -> dict[str, object]:
    """Checks the entries that the checkpoint signs. The export may have been made later, and hold more."""
    from sre_portal.core.audit_check import Check, exported

    if checkpoint is None or not keys:
        raise CommandFailed(Code.BAD_INPUT, "An export is checked with its --checkpoint and a --key.")
    known, signed = parsed_keys(keys), read_text(checkpoint)
    check = Check(_witnesses(witnesses, known), columns=False, signed_size=_size_in(signed))

    def entries() -> Iterable[Entry]:
        for number, line in enumerate(read_text(file).removesuffix("\n").split("\n"), 1):
            try:
                yield exported(line)
            except ValueError:
                raise CommandFailed(
                    Code.FAILED, f"Line {number} of {file} is not an entry of an audit log."
                ) from None

    check.take(entries())
    return _document(check.finish(signed, known))


async def pair_of(portal: Portal, start: int, tell: Callable[[dict[str, object]], None]) -> str:
    """Tells every entry from `start` on that a checkpoint signs, and returns that checkpoint.

    Texts that are dropped meanwhile are dropped after the log has said so: that is among the last lines,
    which are read for a second, newer checkpoint.
    """
    signed = ""
    for _ in range(2):
        signed = text_in(await portal.get("/audit/checkpoint"), "checkpoint")
        size = _size_in(signed)
        if size is None:
            raise CommandFailed(Code.FAILED, "The head of this log is no checkpoint. Export without one.")
        async for line in lines_of(portal, start, size):
            tell(line)
        start = max(start, size)
    return signed


def _size_in(signed: str) -> int | None:
    from sre_portal.core.checkpoint import NotGenuine, parse_checkpoint

    try:
        return parse_checkpoint(signed).size
    except NotGenuine:
        return None


async def lines_of(portal: Portal, start: int, size: int | None = None) -> AsyncIterator[dict[str, object]]:
    """The entries from a number on, of a log of that size; without one all there are."""
    while size is None or start < size:
        query = f"from={start}&limit={PAGE}" if start else f"limit={PAGE}"
        page = await portal.get(f"/audit/entries?{query}")
        lines = [one for one in page if isinstance(one, dict)] if isinstance(page, list) else []
        for line in lines:
            if size is None or _entry(line).seq < size:
                yield line
        following = 1 + max((_entry(line).seq for line in lines), default=-1)
        if following <= start:
            return
        start = following


def _entry(line: dict[str, object]) -> Entry:
    from sre_portal.core.audit_check import exported

    try:
        return exported(json.dumps(line))
    except ValueError:
        raise CommandFailed(Code.FAILED, "What the portal tells is no entry of an audit log.") from None


async def keys_of(portal: Portal, given: list[str]) -> list[str]:
    return given or keys_in(await portal.get("/audit/key"))


def proven(answer: object) -> dict[str, object]:
    """The proof, checked here."""
    from sre_portal.core.audit_check import exported
    from sre_portal.core.audit_proof import Proof
    from sre_portal.core.checkpoint import NotGenuine, open_checkpoint

    told_there = answer if isinstance(answer, dict) else {}
    raw, keys = told_there["proof"], parsed_keys(texts_in(told_there["keys"]))
    try:
        entry, path = exported(json.dumps(raw["entry"])), tuple(map(bytes.fromhex, raw["path"]))
    except (ValueError, KeyError, TypeError):
        raise CommandFailed(Code.FAILED, "What the portal tells is no proof.") from None
    proof, why = Proof(entry, str(raw["checkpoint"]), path), ""
    try:
        open_checkpoint(proof.checkpoint, keys)
        why = "" if proof.holds else "The path does not lead to the signed root."
    except NotGenuine as forged:
        why = str(forged)
    told_here = {"leaf": entry.leaf, "hash": entry.hash, "path": raw["path"], "checkpoint": proof.checkpoint}
    return {"seq": entry.seq, **told_here, "holds": not why, "why": why}


def parsed_keys(texts: Iterable[str]) -> list[VerifierKey]:
    """Each text holds one key or several, in lines or separated by commas. Raises `CommandFailed`."""
    from sre_portal.core.checkpoint import NotGenuine, VerifierKey

    named = [one for text in texts for one in text.replace(",", " ").split() or [text]]
    try:
        return [VerifierKey.parse(one) for one in named]
    except NotGenuine as wrong:
        raise CommandFailed(Code.BAD_INPUT, str(wrong)) from None


def _witnesses(texts: Iterable[str], keys: list[VerifierKey]) -> list[Checkpoint]:
    """Each as `SIZE:ROOT`, or the file of a checkpoint, whose signature must fit."""
    from sre_portal.core.audit_check import parse_witness
    from sre_portal.core.checkpoint import NotGenuine, open_checkpoint

    found = []
    for text in texts:
        try:
            is_file = Path(text).is_file()
            found.append(open_checkpoint(read_text(Path(text)), keys) if is_file else parse_witness(text))
        except NotGenuine as wrong:
            raise CommandFailed(Code.BAD_INPUT, f"The witness {text}: {wrong}") from None
    return found


def _document(checked: Checked) -> dict[str, object]:
    return {
        "whole": checked.whole,
        "size": checked.size,
        "root": checked.root,
        "horizon": checked.horizon,
        "missing": checked.missing,
        "unchecked": checked.unchecked,
        "findings": list(checked.findings),
    }


def praise(document: dict[str, object]) -> str:
    gone = f", {document['missing']} of them without their text" if document["missing"] else ""
    witness = f"Keep it as a witness: {document['size']}:{document['root']}"
    return f"The log is whole: {document['size']} entries{gone}.\n{witness}"


def note_of(document: dict[str, object]) -> str:
    """What an export held that its checkpoint does not sign; empty where that is nothing."""
    more = document["unchecked"]
    return f"The last {more} entries came after the checkpoint and were not checked." if more else ""


def read_text(file: Path) -> str:
    """Raises `CommandFailed`."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as unreadable:
        raise CommandFailed(Code.BAD_INPUT, f"{file} cannot be read: {unreadable}.") from None


def write_text(file: Path, text: str) -> None:
    """Byte for byte, whatever the locale and the system."""
    try:
        file.write_bytes(text.encode())
    except OSError as refused:
        raise CommandFailed(Code.BAD_INPUT, f"{file} cannot be written: {refused}.") from None


def text_in(answer: object, name: str) -> str:
    return str(answer.get(name, "")) if isinstance(answer, dict) else ""


def texts_in(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def keys_in(answer: object) -> list[str]:
    return texts_in(answer.get("keys")) if isinstance(answer, dict) else []
