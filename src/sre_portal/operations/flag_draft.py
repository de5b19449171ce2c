"""A flag as somebody is writing it: what it would be and what it would answer, before it is saved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sre_portal.core.errors import InvalidInput, Problem, raise_if
from sre_portal.core.flag.definition import Flag
from sre_portal.core.flag.dump import flag_fields
from sre_portal.core.flag.flag_set import FlagSet
from sre_portal.core.flag.reading import read
from sre_portal.core.flag.resolution import type_name
from sre_portal.core.flag_change import edited, flag_text
from sre_portal.core.flag_explain import Explanation, explain
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_name import name_problems
from sre_portal.operations.flag_facts import facts_of
from sre_portal.operations.ports import Ports

LONGEST_DEFINITION = 1_000_000
"""Characters of a text that is read."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A sound definition that is not saved. `flags` is its set with it in place of the one in force."""

    kept: KeptSet
    flag: Flag
    flags: FlagSet

    @property
    def fields(self) -> Mapping[str, object]:
        """As it stands in a document."""
        return flag_fields(self.flag)

    @property
    def text(self) -> str:
        """As it would be kept."""
        return flag_text(self.flag)

    @property
    def changes(self) -> bool:
        """Whether saving it would change anything."""
        return self.kept.text(self.flag.key) != self.text


def draft_of(kept: KeptSet, key: str, definition: str) -> Draft:
    """The draft in a text. Raises `InvalidInput` with every problem."""
    raise_if(name_problems(kept.name, [key]))
    if len(definition) > LONGEST_DEFINITION:
        raise InvalidInput([Problem("", f"{len(definition)} characters", f"at most {LONGEST_DEFINITION}")])
    tree = read(definition, "")
    if isinstance(tree, Problem):
        raise InvalidInput([tree])
    if not isinstance(tree, dict):
        raise InvalidInput([Problem("", type_name(tree), "an object: state, variants, defaultVariant")])
    flag = edited(kept.shared, kept.flags.definitions, key, tree)
    return Draft(kept, flag, kept.flags.with_flag(flag))


def explained(ports: Ports, draft: Draft, context: Mapping[str, object]) -> Explanation:
    """What the draft would answer now, and why."""
    at = int(ports.clock.now().timestamp())
    return explain(draft.flags, draft.flag.key, context, facts=facts_of(ports), at=at)


def readable_definition(text: str) -> str:
    """A kept definition set out over lines, as people edit it; what is no JSON stays as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
