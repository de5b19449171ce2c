"""Writing down by which hash a flag splits people, so that no later version moves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sre_portal.core.flag.bucket import KEY, Epoch
from sre_portal.core.flag.definition import Definitions, Flag


def pin(definitions: Definitions, epoch: Epoch) -> Definitions:
    """The definitions with the epoch in the metadata of every flag that splits people and says none.

    A file does not tell which hash it was made for: whoever imports it knows what evaluated it before.
    """
    flags = {key: _pinned(flag, definitions, epoch) for key, flag in definitions.flags.items()}
    return replace(definitions, flags=flags)


def _pinned(flag: Flag, definitions: Definitions, epoch: Epoch) -> Flag:
    if flag.pinned(definitions.metadata) is not None or not splits_people(flag, definitions):
        return flag
    return replace(flag, metadata={**flag.metadata, KEY: int(epoch)})


def splits_people(flag: Flag, definitions: Definitions) -> bool:
    """Whether a flag has a split, in its own rule or in an evaluator it names."""
    return splits(flag.targeting, definitions.evaluators)


def splits(rule: object, evaluators: Mapping[str, object]) -> bool:
    """Whether a rule, or one of several, has a split, or names an evaluator with one."""
    return _splits(rule, evaluators, set())


def _splits(rule: object, evaluators: Mapping[str, object], seen: set[str]) -> bool:
    if isinstance(rule, list):
        return any(_splits(item, evaluators, seen) for item in rule)
    if not isinstance(rule, dict):
        return False
    name = rule.get("$ref")
    if isinstance(name, str) and name not in seen:
        seen.add(name)
        if _splits(evaluators.get(name), evaluators, seen):
            return True
    return "fractional" in rule or any(_splits(item, evaluators, seen) for item in rule.values())
