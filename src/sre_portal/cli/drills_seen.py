"""What the command line reads of answers about drills, and how it prints them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import TypeAdapter

from sre_portal.cli.seen import Seen, parsed
from sre_portal.cli.table import columns

WHAT = "drills"
_WORDS: Mapping[str, str] = {"drilled": "drilled", "due": "due", "never": "never drilled"}


class StandingSeen(Seen):
    flag_set: str
    flag: str
    standing: str
    every_days: float
    passed_at: datetime | None = None
    run: int | None = None


class CertificateSeen(Seen):
    flag_set: str
    flag: str
    certificate: str

    @property
    def named(self) -> str:
        return f"{self.flag_set}/{self.flag}"


def parse_standings(answer: object) -> Sequence[StandingSeen]:
    """Raises `PortalLost` where no portal answers so."""
    return parsed(TypeAdapter(list[StandingSeen]), answer, WHAT)


def parse_certificates(answer: object) -> Sequence[CertificateSeen]:
    """Raises `PortalLost` where no portal answers so."""
    return parsed(TypeAdapter(list[CertificateSeen]), answer, WHAT)


def standing_lines(seen: Sequence[StandingSeen]) -> Sequence[str]:
    """A table of kill switches."""
    rows = [
        (
            f"{one.flag_set}/{one.flag}",
            _WORDS.get(one.standing, one.standing),
            "" if one.passed_at is None else f"{one.passed_at:%Y-%m-%d %H:%M}",
            "" if one.run is None else str(one.run),
            f"{one.every_days:g} days",
        )
        for one in seen
    ]
    heads = ("SWITCH", "STATE", "PASSED (UTC)", "RUN", "EVERY")
    return columns(heads, rows) if rows else ["There are no kill switches."]


def certificate_lines(says: Mapping[str, object]) -> Sequence[str]:
    """What a genuine certificate says."""
    seen, back = says.get("seen_ms"), says.get("restored_seen_ms")
    return [
        f"Genuine: signed by {says.get('log')}.",
        f"{says.get('set')}/{says.get('flag')} was {says.get('variant')} in run {says.get('run')}.",
        f"verdict: {says.get('verdict')}",
        f"flipped: {says.get('flipped_at')}, {_seen(seen)}",
        f"effect: {_effect(says)}",
        f"restored: {says.get('restored_at')}, {_seen(back)}",
        f"issued: {says.get('issued_at')}",
    ]


def _effect(says: Mapping[str, object]) -> str:
    effect = says.get("effect")
    given = effect.get("evaluations") if isinstance(effect, Mapping) else None
    if not isinstance(given, int):
        return "not known"
    return f"{given} evaluation{'' if given == 1 else 's'} gave {says.get('variant')}"


def _seen(told: object) -> str:
    if not isinstance(told, Mapping) or not told:
        return "seen by nobody"
    times = (
        f"{name} {f'after {ms:g} ms' if isinstance(ms, int | float) else 'not'}" for name, ms in told.items()
    )
    return f"seen by {', '.join(times)}"
