"""A page as a test reads it: its elements, its words, and what must never be in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
CLOSED_BY_THEMSELVES = frozenset({"p", "li", "dt", "dd", "tr", "td", "th", "option"})


@dataclass
class Element:
    name: str
    attributes: dict[str, str]
    parent: Element | None = None
    text: str = ""

    def inside(self, name: str) -> bool:
        one = self.parent
        while one is not None:
            if one.name == name:
                return True
            one = one.parent
        return False


@dataclass
class Markup(HTMLParser):
    """Parses on creation. `faults` says what is wrong with the markup itself."""

    source: str
    elements: list[Element] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[Element] = []
        self.feed(self.source)
        self.close()
        self.faults += [f"<{one.name}> is never closed" for one in self.open]
        ids = [one.attributes["id"] for one in self.elements if "id" in one.attributes]
        self.faults += [
            f"id {one} is there twice" for one in sorted({one for one in ids if ids.count(one) > 1})
        ]
        known = set(ids)
        for one in self.elements:
            for name in ("aria-describedby", "aria-labelledby", "popovertarget", "for"):
                if (target := one.attributes.get(name)) and target not in known:
                    self.faults.append(f"{name} names {target}, which is not there")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = self._add(tag, attrs)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._add(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1].name != tag:
            self.faults.append(f"</{tag}> closes {self.open[-1].name if self.open else 'nothing'}")
            return
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for one in self.open:
            one.text += data

    def _add(self, tag: str, attrs: list[tuple[str, str | None]]) -> Element:
        attributes = {name: value or "" for name, value in attrs}
        element = Element(tag, attributes, self.open[-1] if self.open else None)
        self.elements.append(element)
        if "style" in attributes:
            self.faults.append(f"<{tag}> has a style attribute")
        self.faults += [f"<{tag}> has {name}" for name in attributes if name.startswith("on")]
        if tag == "script" and "src" not in attributes:
            self.faults.append("an inline script")
        return element

    @property
    def words(self) -> str:
        """All text, spaces squeezed."""
        return " ".join(next((one.text for one in self.elements if one.name == "html"), self.source).split())

    def all(self, name: str, **attributes: str) -> list[Element]:
        wanted = {key.replace("_", "-").strip("-"): value for key, value in attributes.items()}
        return [
            one
            for one in self.elements
            if one.name == name and all(one.attributes.get(key) == value for key, value in wanted.items())
        ]

    def by_id(self, name: str) -> Element:
        return next(one for one in self.elements if one.attributes.get("id") == name)

    def links(self) -> set[str]:
        return {one.attributes.get("href", "") for one in self.all("a")}

    def fields(self, action: str) -> dict[str, str]:
        """The hidden fields of the form that posts there."""
        form = next(one for one in self.all("form") if one.attributes.get("action") == action)
        return {
            one.attributes["name"]: one.attributes.get("value", "")
            for one in self.all("input", type="hidden")
            if one.parent is form
        }
