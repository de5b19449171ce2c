"""Definitions from outside: parse them all, or say everything that is wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.core.flag.bucket import KEY, Epoch
from sre_portal.core.flag.check import check_rule, depth_of, size_of, suggestion
from sre_portal.core.flag.definition import NEEDS, NOTHING, OFF, Definitions, Flag
from sre_portal.core.flag.outcome import outcomes
from sre_portal.core.flag.prerequisite import (
    Malformed,
    Outline,
    Prerequisite,
    broken,
    newly_broken,
    outline,
    parse_prerequisites,
    path_of,
)
from sre_portal.core.flag.reading import MAX_RULE, read, weigh
from sre_portal.core.flag.resolution import FlagType, Metadata, type_name
from sre_portal.core.flag.shared import SharedRules

SAFE = 2**53 - 1
"""Whole numbers up to here are the same in every language."""
_TYPES: Mapping[type, FlagType] = {
    bool: "boolean",
    str: "string",
    int: "number",
    float: "number",
    dict: "object",
}
_FIELDS = frozenset({"key", "state", "variants", "defaultVariant", "targeting", "metadata"})


def parse_definitions(document: str | bytes | Mapping[str, object], source: str = "") -> Definitions:
    """The definitions in a text or a mapping. `source` names the document, a file say.

    Raises:
        InvalidInput: with every problem and its path.
    """
    tree = read(document, source)
    if isinstance(tree, Problem):
        raise InvalidInput([tree])
    parser = _Parser(source)
    parsed = parser.document(tree)
    if parser.problems:
        raise InvalidInput(parser.problems)
    return parsed


def parse_one(
    key: str,
    fields: Mapping[str, object],
    shared: Mapping[str, object] = NOTHING,
    others: Mapping[str, Flag] | None = None,
) -> Definitions:
    """One flag, with what it shares with others. `shared` is what the document of its set says besides flags.

    `others` are the flags of its set, itself among them or not: what it needs of them and they need of it is
    checked, too. Without them it is not.

    Raises:
        InvalidInput: with every problem and its path, which may be in a flag that needs this one.
    """
    parser = _Parser("")
    parsed = parser.parts({**shared, "flags": {key: fields}})
    if others is not None:
        parser.compare(others)
    if parser.problems:
        raise InvalidInput(parser.problems)
    return parsed


class _Parser(SharedRules):
    """Reads a document once, and collects what is wrong."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.needs: dict[str, Sequence[Prerequisite]] = {}
        self.named: dict[str, Collection[str] | None] = {}

    def document(self, tree: object) -> Definitions:
        parsed = self.parts(tree)
        for found in broken(Outline(self.needs, self.named)):
            self.report(found.path, found.seen, found.expected)
        return parsed

    def compare(self, others: Mapping[str, Flag]) -> None:
        """Reports what these flags break in a set with others, and what they need and is not there."""
        before = outline(others)
        needs = {key: wanted for key, wanted in before.needs.items() if key not in self.named}
        after = Outline(needs | self.needs, {**before.variants, **self.named})
        for found in newly_broken(before, after):
            self.report(found.path, found.seen, found.expected)

    def parts(self, tree: object) -> Definitions:
        """Each flag and what they share, by themselves."""
        top = self.mapping(tree, "", "an object with flags")
        if isinstance(tree, Mapping) and "flags" not in top:
            self.report("flags", "nothing", "the flags, by their keys")
        self.shared(top.get("$evaluators", {}))
        flags = self.keyed(top.get("flags", {}))
        parsed = {key: made for key, value in flags.items() if (made := self.flag(key, value))}
        extra = {
            name: value for name, value in top.items() if name not in {"flags", "$evaluators", "metadata"}
        }
        for name, value in extra.items():
            self.sound(value, str(name))
        metadata: Metadata = {}
        if "metadata" in top and self.sound(top["metadata"], "metadata") is not None:
            metadata = self.metadata(top["metadata"], "metadata")
        if NEEDS in metadata:
            self.report(
                f"metadata.{NEEDS}", "prerequisites of a whole set", "those of a flag, in its metadata"
            )
        return Definitions(parsed, self.evaluators, metadata, extra or NOTHING)

    def keyed(self, value: object) -> Mapping[str, object]:
        """Flags by key. flagd takes a list of flags with keys in them, too."""
        if not isinstance(value, list):
            return self.mapping(value, "flags", "the flags, by their keys")
        found: dict[str, object] = {}
        for index, flag in enumerate(value):
            key = flag.get("key") if isinstance(flag, Mapping) else None
            if not isinstance(key, str):
                self.report(f"flags[{index}].key", type_name(key), "the key of the flag")
            elif key in found:
                self.report(f"flags[{index}].key", f"{key!r} again", "each key once")
            else:
                found[key] = flag
        return found

    def flag(self, key: str, value: object) -> Flag | None:
        path = f"flags.{key}"
        self.named[key] = None
        if not key:
            self.report("flags", "an empty key", "the key of a flag")
            return None
        size = self.sound(value, path)
        if self.sound(key, path) is None or size is None:
            return None
        before = len(self.problems)
        fields = self.mapping(value, path, "a flag")
        state = fields.get("state")
        if isinstance(value, dict) and state not in {"ENABLED", "DISABLED"}:
            seen = "nothing" if "state" not in fields else repr(state)
            self.report(f"{path}.state", seen, "ENABLED or DISABLED")
        kind, variants = self.variants(fields.get("variants"), f"{path}.variants")
        default = self.default(fields.get("defaultVariant"), variants, f"{path}.defaultVariant")
        targeting = self.targeting(fields.get("targeting"), variants, f"{path}.targeting", size)
        metadata = self.metadata(fields["metadata"], f"{path}.metadata") if "metadata" in fields else {}
        if NEEDS in metadata:
            self.prerequisites(key, metadata, variants)
        if variants:
            self.named[key] = variants
        extra = {name: item for name, item in fields.items() if name not in _FIELDS} or NOTHING
        if len(self.problems) > before:
            return None
        return Flag(key, state == "ENABLED", kind, variants, default, targeting, metadata, extra)

    def variants(self, value: object, path: str) -> tuple[FlagType, Mapping[str, object]]:
        if not value or not isinstance(value, dict):
            seen = "nothing" if not value else type_name(value)
            self.report(path, seen, "at least one variant: a name and its value")
            return "boolean", {}
        kinds: dict[FlagType, str] = {}
        fallback: FlagType = "boolean"
        for name, item in value.items():
            kind = _TYPES.get(type(item))
            if not name:
                self.report(path, "a variant without a name", "names that are no empty text")
            if kind is None:
                self.report(f"{path}.{name}", type_name(item), "a boolean, a string, a number or an object")
                continue
            if isinstance(item, (int, float)) and abs(item) > SAFE:
                self.report(f"{path}.{name}", str(item), f"a number from -{SAFE} to {SAFE}")
            kinds.setdefault(kind, name)
        first = next(iter(kinds), fallback)
        for kind, name in kinds.items():
            if kind != first:
                self.report(f"{path}.{name}", f"a {kind}", f"a {first}, as the variants before it")
        return first, value

    def default(self, value: object, variants: Mapping[str, object], path: str) -> str | None:
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self.report(path, type_name(value), "the name of a variant, or null")
            return None
        if variants and value not in variants:
            self.report(path, f"{value!r}", suggestion(value, variants, "the name of a variant"))
        return value

    def targeting(self, rule: object, variants: Mapping[str, object], path: str, most: int) -> object:
        """`most` is what the whole flag is written with: a rule in a small flag needs no measuring."""
        if rule is None or rule == {}:
            return None
        if not isinstance(rule, dict):
            self.report(path, type_name(rule), "a rule: an object with one operator")
            return None
        before = len(self.problems)
        named = check_rule(rule, path, self.evaluators, self.report)
        if (named or most > MAX_RULE) and not self.within(
            depth_of(rule, self.deep), size_of(weigh(rule), named, self.sizes), path
        ):
            return None
        if len(self.problems) == before and variants:
            for found in outcomes(rule, path, self.evaluators):
                if found.written and found.variant is not None and found.variant not in variants:
                    expected = suggestion(found.variant, variants, "the name of a variant")
                    self.report(found.path, f"{found.variant!r}", expected)
        return rule

    def prerequisites(self, key: str, metadata: Metadata, variants: Mapping[str, object]) -> None:
        try:
            self.needs[key] = parse_prerequisites(metadata[NEEDS])
        except Malformed as wrong:
            self.report(path_of(key), wrong.seen, wrong.expected)
        off = metadata.get(OFF)
        if off is not None and variants and off not in variants:
            seen = repr(off) if isinstance(off, str) else type_name(off)
            expected = suggestion(str(off), variants, "the name of a variant")
            self.report(f"flags.{key}.metadata.{OFF}", seen, expected)

    def metadata(self, value: object, path: str) -> Metadata:
        told: dict[str, bool | int | float | str] = {}
        for name, item in self.mapping(value, path, "texts, numbers and booleans by their names").items():
            if not name:
                self.report(path, "a value without a name", "names that are no empty text")
            if isinstance(item, (bool, int, float, str)):
                told[name] = item
            else:
                self.report(f"{path}.{name}", type_name(item), "a text, a number or a boolean")
        if KEY in told and (isinstance(told[KEY], bool) or told[KEY] not in set(Epoch)):
            self.report(f"{path}.{KEY}", repr(told[KEY]), "the number of a bucketing epoch: 1, 2 or 3")
        return told
