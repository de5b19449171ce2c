"""What may be done to a flag, as a value: it can wait, and be kept as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from sre_portal.core.flag.bucket import DEFAULT_EPOCH, Epoch

StepKind = Literal["put", "remove", "toggle", "share", "import"]


@dataclass(frozen=True, slots=True)
class Put:
    """The flag is to be this."""

    definition: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Remove:
    """The flag is to be gone."""


@dataclass(frozen=True, slots=True)
class Toggle:
    enabled: bool


@dataclass(frozen=True, slots=True)
class Share:
    """So many percent of those who are in no other rule get a variant."""

    variant: str
    percent: Decimal | int


@dataclass(frozen=True, slots=True)
class Import:
    """The whole set is to be this document."""

    document: str
    epoch: Epoch = DEFAULT_EPOCH


FlagStep = Put | Remove | Toggle | Share
Step = FlagStep | Import


def kind_of(step: Step) -> StepKind:
    match step:
        case Put():
            return "put"
        case Remove():
            return "remove"
        case Toggle():
            return "toggle"
        case Share():
            return "share"
        case Import():
            return "import"


def in_words(step: Step, seen: int | None) -> str:
    """What it does to a flag that was seen at a version, as lists and the audit log tell it."""
    match step:
        case Put():
            return "make it" if seen == 0 else "change its definition"
        case Remove():
            return "remove it"
        case Toggle():
            return "switch it on" if step.enabled else "switch it off"
        case Share():
            return f"give {step.variant} to {Decimal(step.percent).normalize():f} %"
        case Import():
            return "import a file into the set"


def step_fields(step: Step) -> dict[str, object]:
    """What it says besides its kind, as JSON."""
    match step:
        case Put():
            return {"definition": dict(step.definition)}
        case Toggle():
            return {"enabled": step.enabled}
        case Share():
            return {"variant": step.variant, "percent": float(step.percent)}  # two digits, which it holds
        case Import():
            return {"document": step.document, "epoch": int(step.epoch)}
        case Remove():
            return {}


def dump_step(step: Step, seen: int | None) -> str:
    """What is kept of it, with the version that was seen."""
    told = {"kind": kind_of(step), "version": seen, **step_fields(step)}
    return json.dumps(told, ensure_ascii=False, allow_nan=False)


def load_step(text: str) -> tuple[Step, int | None]:
    """What was kept. Raises `ValueError` for what `dump_step` never wrote."""
    match json.loads(text):
        case {"version": None | int() as seen, **told} if not isinstance(seen, bool):
            return _step(told), seen
        case _:
            raise ValueError("this is no step of a planned change, with the version that was seen")


def _step(told: object) -> Step:
    match told:
        case {"kind": "put", "definition": dict(definition)}:
            return Put(definition)
        case {"kind": "remove"}:
            return Remove()
        case {"kind": "toggle", "enabled": bool(enabled)}:
            return Toggle(enabled)
        case {"kind": "share", "variant": str(variant), "percent": int() | float() as percent}:
            return Share(variant, Decimal(repr(percent)))
        case {"kind": "import", "document": str(document), "epoch": int(epoch)}:
            return Import(document, Epoch(epoch))
        case _:
            raise ValueError("this is no step of a planned change")
