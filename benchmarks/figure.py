"""A measured figure and the bar it is held to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the result.

    `bar` says in words what is asked, `holds` whether it was met (None: told for comparison only), `spread`
    how far the rounds were apart.
    """

    name: str
    value: float
    unit: str
    bar: str
    holds: bool | None
    spread: str
