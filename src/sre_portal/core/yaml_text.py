"""YAML text to plain values, each with its line, and back. JSON is YAML.

Stricter than YAML where YAML surprises: no aliases, no tags, no duplicate keys, bounded in size and depth.
Plain words follow the YAML 1.2 core schema (`yes` and `on` are text, `1e3` is a number), as in JSON.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import yaml

from sre_portal.core.errors import Problem
from sre_portal.core.place import DEEPEST, Path, document_path

LARGEST_BYTES = 256 * 1024
_DROPPED = "\0"
"""Stands for a key that cannot be one. It was reported; its value is read and left out."""

# The C parser is 15 times faster: a body of 256 kB must not hold up the loop that renews leases.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]{1,18}|[0-9]{1,18}(\.[0-9]{0,18})?)([eE][-+]?[0-9]{1,3})?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(slots=True)
class Raw:
    """One document as it was written: plain values, and the line (from 1) on which each path begins."""

    value: object
    lines: dict[Path, int] = field(default_factory=dict)


def read_yaml(text: str) -> tuple[list[Raw], list[Problem]]:
    """The documents of a text, and everything wrong with the text itself. Empty documents are left out."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return [], [Problem("", "text that is not Unicode", "UTF-8 text")]
    if size > LARGEST_BYTES:
        return [], [Problem("", f"{size} bytes", f"at most {LARGEST_BYTES} bytes")]
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except (yaml.YAMLError, _TooDeepError) as wrong:
        builder.problems.append(wrong.problem if isinstance(wrong, _TooDeepError) else _syntax(wrong))
        builder.documents = builder.documents[:-1]  # what stops in the middle would only look incomplete
    found = [raw for raw in builder.documents if raw.value is not None]
    if not found and not builder.problems:
        builder.problems.append(Problem("", "nothing", "at least one document"))
    return found, builder.problems


def write_yaml(value: object) -> str:
    """YAML that `read_yaml` reads back as the same value."""
    return str(
        yaml.dump(
            value,
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=False,
            width=100,
        )
    )


class _TooDeepError(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class _Builder:
    """Builds values from parser events, without recursion."""

    def __init__(self) -> None:
        self.documents: list[Raw] = []
        self.problems: list[Problem] = []
        self._open: list[tuple[dict[str, object] | list[object], Path]] = []
        self._key: list[str | None] = []

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 0
        match event:
            case yaml.DocumentStartEvent():
                self.documents.append(Raw(None))
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._refuse_tag(event.tag, line)
                self._descend({} if isinstance(event, yaml.MappingStartEvent) else [], line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._open.pop()
                self._key.pop()
            case yaml.ScalarEvent():
                plain = event.implicit[0]
                if not plain and not event.implicit[1]:
                    self._refuse_tag(event.tag, line)
                self._scalar(event.value, line, plain=plain)
            case yaml.AliasEvent():
                self._problem(line, f"the alias *{event.anchor}", "the value itself, in its place")
                self._put(None, line)
            case _:
                pass

    def _descend(self, value: dict[str, object] | list[object], line: int) -> None:
        path = self._place()
        if len(self._open) >= DEEPEST:
            seen = f"more than {DEEPEST} levels of lists and mappings"
            raise _TooDeepError(Problem(document_path(path[:4]), seen, "a flatter document", line=line))
        if self._awaits_key():
            self._problem(line, "a key that is a list or a mapping", "a key that is text")
            self._key[-1] = _DROPPED
        else:
            self._put(value, line)
        self._open.append((value, path))
        self._key.append(None)

    def _scalar(self, text: str, line: int, *, plain: bool) -> None:
        if self._awaits_key():
            self._take_key(text, line, plain=plain)
        else:
            self._put(_plain_value(text) if plain else text, line)

    def _take_key(self, text: str, line: int, *, plain: bool) -> None:
        holder, path = self._open[-1]
        if plain and not isinstance(_plain_value(text), str):
            self._problem(line, f"the key {text or 'null'}", f'a key that is text, in quotes ("{text}")')
            self._key[-1] = _DROPPED
            return
        self._key[-1] = text
        if isinstance(holder, dict) and text in holder:
            first = self.documents[-1].lines.get((*path, text), 0)
            self._problem(line, f"the key {text} again", f"each key once (first on line {first})")

    def _put(self, value: object, line: int) -> None:
        path = self._place()
        if self._awaits_key():  # an alias where a key belongs
            self._key[-1] = _DROPPED
            return
        self.documents[-1].lines.setdefault(path, line)
        if not self._open:
            self.documents[-1].value = value
            return
        holder, _ = self._open[-1]
        if isinstance(holder, list):
            holder.append(value)
            return
        if (key := self._key[-1]) is not None and key != _DROPPED:
            holder.setdefault(key, value)
        self._key[-1] = None

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][0], dict) and self._key[-1] is None

    def _place(self) -> Path:
        """The path of the value that comes next; of its holder where there is no key for it."""
        if not self._open:
            return ()
        holder, path = self._open[-1]
        if isinstance(holder, list):
            return (*path, len(holder))
        return path if self._key[-1] in (None, _DROPPED) else (*path, str(self._key[-1]))

    def _refuse_tag(self, tag: str | None, line: int) -> None:
        if tag is not None and tag != "!":
            self._problem(line, f"the tag {tag[:60]}", "a plain value")

    def _problem(self, line: int, seen: str, expected: str) -> None:
        self.problems.append(Problem(document_path(self._place()), seen, expected, line=line))


def _plain_value(text: str) -> object:
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def _syntax(wrong: Exception) -> Problem:
    mark = getattr(wrong, "problem_mark", None) or getattr(wrong, "context_mark", None)
    said = getattr(wrong, "problem", None) or getattr(wrong, "reason", None) or "this cannot be read"
    if mark is None:
        return Problem("", str(said), "YAML")
    return Problem(f"line {mark.line + 1}, column {mark.column + 1}", str(said), "YAML")


class _Dumper(yaml.SafeDumper):
    """Quotes whatever YAML 1.1 or 1.2 would read as something else than text."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _write_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # Single quotes would turn these line ends into spaces.
    style = '"' if set(text) & set("\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _write_text)
for _tag, _pattern in (("float", _NUMBER), ("int", _INTEGER)):
    _Dumper.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern.pattern})$"), list("-+.0123456789")
    )
