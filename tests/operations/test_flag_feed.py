"""What subscribers are told: whole, then what changed, and never more than one encoding of it."""

import asyncio
import json
import weakref
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sre_portal.agent.flags.known import Known
from sre_portal.agent.flags.line import parse_line
from sre_portal.core.flag.lookup import NO_FACTS
from sre_portal.core.flag_change import SHARED, FlagEdit, SetChange
from sre_portal.core.flag_kept import KeptSet
from sre_portal.operations.flag_book import FlagBook
from sre_portal.operations.flag_feed import KEPT_CHANGES, Feed, FlagFeeds
from tests.web.pages.memory_flags import Flags

AT = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
SWITCH = '{"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}'
OFF = SWITCH.replace("ENABLED", "DISABLED")
BURNING = (
    SWITCH[:-1]
    + ', "targeting": {"if": [{">": [{"var": "$slo.shop-availability.burn_1h"}, 1]}, "off", null]}}'
)
ANY = SWITCH[:-1] + ', "targeting": {"if": [{"var": ""}, "off"]}}'
UNSOUND = SWITCH.replace('"on"}', '"maybe"}')
SHARED_TEXT = '{"metadata": {"owner": "shop"}, "$evaluators": {"staff": {"in": [1, [1]]}}}'


class Book:
    """A flag book over a store in memory, and changes of the set `shop`."""

    def __init__(self) -> None:
        self.store, self.book = Flags(), FlagBook()

    @property
    def kept(self) -> KeptSet:
        return self.book.get("shop") or KeptSet("shop")

    def put(self, definitions: Mapping[str, str | None]) -> KeptSet:
        """The same outside a loop."""
        named = {"_" if key == SHARED else key: text for key, text in definitions.items()}
        return asyncio.run(self.change(**named))

    async def change(self, **definitions: str | None) -> KeptSet:
        """`_` is what the flags share."""
        named = {SHARED if key == "_" else key: text for key, text in definitions.items()}
        edits = []
        for key, text in named.items():
            row = self.kept.rows.get(key)
            edits.append(FlagEdit(key, 1 if row is None else row.version + 1, text))
        assert await self.store.change(SetChange("shop", self.kept.version, edits, AT, "ada", "a test"))
        await self.book.refresh(self.store)
        return self.kept


def lines(told: bytes) -> list[dict[str, Any]]:
    assert told.endswith(b"\n") or not told
    return [json.loads(line) for line in told.splitlines()]


async def test_a_set_that_is_not_there_is_an_empty_one() -> None:
    feed = Feed(KeptSet("shop"))
    assert lines(feed.since(None)) == [
        {"kind": "set", "flag_set": "shop", "version": 0, "document": {"flags": {}}}
    ]
    assert feed.since(0) == b""


async def test_a_set_is_told_whole_once_and_then_what_changed() -> None:
    book = Book()
    feed = Feed(await book.change(a=SWITCH, b=SWITCH, _=SHARED_TEXT))
    [whole] = lines(feed.since(None))
    assert whole["document"] == {
        **json.loads(SHARED_TEXT),
        "flags": {"a": json.loads(SWITCH), "b": json.loads(SWITCH)},
    }
    feed.follow(await book.change(a=OFF))
    feed.follow(await book.change(b=None))
    changes = lines(feed.since(1))
    assert changes == [
        {"kind": "change", "flag_set": "shop", "since": 1, "version": 2, "flags": {"a": json.loads(OFF)}},
        {"kind": "change", "flag_set": "shop", "since": 2, "version": 3, "flags": {"b": None}},
    ]
    assert lines(feed.since(2)) == changes[1:]
    assert feed.since(3) == b""


async def test_the_same_bytes_go_to_everybody() -> None:
    book = Book()
    feed = Feed(await book.change(a=SWITCH))
    assert feed.since(None) is feed.since(None)
    feed.follow(await book.change(a=OFF))
    assert feed.since(1) == feed.since(1)


async def test_who_is_far_behind_gets_the_whole_set() -> None:
    book = Book()
    feed = Feed(await book.change(a=SWITCH))
    for number in range(KEPT_CHANGES + 1):
        feed.follow(await book.change(a=SWITCH if number % 2 else OFF))
    assert [one["kind"] for one in lines(feed.since(1))] == ["set"]
    assert [one["kind"] for one in lines(feed.since(2))] == ["change"] * KEPT_CHANGES


async def test_a_change_of_what_flags_share_is_told_as_a_whole_set() -> None:
    book = Book()
    feed = Feed(await book.change(a=SWITCH))
    feed.follow(await book.change(_=SHARED_TEXT))
    assert [one["kind"] for one in lines(feed.since(1))] == ["set"]


async def test_what_the_portal_cannot_compile_is_told_as_it_is_in_force() -> None:
    book = Book()
    feed = Feed(await book.change(a=SWITCH, b=SWITCH))
    feed.follow(await book.change(a=UNSOUND))
    [told] = lines(feed.since(1))
    assert told["document"]["flags"] == {"a": json.loads(SWITCH), "b": json.loads(SWITCH)}
    feed.follow(await book.change(a=OFF))
    [told] = lines(feed.since(2))
    assert told["document"]["flags"]["a"] == json.loads(OFF)


async def test_a_definition_that_a_hand_wrote_over_several_lines_is_told_on_one() -> None:
    feed = Feed(await Book().change(a=SWITCH.replace(", ", ",\n ")))
    assert feed.since(None).count(b"\n") == 1


async def test_facts_are_told_of_the_slos_that_rules_read() -> None:
    facts = {"shop-availability": {"burn_1h": 2.0}, "payments": {"burn_1h": 1.0}}
    book = Book()
    feed = Feed(await book.change(a=SWITCH))
    feed.tell_facts(facts)
    assert feed.facts == b""
    feed.follow(await book.change(a=BURNING))
    feed.tell_facts(facts)
    [told] = lines(feed.facts)
    assert told == {"kind": "facts", "flag_set": "shop", "slo": {"shop-availability": {"burn_1h": 2.0}}}
    same = feed.facts
    feed.tell_facts({**facts, "payments": {"burn_1h": 9.0}})
    assert feed.facts is same
    feed.follow(await book.change(a=ANY))
    feed.tell_facts(facts)
    assert lines(feed.facts)[0]["slo"] == facts
    feed.follow(await book.change(a=None))
    feed.tell_facts(facts)
    assert feed.facts == b""


async def test_an_instance_that_comes_back_ends_its_old_stream_and_takes_no_more_room() -> None:
    book, closing = Book(), asyncio.Event()
    feeds = FlagFeeds(book.book, lambda: NO_FACTS, AT.timestamp, closing)
    old = feeds.join("shop", "i", ["shop"])
    assert await old.news()
    new = feeds.join("shop", "i", ["shop"])
    assert (await old.news(), len(feeds)) == (b"", 1)
    assert feeds.has_room("shop", "i", 1)
    assert not feeds.has_room("shop", "j", 1)
    feeds.leave("shop", "i", old)
    assert len(feeds) == 1
    feeds.leave("shop", "i", new)
    assert (len(feeds), feeds.has_room("shop", "j", 1)) == (0, True)
    closing.set()


async def test_whoever_reads_slowly_gets_only_what_is_newest_and_holds_nothing_back() -> None:
    book, closing = Book(), asyncio.Event()
    feeds = FlagFeeds(book.book, lambda: NO_FACTS, AT.timestamp, closing)
    slow, quick = feeds.join("shop", "slow", ["shop"]), feeds.join("shop", "quick", ["shop"])
    await slow.news()
    known = Known(["shop"], lambda: 1)
    for number in range(3 * KEPT_CHANGES):
        await book.change(a=SWITCH if number % 2 else OFF)
        while not known.sets or known.sets["shop"].version <= number:
            for line in (await quick.news()).splitlines():
                known.take(parse_line(line))
    told = [one for one in lines(await slow.news()) if one["kind"] != "beat"]
    assert [(one["kind"], one["version"]) for one in told] == [("set", 3 * KEPT_CHANGES)]
    closing.set()
    while await slow.news():
        pass
    feeds.leave("shop", "slow", slow)
    feeds.leave("shop", "quick", quick)


async def test_a_feed_goes_with_its_last_reader_while_others_read_on() -> None:
    """The names of sets that are not there are anybody's, so what is kept of them must not grow."""
    book, closing = Book(), asyncio.Event()
    await book.change(a=SWITCH)
    feeds = FlagFeeds(book.book, lambda: NO_FACTS, lambda: 1.0, closing)
    stays = feeds.join("shop", "stays", ["shop"])
    await stays.news()
    first = feeds.join("shop", "goes", ["shop", "shop@made-up"])
    made_up, shared = weakref.ref(first.feeds[1]), weakref.ref(first.feeds[0])
    again = feeds.join("shop", "goes", ["shop"])
    feeds.leave("shop", "goes", first)
    feeds.leave("shop", "goes", again)
    feeds.leave("shop", "goes", again)
    del first, again
    assert made_up() is None
    assert shared() is stays.feeds[0]
    await book.change(a=OFF)
    told = [one for one in lines(await stays.news()) if one["kind"] != "beat"]
    assert [one["version"] for one in told] == [2]
    closing.set()
    while await stays.news():
        pass
    feeds.leave("shop", "stays", stays)
    del stays
    assert shared() is None


TEXTS = st.sampled_from([SWITCH, OFF, BURNING, ANY, None])
CHANGE = st.dictionaries(st.sampled_from("abc"), TEXTS, min_size=1)
Step = tuple[dict[str, str | None], bool, bool]
STEPS = st.lists(st.tuples(CHANGE, st.booleans(), st.booleans()), max_size=12)


@settings(deadline=None)
@given(STEPS)
def test_however_changes_and_looks_fall_an_agent_ends_with_what_the_portal_has(
    steps: list[Step],
) -> None:
    async def follow() -> None:
        book = Book()
        feed, known, version = Feed(book.kept), Known(["shop"], lambda: 1), None
        last: Step = ({"d": SWITCH}, False, True)
        for changes, shares, looks in [*steps, last]:
            if shares:
                feed.follow(await book.change(_=SHARED_TEXT + " " * book.kept.version))
            feed.follow(await book.change(**changes))
            if looks:
                for line in feed.since(version).splitlines():
                    known.take(parse_line(line))
                version = feed.version
        assert known.sets["shop"].version == book.kept.version
        assert known.answering[0].flags == book.kept.flags

    asyncio.run(follow())
