"""What subscribers are told of flags: encoded once for each version of a set, and sent to all of them.

Nothing is queued for anybody. Whoever is woken takes what changed since the version it has, or the whole set.
Subscribers are woken group by group: what the first group is told has left before the last one is woken, and
beats are spread over their second.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence

from sre_portal.contract.flags import BEAT_SECONDS
from sre_portal.core.flag.dump import dump_flags
from sre_portal.core.flag.lookup import NO_FACTS, Facts
from sre_portal.core.flag_facts_read import FactsRead
from sre_portal.core.flag_kept import KeptSet
from sre_portal.operations.flag_book import FlagBook

KEPT_CHANGES = 64
"""So many changes a subscriber may be behind before it gets the whole set."""
MANY = 1000
"""A change of more flags than this is told as a whole set."""
GROUPS = 20


class Feed:
    """One set as lines."""

    def __init__(self, kept: KeptSet) -> None:
        self.kept = kept
        self.readers = 0
        self.facts = b""
        """The newest line of facts. Another object whenever it says something else."""
        self._whole: bytes | None = None
        self._changes: deque[tuple[int, bytes]] = deque(maxlen=KEPT_CHANGES)
        """(version before, line), each after the one before it."""
        self._facts_read = FactsRead(kept)

    @property
    def version(self) -> int:
        return self.kept.version

    def follow(self, kept: KeptSet) -> None:
        """Another version may be in force."""
        before = self.kept
        if kept is before:
            return
        self.kept, self._whole = kept, None
        self._facts_read.follow(kept)
        changed = kept.changed_since(before)
        if changed is None or len(changed) > MANY:
            self._changes.clear()
        else:
            self._changes.append((before.version, _change_line(before.version, kept, changed)))

    def since(self, version: int | None) -> bytes:
        """The lines that bring a subscriber from a version to the newest one; None has nothing yet."""
        if version == self.version:
            return b""
        lines: list[bytes] = []
        for since, line in reversed(self._changes):
            lines.append(line)
            if since == version:
                return b"".join(reversed(lines))
        if self._whole is None:
            self._whole = _set_line(self.kept)
        return self._whole

    def tell_facts(self, facts: Facts) -> None:
        """Makes the line anew, if it says something else."""
        read = self._facts_read.of(facts)
        slo = {name: dict(read[name]) for name in sorted(read)} if read is not None else None
        line = b"" if slo is None else _line({"kind": "facts", "flag_set": self.kept.name, "slo": slo})
        if line != self.facts:
            self.facts = line


class _Group:
    """Subscribers that are woken together."""

    def __init__(self) -> None:
        self.beat = b""
        self.woken = asyncio.Event()

    def wake(self) -> None:
        self.woken.set()
        self.woken = asyncio.Event()


class Subscriber:
    """How far one agent is."""

    def __init__(self, feeds: Sequence[Feed], group: _Group) -> None:
        self.is_over = False
        self.feeds = feeds
        self._group = group
        self._versions: list[int | None] = [None] * len(feeds)
        self._facts = [b""] * len(feeds)
        self._beat = b""

    async def news(self) -> bytes:
        """What there is to tell, as soon as there is something; nothing once it is over."""
        while not self.is_over:
            if told := self._take():
                return told
            await self._group.woken.wait()  # nobody else has run since: what comes now wakes
        return b""

    def _take(self) -> bytes:
        parts: list[bytes] = []
        for place, feed in enumerate(self.feeds):
            if feed.facts is not self._facts[place]:  # first, so that a rule never runs without them
                self._facts[place] = feed.facts
                parts.append(feed.facts)
            if feed.version != self._versions[place]:
                parts.append(feed.since(self._versions[place]))
                self._versions[place] = feed.version
        if self._beat is not self._group.beat:
            self._beat = self._group.beat
            parts.append(self._beat)
        return b"".join(parts)


class FlagFeeds:
    """The feeds of this replica and who reads them. Lives in one event loop, works while somebody reads."""

    def __init__(
        self, book: FlagBook, facts: Callable[[], Facts], now: Callable[[], float], closing: asyncio.Event
    ) -> None:
        """`now` is the portal's clock, in seconds since 1970. Every stream ends when `closing` is set."""
        self._book = book
        self._facts_now = facts
        self._now = now
        self._closing = closing
        self._feeds: dict[str, Feed] = {}
        self._groups = [_Group() for _ in range(GROUPS)]
        self._readers: dict[tuple[str, str], Subscriber] = {}
        self._counts: Counter[str] = Counter()
        """How many instances of each service read."""
        self._joined = 0
        self._facts: Facts = NO_FACTS
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many read."""
        return len(self._readers)

    @property
    def sets(self) -> Collection[str]:
        """The names of the sets that are read."""
        return self._feeds.keys()

    def has_room(self, service: str, instance: str, most: int) -> bool:
        """Whether an instance may read, where at most so many of a service do."""
        return (service, instance) in self._readers or self._counts[service] < most

    def join(self, service: str, instance: str, sets: Sequence[str]) -> Subscriber:
        """Begins to tell an instance of sets. One that has a stream already is back: the old one ends."""
        subscriber = Subscriber([self._feed(name) for name in sets], self._groups[self._joined % GROUPS])
        self._joined += 1
        before = self._readers.get((service, instance))
        if before is None:
            self._counts[service] += 1
        else:
            self.end(before)
        self._readers[service, instance] = subscriber
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return subscriber

    def leave(self, service: str, instance: str, subscriber: Subscriber) -> None:
        self.end(subscriber)
        if self._readers.get((service, instance)) is subscriber:
            del self._readers[service, instance]
            self._counts[service] -= 1

    def _feed(self, name: str) -> Feed:
        """The feed of a set, with one reader more."""
        feed = self._feeds.get(name)
        if feed is None:
            feed = self._feeds[name] = Feed(self._book.get(name) or KeptSet(name))
            feed.tell_facts(self._facts_now())
        feed.readers += 1
        return feed

    def end(self, subscriber: Subscriber) -> None:
        """Tells a subscriber nothing more. A feed goes with its last reader: names of sets are anybody's."""
        if subscriber.is_over:
            return
        subscriber.is_over = True
        for feed in subscriber.feeds:
            feed.readers -= 1
            if not feed.readers:
                del self._feeds[feed.kept.name]

    async def _work(self) -> None:
        loop, changed = asyncio.get_running_loop(), self._book.changed
        seen, due, turn = -1, loop.time(), 0
        while self._readers and not self._closing.is_set():
            now = await changed.after(seen, max(due - loop.time(), 0))
            if now != seen:
                seen = now
                await self._tell_changes()
            if loop.time() >= due:
                due = max(due + BEAT_SECONDS / GROUPS, loop.time())
                self._tell_beat(self._groups[turn % GROUPS])
                turn += 1
        if self._closing.is_set():
            for subscriber in self._readers.values():
                self.end(subscriber)
            for group in self._groups:
                group.wake()

    async def _tell_changes(self) -> None:
        for name, feed in self._feeds.items():
            kept = self._book.get(name)
            if kept is not None and kept is not feed.kept:
                feed.follow(kept)
                feed.tell_facts(self._facts_now())
        for group in self._groups:
            group.wake()
            await asyncio.sleep(0)  # theirs is written before the next ones are woken

    def _tell_beat(self, group: _Group) -> None:
        facts = self._facts_now()
        if facts is not self._facts:
            self._facts = facts
            for feed in self._feeds.values():
                feed.tell_facts(facts)
        group.beat = _line({"kind": "beat", "sent_at": self._now()})
        group.wake()


def _line(told: object) -> bytes:
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _set_line(kept: KeptSet) -> bytes:
    """Definitions are canonical JSON as they are kept, so a set of thousands is put together, not dumped."""
    around = {name: value for name, value in kept.shared.items() if name != "flags"}
    if kept.unsound:
        document = json.dumps(json.loads(dump_flags(kept.flags.definitions)), ensure_ascii=False)
    else:
        texts = {row.key: _on_one_line(row.definition or "") for row in kept.live_rows()}
        document = json.dumps(around, ensure_ascii=False)[:-1] + (", " if around else "")
        document += f'"flags": {_joined(texts)}}}'
    head = json.dumps({"kind": "set", "flag_set": kept.name, "version": kept.version})[:-1]
    return f'{head}, "document": {document}}}\n'.encode()


def _change_line(since: int, kept: KeptSet, keys: Sequence[str]) -> bytes:
    texts = {key: _on_one_line(kept.rows[key].definition or "null") for key in keys}
    told = {"kind": "change", "flag_set": kept.name, "since": since, "version": kept.version}
    return f'{json.dumps(told)[:-1]}, "flags": {_joined(texts)}}}\n'.encode()


def _joined(texts: dict[str, str]) -> str:
    return "{" + ", ".join(f"{json.dumps(key)}: {text}" for key, text in texts.items()) + "}"


def _on_one_line(text: str) -> str:
    """Ours are; what a hand wrote into the database may not be."""
    return json.dumps(json.loads(text), ensure_ascii=False) if "\n" in text else text
