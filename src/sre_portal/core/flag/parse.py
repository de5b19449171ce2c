"""Definitions from outside: parse them all, or say everything that is wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.core.flag.bucket import KEY, Epoch
from sre_portal.core.flag.check import check_rule, depth_of, size_of
from sre_portal.core.flag.definition import NEEDS, NOTHING, OFF, Definitions, Flag
from sre_portal.core.flag.effort import MAX_EFFORT, parts_of
from sre_portal.core.flag.outcome import outcomes
from sre_portal.core.flag.prerequisite import (
    Malformed,
    Outline,
    Prerequisite,
    flaws,
    new_flaws,
    outline,
    parse_prerequisites,
    path_of,
)
from sre_portal.core.flag.reading import MAX_DOCUMENT, MOST_FLAGS, read, weigh
from sre_portal.core.flag.resolution import FlagType, Metadata, type_name
from sre_portal.core.flag.shared import MOST_SUGGESTED, MOST_TOLD, SharedRules

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
    parser.refuse()
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
    parser.refuse()
    return parsed


def parse_each(
    flags: Mapping[str, Mapping[str, object]], shared: Mapping[str, object]
) -> Iterator[tuple[str, Flag | str]]:
    """Flags by themselves: each with its key, or what is wrong with it in short. `shared` as for `parse_one`.

    Raises:
        InvalidInput: what is wrong with what they share, in short, before any of them.
    """
    parser = _Parser("", most=_MOST_IN_SHORT, suggested=0)
    parser.parts({**shared, "flags": {}})
    parser.refuse()
    for key, fields in flags.items():
        parser.forget()
        made = parser.flag(key, fields)
        yield key, made or "\n".join(map(str, parser.told()))


_MOST_IN_SHORT = 3


class _Parser(SharedRules):
    """Reads a document once, and collects what is wrong."""

    def __init__(self, source: str, most: int = MOST_TOLD, suggested: int = MOST_SUGGESTED) -> None:
        super().__init__(source, most, suggested)
        self.written = 0
        """Characters of the rules that were measured."""
        self.needs: dict[str, Sequence[Prerequisite]] = {}
        self.named: dict[str, Collection[str] | None] = {}

    def document(self, tree: object) -> Definitions:
        parsed = self.parts(tree)
        for flaw in flaws(Outline(self.needs, self.named)):
            self.report(*flaw)
        return parsed

    def compare(self, others: Mapping[str, Flag]) -> None:
        """Reports what these flags break in a set with others, and what they need and is not there."""
        self.few(len(others.keys() | self.named.keys()))
        before = outline(others)
        needs = {key: wanted for key, wanted in before.needs.items() if key not in self.named}
        after = Outline(needs | self.needs, {**before.variants, **self.named})
        for flaw in new_flaws(before, after):
            self.report(*flaw)

    def parts(self, tree: object) -> Definitions:
        """Each flag and what they share, by themselves."""
        top = self.mapping(tree, "", "an object with flags")
        if isinstance(tree, Mapping) and "flags" not in top:
            self.report("flags", "nothing", "the flags, by their keys")
        self.shared(top.get("$evaluators", {}))
        flags = self.keyed(top.get("flags", {}))
        self.few(len(flags))
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

    def few(self, flags: int) -> None:
        if flags > MOST_FLAGS:
            self.report("flags", f"{flags} flags", f"at most {MOST_FLAGS} in a set")

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
        if not self.bounded(key, "flags"):
            return None
        size = self.sound(value, path)
        if self.sound(key, path) is None or size is None:
            return None
        before = self.count
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
        if self.count > before:
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
            self.report(path, f"{value!r}", "the name of a variant", value, variants)
        return value

    def targeting(self, rule: object, variants: Mapping[str, object], path: str, most: int) -> object:
        """`most` is what the whole flag is written with: a rule in a small flag needs no measuring."""
        if rule is None or rule == {}:
            return None
        if not isinstance(rule, dict):
            self.report(path, type_name(rule), "a rule: an object with one operator")
            return None
        before = self.count
        named = check_rule(rule, path, self.declared, self.report)
        if (named or most > MAX_EFFORT) and not self.measured(rule, named, path):
            return None
        if self.count == before and variants:
            for found in outcomes(rule, path, self.evaluators):
                if found.written and found.variant is not None and found.variant not in variants:
                    name = found.variant
                    self.report(found.path, f"{name!r}", "the name of a variant", name, variants)
        return rule

    def measured(self, rule: object, named: Sequence[str], path: str) -> bool:
        """Whether a rule is small enough with the evaluators it names, and so are all up to it together."""
        size = size_of(weigh(rule), named, self.sizes)
        if not self.within(depth_of(rule, self.deep), size, path):
            return False
        self.written += size
        if self.written > MAX_DOCUMENT:
            expected = f"at most {MAX_DOCUMENT}, with the evaluators they name"
            self.report(path, "rules of too many characters together", expected)
            return False
        if (parts := parts_of(rule, self.evaluators)) > MAX_EFFORT:
            self.report(path, f"a rule that takes an effort of {parts}", f"at most {MAX_EFFORT}")
        return parts <= MAX_EFFORT

    def prerequisites(self, key: str, metadata: Metadata, variants: Mapping[str, object]) -> None:
        try:
            self.needs[key] = parse_prerequisites(metadata[NEEDS])
        except Malformed as wrong:
            self.report(path_of(key), wrong.seen, wrong.expected)
        off = metadata.get(OFF)
        if off is not None and variants and off not in variants:
            seen = repr(off) if isinstance(off, str) else type_name(off)
            path = f"flags.{key}.metadata.{OFF}"
            self.report(path, seen, "the name of a variant", str(off), variants)

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
