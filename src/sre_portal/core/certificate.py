"""Certificates of drills: signed words that a kill switch was flipped, was seen, and came back.

One line of canonical JSON as a signed note, under the name of the audit log whose key signs it. It begins
with a brace and a checkpoint with the name of a log, so that one is never taken for the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sre_portal.core.checkpoint import Signer
from sre_portal.core.drill_course import drills_of
from sre_portal.core.experiment import FlagExpectation
from sre_portal.core.journal import canonical
from sre_portal.core.run import DrillEffect, DrillMark, Run, Told, Verdict
from sre_portal.core.signed_note import NotGenuine, VerifierKey, parted, require_signature

KIND: Final = "sre-portal drill certificate 1"
WHAT = "certificate"


@dataclass(frozen=True, slots=True)
class Certificate:
    """One as it is kept. `text` is the signed note, byte for byte."""

    run_id: int
    flag_set: str
    flag: str
    verdict: Verdict
    issued_at: datetime
    text: str

    @property
    def passed(self) -> bool:
        return self.verdict is Verdict.PASSED


def certificates_of(run: Run, journal_head: str, signer: Signer, at: datetime) -> tuple[Certificate, ...]:
    """One for each switch that a run flipped. None for a run that goes on, or flipped nothing.

    `journal_head` is the hash of the last entry of its journal, empty for none.
    """
    verdict = run.verdict
    if verdict is None:
        return ()
    found = []
    for drill, mark in drills_of(run):
        if mark.flipped_at is not None:
            fields = {
                **_fields(run, drill, mark),
                "journal": journal_head,
                "log": signer.origin,
                "issued_at": _instant(at),
            }
            text = signer.note(canonical(fields) + "\n")
            found.append(Certificate(run.id, mark.flag_set, mark.flag, verdict, at, text))
    return tuple(found)


def open_certificate(text: str, keys: Sequence[VerifierKey]) -> Mapping[str, object]:
    """What a certificate says, if one of the keys signed it for its own log. Raises `NotGenuine`."""
    fields = read_certificate(text)
    body, signatures = parted(text, WHAT)
    names = sorted({key.name for key in keys})
    if names and fields.get("log") not in names:
        raise NotGenuine(f"The certificate is of the log {fields.get('log')}, not of {', '.join(names)}.")
    require_signature(body, signatures, [key for key in keys if key.name == fields.get("log")], WHAT)
    return fields


def read_certificate(text: str) -> Mapping[str, object]:
    """What a text claims, whoever signed it. Raises `NotGenuine`."""
    line = text.partition("\n\n")[0]
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or fields.get("what") != KIND:
        raise NotGenuine("This is not a certificate of a drill.")
    return fields


def _fields(run: Run, drill: FlagExpectation, mark: DrillMark) -> dict[str, object]:
    cohort = drill.cohort.model_dump(mode="json", exclude_defaults=True)
    return {
        "what": KIND,
        "run": run.id,
        "experiment": run.name,
        "started_by": run.actor,
        "verdict": None if run.verdict is None else run.verdict.value,
        "reasons": list(run.reasons),
        "set": mark.flag_set,
        "flag": mark.flag,
        "variant": mark.variant,
        "cohort": cohort or "everybody",
        "flipped_at": _instant(mark.flipped_at),
        "version": mark.set_version,
        "seen_within_ms": drill.seen_within.total_seconds() * 1000,
        "seen_ms": _told(mark.told),
        "effect": _effect(mark.effect),
        "restored_at": _instant(mark.restored_at),
        "restored": mark.restored_how,
        "restored_seen_ms": _told(mark.told_restored),
        "expectations": {one.label: one.outcome for one in run.results},
    }


def _effect(effect: DrillEffect | None) -> dict[str, object] | None:
    """How many evaluations gave the variant, and what it would do to made-up people."""
    if effect is None:
        return None
    return {
        "evaluations": effect.given,
        "gave_before": effect.gave_before,
        "made_up_people": effect.people,
        "of_them_changed": effect.changed,
    }


def _told(told: Told) -> dict[str, object]:
    """Milliseconds by subscriber; null for one that never told."""
    silent: dict[str, object] = dict.fromkeys((*told.missing, *told.gone))
    return silent | {name: round(ms, 1) for name, ms in told.seen}


def _instant(at: datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
