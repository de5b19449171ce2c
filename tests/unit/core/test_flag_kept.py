"""What is asked of a set at one version: what is there, what is said of it, and what changed since."""

from __future__ import annotations

import json

import pytest

from sre_portal.core.errors import NotFound, Superseded
from sre_portal.core.flag_change import SHARED, FlagRow, SetNews, fields_in
from sre_portal.core.flag_guard import is_protected
from sre_portal.core.flag_kept import FEW, KeptSet, check_seen, live_row
from tests.store.samples import NOW

EMPTY = KeptSet("shop")


def flag(**metadata: object) -> str:
    return json.dumps(
        {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on", "metadata": metadata}
    )


def after(before: KeptSet, **texts: str | None) -> KeptSet:
    """The set once somebody changed these flags; `_` is what they share."""
    version, rows = before.version + 1, []
    for name, text in texts.items():
        key = SHARED if name == "_" else name
        old = before.rows.get(key)
        number = 1 if old is None else old.version + 1
        rows.append(FlagRow("shop", key, number, version, text, NOW, "ada", "a try"))
    return before.following(SetNews("shop", version, rows))


def test_a_removed_flag_is_not_there_and_its_versions_go_on() -> None:
    there = after(EMPTY, a=flag())
    assert (there.version_of("a"), there.text("a")) == (1, flag())
    assert there.fields("a") == json.loads(flag())
    gone = after(there, a=None)
    assert (gone.live("a"), gone.fields("a"), gone.text("a"), gone.version_of("a")) == (None, None, None, 0)
    assert gone.rows["a"].version == 2
    with pytest.raises(NotFound):
        live_row(gone, "a")
    assert after(gone, a=flag()).version_of("a") == 3


def test_what_flags_share_is_no_flag() -> None:
    kept = after(EMPTY, _='{"metadata": {"owner": "shop"}}')
    assert (kept.live(SHARED), kept.live_rows()) == (None, [])
    assert kept.shared == {"metadata": {"owner": "shop"}}


@pytest.mark.parametrize(("seen", "is_it"), [(None, True), (2, True), (1, False), (0, False), (3, False)])
def test_a_change_names_the_version_that_was_seen(seen: int | None, is_it: bool) -> None:
    kept = after(after(EMPTY, a=flag()), a=flag(x=1))
    if is_it:
        check_seen(kept, "a", seen)
        return
    with pytest.raises(Superseded, match="version 2 by ada: a try") as late:
        check_seen(kept, "a", seen)
    assert late.value.current["version"] == 2


def test_of_a_flag_that_is_not_there_none_was_seen() -> None:
    check_seen(EMPTY, "a", 0)
    with pytest.raises(Superseded, match="expected version 3, found no such flag"):
        check_seen(EMPTY, "a", 3)
    gone = after(after(EMPTY, a=flag()), a=None)
    check_seen(gone, "a", 0)
    with pytest.raises(Superseded, match="its removal, version 2"):
        check_seen(gone, "a", 1)


def test_what_the_flag_says_goes_before_what_its_set_says() -> None:
    kept = after(EMPTY, _='{"metadata": {"x": 1, "y": 1}}', a=flag(x=2), b=flag())
    assert kept.metadata_of("a") == {"x": 2, "y": 1}
    assert kept.metadata_of("b") == kept.metadata_of("none") == {"x": 1, "y": 1}


def test_metadata_that_cannot_be_compiled_protects_as_well() -> None:
    kept = after(EMPTY, a=flag(x=1))
    bad = after(kept, a='{"metadata": {"protected": "yes"}}')
    assert "a" in bad.unsound
    assert bad.metadata_of("a") == {"x": 1, "protected": "yes"}


@pytest.mark.parametrize("text", ["{", "[]", '"a"', "null", '{"metadata": 3}', "[" * 100_000])
def test_whoever_breaks_a_protected_flag_does_not_unprotect_it(text: str) -> None:
    kept = after(EMPTY, _='{"metadata": {"protected": false}}', a=flag(protected=True))
    bad = after(kept, a=text)
    assert "a" in bad.unsound
    assert is_protected(bad.metadata_of("a"))
    assert bad.flags.evaluate("a", {}).value is True


@pytest.mark.parametrize("text", ["{", "[]", '"a"', "null", "1e999", "[" * 100_000])
def test_what_is_no_definition_is_read_as_nothing(text: str) -> None:
    assert fields_in(text) == {}


def test_the_keys_that_changed_since_a_version_are_known() -> None:
    one = after(EMPTY, a=flag(), b=flag())
    two = after(one, b=None)
    three = after(two, c=flag())
    assert one.changed_since(one) == []
    assert three.changed_since(one) == ["b", "c"]
    assert three.changed_since(two) == ["c"]


def test_any_flag_may_have_changed_where_that_is_not_known() -> None:
    one = after(EMPTY, a=flag())
    assert one.changed_since(None) is None
    assert one.changed_since(after(one, a=flag(x=1))) is None  # a database that was brought back
    assert after(one, _='{"metadata": {"x": 1}}').changed_since(one) is None
    bad = after(one, a="{")
    assert bad.changed_since(one) is None
    assert after(bad, a=flag()).changed_since(bad) is None


def test_many_changes_at_once_give_the_same_as_one_after_the_other() -> None:
    texts = {f"flag{number}": flag(n=number) for number in range(FEW + 1)}
    many, few = after(EMPTY, **texts), EMPTY
    for name, text in texts.items():
        few = after(few, **{name: text})
    assert many.flags == few.flags
    assert many.unsound == few.unsound == {}
