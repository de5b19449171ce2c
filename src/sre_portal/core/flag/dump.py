"""Definitions as text that Git likes: the same content is the same bytes, and a change is a small diff."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sre_portal.core.flag.definition import Definitions, Flag


def dump_flags(definitions: Definitions) -> str:
    """JSON in the flagd format, keys sorted, two spaces, a line at the end. It parses back equal."""
    document: dict[str, object] = dict(sorted(definitions.extra.items()))
    if definitions.metadata:
        document["metadata"] = _sorted(definitions.metadata)
    document["flags"] = {key: flag_fields(flag) for key, flag in sorted(definitions.flags.items())}
    if definitions.evaluators:
        document["$evaluators"] = _sorted(definitions.evaluators)
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def flag_fields(flag: Flag) -> dict[str, object]:
    """One flag as it stands in a document, without its key."""
    fields: dict[str, object] = {
        "state": "ENABLED" if flag.enabled else "DISABLED",
        "variants": _sorted(flag.variants),
    }
    if flag.default is not None:
        fields["defaultVariant"] = flag.default
    if flag.targeting is not None:
        fields["targeting"] = _sorted(flag.targeting)
    if flag.metadata:
        fields["metadata"] = _sorted(flag.metadata)
    return fields | {name: _sorted(value) for name, value in sorted(flag.extra.items())}


def _sorted(value: object) -> object:
    """Bounded by what `parse_flags` takes."""
    if isinstance(value, Mapping):
        return {name: _sorted(item) for name, item in sorted(value.items())}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
