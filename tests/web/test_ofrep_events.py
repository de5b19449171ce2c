"""Browser programs are told that they should ask for flags again, over a stream that lets do nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import httpx2
import pytest

from sre_portal.core.access import Role
from sre_portal.core.account import LOCAL
from sre_portal.core.audit import AuditOutcome
from sre_portal.core.errors import StoreUnavailable
from sre_portal.core.flag_step import Toggle
from sre_portal.core.ports import Token, TokenStore
from sre_portal.operations.flag_import import ImportOrder, import_flags
from sre_portal.operations.flags import FlagOrder, change_flag
from sre_portal.operations.login import issue_link, use_link
from sre_portal.operations.sessions import Origin, digest_of
from sre_portal.web import ofrep_events
from sre_portal.web.cookies import SESSION
from sre_portal.web.doorkeeper import Doorkeeper
from sre_portal.web.holder import Holder
from sre_portal.web.limits import FlagLimits
from sre_portal.web.ofrep import EVENTS
from sre_portal.web.ofrep_ticket import PERIOD_SECONDS, Ticket, open_ticket, seal_ticket
from tests.operations.world import OMAR, START, World
from tests.web.door import SECRETS, Door
from tests.web.listener import listening_to

ALL = "/ofrep/v1/evaluate/flags"
SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
BUDGETED = {
    **SWITCH,
    "targeting": {"if": [{">": [{"var": "$slo.shop-availability.burn_1h"}, 2]}, "off", "on"]},
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path, agents=[]).open()
    for name, flags in (("shop", {"new-cart": SWITCH}), ("budget", {"cheap": BUDGETED})):
        await import_flags(opened.ports, OMAR, ImportOrder(name, "test"), {"flags": flags})
    yield opened
    await opened.close()


async def stream_url(client: httpx2.AsyncClient, flag_set: str = "shop") -> str:
    told = (await client.post(ALL, json={}, headers={"x-flag-set": flag_set})).json()
    assert [one["type"] for one in told["eventStreams"]] == ["sse"]
    return str(told["eventStreams"][0]["url"])


async def flip(world: World, *, enabled: bool, flag_set: str = "shop", key: str = "new-cart") -> None:
    await change_flag(world.ports, OMAR, FlagOrder(flag_set, key, "test"), Toggle(enabled))


async def denials(world: World) -> list[tuple[str, AuditOutcome | None]]:
    return [
        (one.action, one.outcome) for one in await world.ports.audit.recent(50) if one.action == "flag:listen"
    ]


async def test_the_answer_with_all_flags_says_where_to_listen_at_the_public_address(door: Door) -> None:
    url = await stream_url(door.client("vera"))
    assert url.startswith(f"{door.world.ports.policy.url}{EVENTS}?ticket=")
    assert SECRETS["vera"][0] not in url


async def test_a_flip_is_told_with_the_version_and_instant_of_the_set(door: Door, world: World) -> None:
    async with listening_to(door.app, await stream_url(door.client("vera"))) as stream:
        assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert (stream.headers["cache-control"], await stream.part()) == ("no-store", b"retry: 2000\n\n")
        first = await stream.word()
        assert (first.type, first.etag) == ("refetchEvaluation", '"1"')
        await flip(world, enabled=False)
        second = await stream.word()
        assert (second.type, second.etag) == ("refetchEvaluation", '"2"')
        assert second.last_modified == int(START.timestamp())
        assert second.id != first.id


async def test_whoever_comes_back_with_the_newest_word_is_told_nothing_and_others_at_once(
    door: Door, world: World
) -> None:
    url = await stream_url(door.client("vera"))
    async with listening_to(door.app, url) as stream:
        heard = (await stream.word()).id
    async with listening_to(door.app, url, last_event_id=heard) as stream:
        assert [await stream.part(), await stream.part()] == [b"retry: 2000\n\n", b": \n\n"]
    await flip(world, enabled=False)
    async with listening_to(door.app, url, last_event_id=heard) as stream:
        assert (await stream.word()).etag == '"2"'


async def test_of_many_flips_a_reader_that_was_away_hears_the_newest_only(door: Door, world: World) -> None:
    limits = FlagLimits()
    doorkeeper = Doorkeeper(world.ports, limits.access_seconds)
    streams = ofrep_events.FlagStreams(world.ports, doorkeeper, asyncio.Event(), limits)
    ticket = Ticket(Holder("token", digest_of(SECRETS["vera"][0])), "shop", 2**40)
    reader = streams.read(ticket, "")
    assert await anext(reader) == ofrep_events.RETRY
    assert b'"\\"1\\""' in await anext(reader)
    for number in range(20):
        await flip(world, enabled=bool(number % 2))
    async with asyncio.timeout(20):
        while streams.channels["shop"].version < 21:
            await world.ports.flag_book.changed.after(-1, 0.01)
            await asyncio.sleep(0)
    assert b'"\\"21\\""' in await anext(reader)
    await reader.aclose()  # type: ignore[attr-defined]  # the iterator is a generator
    assert (streams.channels, streams.streams, world.ports.watch.flag_listeners) == ({}, {}, {})
    assert len(doorkeeper) == 0


async def test_another_set_wakes_nobody_else(door: Door, world: World) -> None:
    async with listening_to(door.app, await stream_url(door.client("vera"))) as stream:
        assert (await stream.word()).etag == '"1"'
        await flip(world, enabled=False, flag_set="budget", key="cheap")
        await flip(world, enabled=False)
        assert (await stream.word()).etag == '"2"'


async def test_how_many_listen_and_what_they_were_told_is_known(door: Door, world: World) -> None:
    url, told = await stream_url(door.client("vera")), world.ports.watch.flag_listeners
    async with listening_to(door.app, url) as one, listening_to(door.app, url) as two:
        await one.word()
        await two.word()
        assert told == {("shop", 1): 2}
        metrics = (await door.client("vera").get("/metrics")).text
        assert 'sre_portal_flag_streams{set="shop"} 2.0' in metrics
        await flip(world, enabled=False)
        await one.word()
        await two.word()
        assert told == {("shop", 2): 2}
    assert told == {}


@pytest.mark.parametrize("limits", [FlagLimits(keep_seconds=0.01)])
async def test_a_comment_keeps_a_stream_alive_that_has_nothing_to_say(door: Door) -> None:
    async with listening_to(door.app, await stream_url(door.client("vera"))) as stream:
        await stream.word()
        assert [await stream.part(), await stream.part()] == [b": \n\n"] * 2


@pytest.mark.parametrize("limits", [FlagLimits(look_seconds=0.01)])
async def test_facts_are_told_only_where_the_set_reads_them_and_not_all_the_time(
    door: Door, world: World
) -> None:
    vera = door.client("vera")
    shop, budget = await stream_url(vera), await stream_url(vera, "budget")
    async with listening_to(door.app, shop) as deaf, listening_to(door.app, budget) as hearing:
        before = await hearing.word()
        await deaf.word()
        watch = world.ports.watch
        watch.facts = {"shop-availability": {"burn_1h": 7.0}}
        after = await hearing.word()
        assert (after.etag, after.id != before.id) == (before.etag, True)
        watch.facts = {"shop-availability": {"burn_1h": 7.1}}
        await flip(world, enabled=False)
        assert (await deaf.word()).etag == '"2"'
        assert hearing.parts.empty()


async def test_the_stream_ends_when_the_token_is_taken_back(door: Door, world: World) -> None:
    async with listening_to(door.app, await stream_url(door.client("vera"))) as stream:
        await stream.word()
        await world.ports.tokens.replace_settings([])
        await stream.end()
    assert (await door.client().get(EVENTS)).status_code == 401


async def test_the_stream_ends_when_the_role_is_taken_away(door: Door, world: World) -> None:
    async with listening_to(door.app, await stream_url(door.client("vera"))) as stream:
        await stream.word()
        none = Token("vera", digest_of(SECRETS["vera"][0]), None, None, START)
        await world.ports.tokens.replace_settings([none])
        await stream.end()


async def test_the_stream_of_a_session_ends_with_it(door: Door, world: World) -> None:
    ports = world.ports
    secret, session = await use_link(ports, await issue_link(ports, "ada", Role.ADMIN), Origin())
    assert session.account.issuer == LOCAL
    client = door.client()
    client.cookies.set(SESSION, secret)
    client.headers["x-csrf-token"] = session.csrf
    async with listening_to(door.app, await stream_url(client)) as stream:
        await stream.word()
        await ports.sessions.end([session])
        await stream.end()


class Tokens:
    """The tokens, of which none is found while the database is away."""

    def __init__(self, tokens: TokenStore) -> None:
        self.tokens = tokens
        self.is_away = False
        self.asked = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.tokens, name)

    async def find(self, digest: str, *, seen_for: float = 0.0, anew: bool = False) -> Token | None:
        self.asked += 1
        if self.is_away:
            raise StoreUnavailable("the server is away")
        return await self.tokens.find(digest, seen_for=seen_for, anew=anew)


@pytest.fixture
def tokens(world: World) -> Tokens:
    """Comes before `door`."""
    found = Tokens(world.ports.tokens)
    world.ports = replace(world.ports, tokens=cast(TokenStore, found))
    return found


@pytest.mark.parametrize("limits", [FlagLimits(access_seconds=0.001)])
async def test_streams_go_on_while_the_database_is_away(tokens: Tokens, door: Door, world: World) -> None:
    async with listening_to(door.app, await stream_url(door.client("vera"))) as stream:
        await stream.word()
        tokens.is_away, before = True, tokens.asked
        async with asyncio.timeout(20):
            while tokens.asked < before + 3:  # noqa: ASYNC110  # what the watcher asks has no event
                await asyncio.sleep(0.001)
        await flip(world, enabled=False)
        assert (await stream.word()).etag == '"2"'
        tokens.is_away = False


async def test_the_portal_s_end_ends_every_stream(door: Door) -> None:
    url = await stream_url(door.client("vera"))
    async with listening_to(door.app, url) as one, listening_to(door.app, url) as two:
        await one.word()
        door.app.state.closing.set()
        await one.end()
        await two.end()


@pytest.mark.parametrize("limits", [FlagLimits(streams_of_a_holder=2)])
async def test_one_token_has_so_many_streams_and_no_more(door: Door) -> None:
    vera, omar = await stream_url(door.client("vera")), await stream_url(door.client("omar"))
    async with listening_to(door.app, vera) as one, listening_to(door.app, vera) as two:
        await one.word()
        await two.word()
        async with listening_to(door.app, vera) as three, listening_to(door.app, omar) as other:
            assert (three.status, other.status) == (429, 200)
            assert three.headers["retry-after"] == "30"
    async with listening_to(door.app, vera) as again:
        assert again.status == 200


@pytest.mark.parametrize("ticket", ["", "x", "AAAA", "ä", "A" * 5000])
async def test_what_is_no_ticket_is_refused_and_written_down(door: Door, world: World, ticket: str) -> None:
    answer = await door.client("ada").get(EVENTS, params={"ticket": ticket})
    assert (answer.status_code, answer.json()["errorCode"]) == (401, "GENERAL")
    assert await denials(world) == [("flag:listen", "denied")]


async def test_a_ticket_of_another_portal_or_a_changed_one_is_none(door: Door, world: World) -> None:
    from sre_portal.operations.keys import Keys  # noqa: PLC0415  # theirs, not ours

    ticket = Ticket(Holder("token", digest_of(SECRETS["vera"][0])), "shop", 2**40)
    theirs, ours = seal_ticket(Keys.drawn(), ticket), seal_ticket(world.ports.keys, ticket)
    changed = ("B" if ours[0] == "A" else "A") + ours[1:]
    client = door.client()
    for text in (theirs, changed, SECRETS["ada"][0]):
        assert (await client.get(EVENTS, params={"ticket": text})).status_code == 401


async def test_a_ticket_that_ran_out_is_refused_without_a_row_in_the_audit_log(
    door: Door, world: World
) -> None:
    url = await stream_url(door.client("vera"))
    world.clock.move(2 * PERIOD_SECONDS)
    answer = await door.client().get(url)
    assert (answer.status_code, await denials(world)) == (401, [])
    assert "run out" in answer.json()["errorDetails"]


async def test_a_ticket_opens_nothing_but_its_stream(door: Door) -> None:
    ticket = (await stream_url(door.client("vera"))).partition("ticket=")[2]
    client = door.client()
    for headers in ({"authorization": f"Bearer {ticket}"}, {"x-api-key": ticket}):
        assert (await client.post(ALL, json={}, headers=headers)).status_code == 401
    assert (await client.get("/api/v1/flags", params={"ticket": ticket})).status_code == 401
    head = await client.head(EVENTS, params={"ticket": ticket})
    assert (head.status_code, head.content) == (200, b"")


async def test_a_ticket_stays_the_same_for_a_while_and_then_the_tag_of_the_answer_changes(
    door: Door, world: World
) -> None:
    vera = door.client("vera")
    first = await vera.post(ALL, json={}, headers={"x-flag-set": "shop"})
    tagged = {"x-flag-set": "shop", "if-none-match": first.headers["etag"]}
    assert (await vera.post(ALL, json={}, headers=tagged)).status_code == 304
    assert await stream_url(vera) == first.json()["eventStreams"][0]["url"]
    assert await stream_url(door.client("omar")) != first.json()["eventStreams"][0]["url"]
    world.clock.move(PERIOD_SECONDS)
    later = await vera.post(ALL, json={}, headers=tagged)
    assert later.status_code == 200
    assert later.json()["eventStreams"] != first.json()["eventStreams"]
    assert later.json()["flags"] == first.json()["flags"]


async def test_a_ticket_says_who_listens_to_what_and_until_when(door: Door, world: World) -> None:
    text = (await stream_url(door.client("vera"))).partition("ticket=")[2]
    ticket = open_ticket(world.ports.keys, text)
    assert ticket is not None
    assert (ticket.holder, ticket.flag_set) == (Holder("token", digest_of(SECRETS["vera"][0])), "shop")
    left = ticket.ends_at - START.timestamp()
    assert PERIOD_SECONDS <= left <= 2 * PERIOD_SECONDS


async def test_an_answer_is_never_older_than_the_word_that_led_to_it(door: Door, world: World) -> None:
    vera, headers = door.client("vera"), {"x-flag-set": "shop"}
    told = {"flagConfigEtag": '"2"', "flagConfigLastModified": "1"}
    asked = asyncio.create_task(vera.post(ALL, json={}, headers=headers, params=told))
    await asyncio.sleep(0)
    await flip(world, enabled=False)
    assert (await asked).json()["flags"][0]["reason"] == "DISABLED"


@pytest.mark.parametrize("limits", [FlagLimits(patience_seconds=0.01)])
async def test_a_replica_that_stays_behind_says_so(door: Door) -> None:
    params = {"flagConfigEtag": '"9"'}
    answer = await door.client("vera").post(ALL, json={}, headers={"x-flag-set": "shop"}, params=params)
    assert answer.status_code == 503
    assert "version 9 of shop" in answer.json()["errorDetails"]


@pytest.mark.parametrize(
    ("told", "status"), [('"1"', 304), ("", 304), ('"0"', 200), ("nonsense", 200), ('"-1"', 200)]
)
async def test_a_word_about_another_version_is_never_answered_with_not_modified(
    door: Door, told: str, status: int
) -> None:
    vera, headers = door.client("vera"), {"x-flag-set": "shop"}
    tag = (await vera.post(ALL, json={}, headers=headers)).headers["etag"]
    headers["if-none-match"] = tag
    answer = await vera.post(ALL, json={}, headers=headers, params={"flagConfigEtag": told})
    assert answer.status_code == status


async def test_while_the_database_is_away_a_new_stream_says_so(tokens: Tokens, door: Door) -> None:
    url = await stream_url(door.client("vera"))
    tokens.is_away = True
    answer = await door.client().get(url)
    assert (answer.status_code, answer.json()["errorDetails"]) == (503, "The database does not answer.")
