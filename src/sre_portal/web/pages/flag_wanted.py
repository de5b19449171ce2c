"""What the fields of a review ask for: a definition that somebody wrote, or another share of a variant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sre_portal.core.errors import Problem, raise_if
from sre_portal.core.flag_after import definition_after
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_step import Put, Share
from sre_portal.operations.flag_draft import Draft, draft_of
from sre_portal.web.pages.flag_schedule import percent_in

SHARE = ("variant", "percent")
"""The fields of a share. It stays one until it is saved: a step of a rollout can be planned after another."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The flag as it would be, and the step that makes it so."""

    draft: Draft
    step: Put | Share


def wanted_in(kept: KeptSet, key: str, fields: Mapping[str, str]) -> Wanted:
    """Of a flag as it is in a set. Raises `InvalidInput` with every problem, and `NotFound`."""
    if "percent" not in fields:
        draft = draft_of(kept, key, fields.get("definition", ""))
        return Wanted(draft, Put(draft.fields))
    wrong = list[Problem]()
    share = Share(fields.get("variant", ""), percent_in(fields, "percent", wrong))
    raise_if(wrong)
    return Wanted(draft_of(kept, key, definition_after(kept, key, share) or ""), share)
