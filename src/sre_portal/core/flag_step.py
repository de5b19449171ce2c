"""What may be done to a flag, as a value: it can wait, and be kept as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from sre_portal.core.flag.bucket import DEFAULT_EPOCH, Epoch

StepKind = Literal["put", "remove", "toggle", "share", "import"]


@dataclass(frozen=True, slots=True)
class Put:
    """The flag is to be this. `version` is the one that was seen, 0 for none; None: any."""

    definition: Mapping[str, object]
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Remove:
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Toggle:
    enabled: bool
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """So many percent of those who are in no other rule get a variant."""

    variant: str
    percent: Decimal | int
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Import:
    """The whole set is to be this document. `version` is that of the set."""

    document: str
    epoch: Epoch = DEFAULT_EPOCH
    version: int | None = None


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


def in_words(step: Step) -> str:
    """What it does, as lists and the audit log tell it."""
    match step:
        case Put():
            return "make it" if step.version == 0 else "change its definition"
        case Remove():
            return "remove it"
        case Toggle():
            return "switch it on" if step.enabled else "switch it off"
        case Share():
            return f"give {step.variant} to {Decimal(step.percent).normalize():f} %"
        case Import():
            return "import a file into the set"


def from_version(step: FlagStep, version: int | None) -> FlagStep:
    """The same, of a flag at that version."""
    return replace(step, version=version)


def step_fields(step: Step) -> dict[str, object]:
    """What it says besides its kind and its version, as JSON."""
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


def dump_step(step: Step) -> str:
    """What is kept of it."""
    told = {"kind": kind_of(step), "version": step.version, **step_fields(step)}
    return json.dumps(told, ensure_ascii=False, allow_nan=False)


def load_step(text: str) -> Step:
    """What was kept. Raises `ValueError` for what `dump_step` never wrote."""
    told = json.loads(text)
    match told:
        case {"kind": "put", "version": version, "definition": dict(definition)}:
            return Put(definition, _version(version))
        case {"kind": "remove", "version": version}:
            return Remove(_version(version))
        case {"kind": "toggle", "version": version, "enabled": bool(enabled)}:
            return Toggle(enabled, _version(version))
        case {
            "kind": "share",
            "version": version,
            "variant": str(variant),
            "percent": int() | float() as percent,
        }:
            return Share(variant, Decimal(repr(percent)), _version(version))
        case {"kind": "import", "version": version, "document": str(document), "epoch": int(epoch)}:
            return Import(document, Epoch(epoch), _version(version))
        case _:
            raise ValueError("this is no step of a planned change")


def _version(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ValueError(f"{value!r} is no version")
