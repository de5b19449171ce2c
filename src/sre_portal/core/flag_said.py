"""What the metadata of a flag says, where that is a number of days."""

from __future__ import annotations

from collections.abc import Mapping

MOST_DAYS = 3660


def days_said(metadata: Mapping[str, object], name: str, usual: float) -> float:
    """From 0 on; `usual` where it is not said. Nonsense is not heeded."""
    said = metadata.get(name)
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said <= MOST_DAYS:
        return usual
    return said
