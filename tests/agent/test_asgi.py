"""The middleware in process: what it does to requests, and how it counts them."""

import asyncio
import sys
from typing import Any

import pytest

from sre_portal.agent import FaultMiddleware, InjectedError
from sre_portal.agent.decide import AGENT_HEADER
from sre_portal.agent.faults.hit import Message, Receive, Scope, Send
from sre_portal.contract.fault import Abort, ErrorException, ErrorStatus, Latency
from sre_portal.contract.lease import SliDefinition
from sre_portal.contract.match import Match, Share
from tests.agent.worn import AVAILABILITY, ask, hello, lease, scope_of, worn

STATUS = ErrorStatus(503, "injected\n")


async def test_without_a_lease_requests_go_through_and_are_counted() -> None:
    async with worn() as shop:
        await shop.grant(lease(STATUS, match=Match(route="/other")))
        answers = [await ask(shop.app, f"/{number % 3}") for number in range(100)]
        await shop.stop()
    assert {(answer.status, answer.body) for answer in answers} == {(200, b"hello")}
    assert shop.sli() == (100, 0, 0)
    assert shop.total(lambda second: second["requests"]) == 100
    assert shop.total(lambda second: sum(second["latency"][1::2])) == 100


async def test_an_error_status_is_answered_in_place_of_the_application() -> None:
    async with worn() as shop:
        await shop.grant(lease(STATUS))
        answer = await ask(shop.app)
        await shop.stop()
    assert (answer.status, answer.body) == (503, b"injected\n")
    assert answer.headers[b"x-sre-portal-injected"] == b"a"
    assert answer.headers[b"content-length"] == b"9"
    assert answer.headers[b"content-type"] == b"text/plain; charset=utf-8"
    assert shop.sli() == (0, 1, 1)
    assert (shop.injected("matched"), shop.injected("hits"), shop.injected("treated")) == (1, 1, 1)


async def test_a_head_request_is_answered_without_a_body() -> None:
    async with worn() as shop:
        await shop.grant(lease(STATUS))
        answer = await ask(shop.app, method="HEAD")
    assert (answer.status, answer.body, answer.headers[b"content-length"]) == (503, b"", b"9")


async def test_an_exception_is_raised_where_the_application_would_have_been_called() -> None:
    async with worn() as shop:
        await shop.grant(lease(ErrorException("for a test")))
        with pytest.raises(InjectedError, match="for a test"):
            await ask(shop.app)
        await shop.stop()
    assert shop.sli() == (0, 1, 1)
    assert shop.total(lambda second: second["errors"]) == 1


async def test_a_delay_comes_before_the_application() -> None:
    async with worn() as shop:
        await shop.grant(lease(Latency(5)), slis=(SliDefinition("fast", "latency", Match(), 4),))
        answer = await ask(shop.app)
        await shop.stop()
    assert (answer.status, answer.body) == (200, b"hello")
    assert (shop.injected("delay"), shop.injected("overshoot"), shop.injected("cut")) == (1, 1, 0)
    assert shop.sli("fast") == (0, 1, 1)


async def test_where_the_server_is_unknown_an_abort_breaks_the_answer_off() -> None:
    async with worn() as shop:
        await shop.grant(lease(Abort()))
        answer = await ask(shop.app)
        await shop.stop()
    start, part = answer.messages
    assert start["status"] == 500
    assert part["more_body"]
    assert (b"connection", b"close") in start["headers"]
    assert (b"content-length", b"2") in start["headers"]
    assert shop.sli() == (0, 1, 1)


async def test_requests_that_the_share_lets_through_are_matched_and_untreated() -> None:
    draws = [0.1, 0.5, 0.9, 0.3]
    async with worn(draw=iter(draws).__next__) as shop:
        await shop.grant(lease(STATUS, share=Share(0.4)))
        statuses = [(await ask(shop.app)).status for _ in draws]
        await shop.stop()
    assert statuses == [503, 200, 200, 503]
    assert (shop.injected("matched"), shop.injected("hits")) == (4, 2)
    assert (shop.injected("treated"), shop.injected("untreated")) == (2, 2)
    assert shop.sli() == (2, 2, 2)


async def test_a_request_is_attributed_to_the_first_lease_that_covers_it() -> None:
    async with worn() as shop:
        await shop.grant(
            lease(STATUS, name="a", match=Match(route="/a"), share=Share(0)),
            lease(ErrorStatus(502), name="b", run_id=2),
        )
        statuses = [(await ask(shop.app, path)).status for path in ("/a", "/b", "/b")]
        await shop.stop()
    assert statuses == [200, 502, 502]
    assert (shop.injected("matched", "a"), shop.injected("matched", "b")) == (1, 2)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/livez", "/metrics"])
async def test_health_and_metrics_are_never_hit_and_never_counted(path: str) -> None:
    async with worn() as shop:
        await shop.grant(lease(STATUS))
        assert (await ask(shop.app, path)).status == 200
        await shop.stop()
    assert shop.total(lambda second: second["requests"]) == 0
    assert shop.injected("matched") == 0


async def test_other_paths_may_be_exempt() -> None:
    async with worn(exempt=("/internal/*",)) as shop:
        await shop.grant(lease(STATUS))
        assert (await ask(shop.app, "/internal/deep/x")).status == 200
        assert (await ask(shop.app, "/healthz")).status == 503


async def test_the_agents_own_traffic_is_never_hit() -> None:
    async with worn() as shop:
        await shop.grant(lease(STATUS))
        answer = await ask(shop.app, **{AGENT_HEADER.decode(): "1"})
    assert answer.status == 200


async def test_an_exception_of_the_application_goes_through_and_is_bad() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await hello(scope, receive, send)
        raise ZeroDivisionError("mine")

    async with worn(broken) as shop:
        await shop.grant(lease(STATUS, match=Match(route="/other")))
        with pytest.raises(ZeroDivisionError, match="mine"):
            await ask(shop.app)
        with pytest.raises(ZeroDivisionError):
            await shop.stop()
        shop._lifespan = None
    assert shop.sli() == (0, 1, 0)


def streaming(*messages: Message, then: BaseException | None = None) -> Any:  # noqa: ANN401  # an application
    """An application that sends these and then returns or raises."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await hello(scope, receive, send)
            return
        for message in messages:
            await send(message)
        if then is not None:
            raise then

    return app


START: Message = {"type": "http.response.start", "status": 200, "headers": []}
PART: Message = {"type": "http.response.body", "body": b"part", "more_body": True}
END: Message = {"type": "http.response.body", "body": b"end"}


class ClientDisconnect(Exception):
    """What Starlette raises when the client leaves while a body is read."""


@pytest.mark.parametrize(
    ("messages", "then", "counted"),
    [
        ((START, END), None, (1, 0)),
        ((START, PART, PART, END), None, (1, 0)),
        ((START, {"type": "http.response.pathsend", "path": "/f"}), None, (1, 0)),
        (({"type": "http.response.debug", "info": {}}, START, END), None, (1, 0)),
        ((START, {"type": "http.response.trailers"}, END), None, (1, 0)),
        (({**START, "status": 500}, END), None, (0, 1)),
        ((START, END), ValueError("in a background task"), (1, 0)),
        ((), None, (0, 1)),
        ((), ValueError(), (0, 1)),
        ((START, PART), None, (0, 1)),
        ((START, PART), ValueError(), (0, 1)),
        ((), asyncio.CancelledError(), (0, 0)),
        ((), ClientDisconnect(), (0, 0)),
        ((START, PART), asyncio.CancelledError(), (1, 0)),
        ((START, PART), ClientDisconnect(), (1, 0)),
        (({**START, "status": 500}, PART), asyncio.CancelledError(), (0, 1)),
    ],
)
async def test_an_answer_is_good_or_bad_by_how_it_ends(
    messages: tuple[Message, ...], then: BaseException | None, counted: tuple[int, int]
) -> None:
    async with worn(streaming(*messages, then=then)) as shop:
        await shop.grant(lease(STATUS, match=Match(route="/other")))
        if then is None:
            assert (await ask(shop.app)).messages == list(messages)
        else:
            with pytest.raises(type(then)):
                await ask(shop.app)
        await shop.stop()
    assert shop.sli()[:2] == counted
    assert shop.total(lambda second: second["requests"]) == sum(counted)


async def test_a_client_that_gave_up_on_a_slow_answer_is_bad_for_latency_alone() -> None:
    slow = SliDefinition("fast", "latency", Match(), 0.000001)
    async with worn(streaming(then=asyncio.CancelledError())) as shop:
        await shop.grant(lease(STATUS, match=Match(route="/other")), slis=(slow, AVAILABILITY))
        with pytest.raises(asyncio.CancelledError):
            await ask(shop.app)
        await shop.stop()
    assert shop.sli("fast") == (0, 1, 0)
    assert shop.sli("availability") == (0, 0, 0)


async def test_counts_are_exact_under_concurrency() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await hello(scope, receive, send)
            return
        number = int(scope["path"][1:])
        for _ in range(number % 4):
            await asyncio.sleep(0)
        await send({**START, "status": 500 if number % 10 == 0 else 200})
        await send(END)

    async with worn(app) as shop:
        await shop.grant(lease(Latency(1), share=Share(0.5)))
        await asyncio.gather(*(ask(shop.app, f"/{number}") for number in range(1_000)))
        await shop.grant()
        receipt = await shop.ended()
        await asyncio.gather(*(ask(shop.app, f"/{number}") for number in range(1_000)))
        await shop.stop()
    good, bad, planned = shop.sli()
    assert (good, bad) == (1_800, 200)
    assert 0 < planned < 100
    assert shop.injected("matched") == 1_000
    assert shop.injected("hits") == shop.injected("treated") == receipt["hits"]
    assert shop.injected("untreated") == 1_000 - receipt["hits"]
    assert shop.injected("delay") == receipt["hits"]


async def test_other_scopes_go_by_untouched() -> None:
    seen: list[tuple[Scope, Receive, Send]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, receive, send))

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None: ...

    shop = FaultMiddleware(app, service="shop", portal_url="http://127.0.0.1:9", token="t")
    scope = {"type": "websocket", "path": "/"}
    await shop(scope, receive, send)
    assert seen == [(scope, receive, send)]


@pytest.mark.parametrize("scope", [{"type": "websocket", "path": "/"}, {"type": "lifespan"}, scope_of()])
async def test_the_application_is_not_called_while_an_exception_is_handled(scope: Scope) -> None:
    seen: list[BaseException | None] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(sys.exception())

    queue: asyncio.Queue[Message] = asyncio.Queue()
    await FaultMiddleware(app, service="shop", portal_url="http://127.0.0.1:9", token="t")(
        scope, queue.get, queue.put
    )
    assert seen == [None]


async def test_an_application_without_a_lifespan_says_so_itself() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("only http here")

    shop = FaultMiddleware(app, service="shop", portal_url="http://127.0.0.1:9", token="t")
    with pytest.raises(AssertionError, match="only http here"):
        await shop({"type": "lifespan"}, asyncio.Queue[Message]().get, asyncio.Queue[Message]().put)


async def test_a_message_that_is_none_reaches_the_server_and_is_a_misfire() -> None:
    async with worn(streaming({"no": "type"})) as shop:
        answer = await ask(shop.app)
        await shop.stop()
    assert answer.messages == [{"no": "type"}]
    assert shop.portal.reports[-1]["misfires"] == 1


async def test_a_request_that_the_agent_cannot_judge_is_served_untouched_and_is_a_misfire() -> None:
    def broken() -> float:
        raise RuntimeError("no dice")

    async with worn(draw=broken) as shop:
        await shop.grant(lease(STATUS))
        answer = await ask(shop.app)
        await shop.stop()
    assert answer.status == 200
    assert shop.portal.reports[-1]["misfires"] == 1
    assert shop.sli() == (1, 0, 0)


async def test_a_scope_without_what_it_must_have_is_the_applications_business() -> None:
    async with worn() as shop:
        scope = scope_of()
        del scope["headers"], scope["method"]
        answer: list[Message] = []

        async def receive() -> Message:
            return {}

        async def send(message: Message) -> None:
            answer.append(message)

        await shop.app(scope, receive, send)
        await shop.stop()
    assert answer[0]["status"] == 200
    assert shop.portal.reports[-1]["misfires"] == 1


async def test_a_server_that_fails_while_an_error_is_injected_is_not_asked_again() -> None:
    async def send(message: Message) -> None:
        sent.append(message)
        raise OSError("gone")

    async def receive() -> Message:
        return {}

    sent: list[Message] = []
    async with worn() as shop:
        await shop.grant(lease(STATUS))
        await shop.app(scope_of(), receive, send)
        await shop.stop()
    assert len(sent) == 1
    assert shop.portal.reports[-1]["misfires"] == 1
