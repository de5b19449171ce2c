"""An instant as people write it: in a form, on the command line, or in a request."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from sre_portal.core.errors import Problem

EXPECTED = "an instant in UTC: 14:30, 2026-12-01 14:30, or +45m, +2h, +1d from now; nothing for at once"
_AHEAD = re.compile(r"\+\s*(\d{1,5})\s*(m|min|h|d)")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_UNITS = {
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def instant_in(text: str, path: str, now: datetime, wrong: list[Problem]) -> datetime | None:
    """The instant in a text, in UTC where it names no other zone. A time of day is the next from `now` on.

    None for an empty text, and with a problem for what is no instant.
    """
    told = text.strip()
    if not told:
        return None
    if ahead := _AHEAD.fullmatch(told):
        return now + int(ahead[1]) * _UNITS[ahead[2]]
    if clock := _CLOCK.fullmatch(told):
        at = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        return at if at >= now else at + timedelta(days=1)
    try:
        at = datetime.fromisoformat(told.removesuffix("UTC").strip())
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        wrong.append(Problem(path, repr(told[:40]), EXPECTED))
        return None
