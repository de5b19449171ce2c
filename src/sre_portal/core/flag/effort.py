"""The effort that an evaluation may take, counted down for whatever grows with data or a rule.

It is counted in parts of a rule, of which one takes at most about 0.2 us. So an evaluation ends within about
20 ms, and all flags of a set within about 0.3 s, whatever is asked. Numbers and texts of ordinary length are
free: how many a rule can look at is limited by its own parts.
"""

from __future__ import annotations

from collections.abc import Mapping

MAX_EFFORT = 100_000
"""Of one evaluation, with the flags that it needs: 20 ms."""
FREE_EFFORT = 100
"""What each flag of a whole set may take without sharing it: 20 us. Few rules take more."""
SHARED_EFFORT = 500_000
"""What the flags of a whole set may take beyond that, all together: 0.1 s."""
WRITTEN = 8
"""Of an item of a list that is made a text or a number."""
HASHED = 4
"""Of an item of a list or an object that people are told apart by."""
COMPARED = 2
"""Of an item that something is looked for among."""
ASKED = 8
"""Of a name that `missing` looks up."""
LONG = 256
"""Characters that are free."""

Effort = list[int]
"""One number: what is left to an evaluation. Whoever shares the list shares the effort."""

_COSTLY = {"sem_ver": 16, "fractional": 8, "substr": 8, "in": 4, "missing": 8, "missing_some": 8}
"""Operators that take longer than a part, whatever they are given."""


class TooMuch(ValueError):
    """A rule takes too much effort, makes too much, or looks too deep."""


def full() -> Effort:
    """What one evaluation by itself has."""
    return [MAX_EFFORT]


class Portions:
    """The effort of one answer for many flags: each has its own little, and they share the rest."""

    __slots__ = ("effort", "most", "shared")

    def __init__(self) -> None:
        self.effort: Effort = [0]
        """What is left to the flag whose turn it is."""
        self.most = 0
        """What it had at first."""
        self.shared = SHARED_EFFORT
        """What is left to all of them."""
        self.next()

    def next(self) -> None:
        """It is the turn of another one."""
        self.shared -= max(self.most - self.effort[0] - FREE_EFFORT, 0)
        self.most = self.effort[0] = min(FREE_EFFORT + self.shared, MAX_EFFORT)


def spend(effort: Effort, parts: int) -> None:
    """Takes from what is left. Before the work is done, so that what is too much is never begun.

    Raises:
        TooMuch: there is not so much left.
    """
    if parts > effort[0]:
        raise TooMuch("the answer took too much effort")
    effort[0] -= parts


def spend_on_text(effort: Effort, text: str) -> None:
    """For going through a text once. Raises `TooMuch`."""
    if len(text) > LONG:
        spend(effort, len(text) >> 6)


def parts_of(rule: object, evaluators: Mapping[str, object]) -> int:
    """What evaluating all of a rule takes without its data, with the evaluators it names.

    Both are bounded when they are parsed.
    """
    if isinstance(rule, list):
        if not any(isinstance(item, (list, dict)) for item in rule):
            return 1 + (len(rule) >> 3)  # only copied
        return 1 + sum(parts_of(item, evaluators) for item in rule)
    if not isinstance(rule, dict):
        return 1 + (len(rule) >> 6 if isinstance(rule, str) else 0)
    if len(rule) != 1:
        return 1
    [(operator, values)] = rule.items()
    if operator == "$ref":
        return 1 + parts_of(evaluators.get(str(values)), evaluators)
    arguments = values if isinstance(values, list) else [values]
    return 1 + _COSTLY.get(operator, 0) + sum(parts_of(one, evaluators) for one in arguments)
