"""What OpenFeature asks and the provider answers: values, variants, reasons, errors and events."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import Reason
from openfeature.provider import ProviderStatus

from sre_portal.agent import FaultMiddleware
from sre_portal.agent.flags import PortalProvider
from sre_portal.agent.flags.known import SILENT_NS
from tests.agent.flagged import DISABLED, EMPTY_DEFAULT, OFF, SWITCH, beat, change, flagged, whole
from tests.agent.portal import TOKEN, StubPortal, serving
from tests.agent.timepiece import Timepiece
from tests.agent.worn import hello, wall, worn

SPLIT = {**SWITCH, "targeting": {"if": [{"==": [{"var": "targetingKey"}, "ada"]}, "off", None]}}
TYPES: dict[str, Any] = {
    "switch": SWITCH,
    "text": {"state": "ENABLED", "variants": {"a": "words"}, "defaultVariant": "a"},
    "number": {"state": "ENABLED", "variants": {"a": 3}, "defaultVariant": "a"},
    "fraction": {"state": "ENABLED", "variants": {"a": 0.5}, "defaultVariant": "a"},
    "things": {"state": "ENABLED", "variants": {"a": {"list": [1, {"b": 2}]}}, "defaultVariant": "a"},
}


async def test_every_type_has_its_value_with_variant_and_reason() -> None:
    async with flagged(whole(**TYPES), EMPTY_DEFAULT) as one:
        client = one.client
        asked = [
            client.get_boolean_details("switch", False),
            client.get_string_details("text", ""),
            client.get_integer_details("number", 0),
            client.get_float_details("fraction", 0.0),
            client.get_float_details("number", 0.0),
            client.get_object_details("things", {}),
        ]
        assert [found.value for found in asked] == [True, "words", 3, 0.5, 3.0, {"list": [1, {"b": 2}]}]
        assert {found.reason for found in asked} == {Reason.STATIC}
        assert [found.variant for found in asked] == ["on", *"aaaaa"]
        assert await client.get_boolean_value_async("switch", False) is True
        assert await client.get_object_value_async("things", {}) == {"list": [1, {"b": 2}]}


async def test_what_a_caller_does_to_an_object_changes_nothing_for_others() -> None:
    async with flagged(whole(**TYPES), EMPTY_DEFAULT) as one:
        found: Any = one.client.get_object_value("things", {})
        found["list"][1]["b"] = 9
        assert one.client.get_object_value("things", {}) == {"list": [1, {"b": 2}]}


@pytest.mark.parametrize(
    ("ask", "default"), [("boolean", True), ("string", "mine"), ("integer", 7), ("object", {"mine": 1})]
)
async def test_a_flag_of_another_type_gives_the_default_of_the_code(ask: str, default: object) -> None:
    async with flagged(whole(**TYPES), EMPTY_DEFAULT) as one:
        found = getattr(one.client, f"get_{ask}_details")("fraction", default)
        assert (found.value, found.error_code, found.reason) == (
            default,
            ErrorCode.TYPE_MISMATCH,
            Reason.ERROR,
        )


async def test_targeting_sees_the_context_and_says_so() -> None:
    async with flagged(whole(split=SPLIT), EMPTY_DEFAULT) as one:
        ada = one.client.get_boolean_details("split", True, EvaluationContext("ada"))
        omar = one.client.get_boolean_details("split", False, EvaluationContext("omar"))
        assert (ada.value, ada.variant, ada.reason) == (False, "off", Reason.TARGETING_MATCH)
        assert (omar.value, omar.variant, omar.reason) == (True, "on", Reason.DEFAULT)


async def test_a_disabled_flag_and_one_that_is_not_there_give_the_default_of_the_code() -> None:
    async with flagged(whole(gone=DISABLED), EMPTY_DEFAULT) as one:
        disabled = one.client.get_boolean_details("gone", True)
        unknown = one.client.get_boolean_details("unknown", True)
        assert (disabled.value, disabled.reason, disabled.error_code) == (True, Reason.DISABLED, None)
        assert (unknown.value, unknown.reason) == (True, Reason.ERROR)
        assert unknown.error_code is ErrorCode.FLAG_NOT_FOUND


async def test_metadata_of_the_flag_and_its_set_comes_along() -> None:
    noted = {**SWITCH, "metadata": {"killSwitch": True}}
    async with flagged(whole(around={"metadata": {"owner": "shop"}}, noted=noted), EMPTY_DEFAULT) as one:
        found = one.client.get_boolean_details("noted", False)
        assert dict(found.flag_metadata) == {"owner": "shop", "killSwitch": True}


async def test_a_rule_reads_the_facts_and_the_portals_clock() -> None:
    burning = {
        **SWITCH,
        "targeting": {"if": [{">": [{"var": "$slo.shop-availability.burn_1h"}, 1]}, "off", None]},
    }
    drilled = {**SWITCH, "targeting": {"if": [{"<": [{"var": "$flagd.timestamp"}, 2_000]}, "off", None]}}
    facts = {"kind": "facts", "flag_set": "shop", "slo": {"shop-availability": {"burn_1h": 2.5}}}
    async with flagged(whole(burning=burning, drilled=drilled), EMPTY_DEFAULT) as one:
        assert one.client.get_boolean_value("burning", False) is True
        assert one.client.get_boolean_value("drilled", False) is True
        await one.portal.flags(facts)
        await one.until(lambda: not one.client.get_boolean_value("burning", True))
        one.provider._portal_clock.offset_ns = -one.provider._now() + 1_999 * 10**9
        assert one.client.get_boolean_value("drilled", True) is False


async def test_sets_are_asked_in_their_order() -> None:
    lines = [whole(flag_set="shop@staging", a=SWITCH), whole(flag_set="default", a=OFF, b=OFF)]
    async with flagged(*lines, sets=["shop@staging", "default"]) as one:
        assert one.client.get_boolean_value("a", False) is True
        assert one.client.get_boolean_value("b", True) is False
        assert one.portal.flag_queries == ["set=shop%40staging&set=default&instance=worker-1"]


async def test_before_the_first_definitions_the_code_decides() -> None:
    async with flagged() as one:
        await one.portal.until(lambda: bool(one.portal.flag_queries))
        by_client = one.client.get_boolean_details("a", True)
        by_provider = one.provider.resolve_boolean_details("a", True)
        for found in (by_client, by_provider):
            assert (found.value, found.error_code) == (True, ErrorCode.PROVIDER_NOT_READY)
            assert found.reason is Reason.ERROR
        await one.portal.flags(whole(a=OFF))
        await one.until(lambda: one.provider.resolve_boolean_details("a", True).value is False)
        assert one.provider.resolve_boolean_details("b", True).error_code is ErrorCode.PROVIDER_NOT_READY
        await one.portal.flags(EMPTY_DEFAULT)
        await one.until(lambda: one.status is ProviderStatus.READY)
        assert one.provider.resolve_boolean_details("b", True).error_code is ErrorCode.FLAG_NOT_FOUND


async def test_who_waits_for_definitions_is_told_when_none_come_and_they_are_awaited_further() -> None:
    async with serving(StubPortal(wall)) as portal:
        agent = FaultMiddleware(hello, service="shop", portal_url=portal.url, token=TOKEN)
        provider = PortalProvider(agent, wait_seconds=0.05)
        with pytest.raises(ProviderNotReadyError, match="no definitions yet"):
            await asyncio.to_thread(api.set_provider_and_wait, provider, "waits")
        client = api.get_client("waits")
        assert client.get_provider_status() is ProviderStatus.ERROR
        await portal.flags(whole(a=SWITCH), EMPTY_DEFAULT)
        async with asyncio.timeout(20):
            while client.get_provider_status() is not ProviderStatus.READY:  # noqa: ASYNC110  # of the SDK
                await asyncio.sleep(0.002)
        assert client.get_boolean_value("a", False) is True
        await asyncio.to_thread(api.shutdown)
        api.clear_providers()
        await agent._stop()


async def test_a_refusal_is_an_error_that_says_why() -> None:
    async with flagged(status=401, wait_seconds=0.3) as one:
        await one.until(lambda: one.status is ProviderStatus.ERROR)
        await one.until(lambda: bool(one.events))
        assert "is the token right" in str(one.events[0][1].message)
        one.portal.flags_status = 200
        await one.portal.flags(whole(a=SWITCH), EMPTY_DEFAULT)
        await one.until(lambda: one.status is ProviderStatus.READY)


async def test_a_change_is_in_force_and_told_with_its_keys() -> None:
    async with flagged(whole(a=SWITCH, b=SWITCH), EMPTY_DEFAULT) as one:
        await one.portal.flags(change(1, a=OFF, b=None))
        await one.until(lambda: "CONFIGURATION_CHANGED" in one.kinds())
        assert one.client.get_boolean_value("a", True) is False
        assert one.client.get_boolean_details("b", True).error_code is ErrorCode.FLAG_NOT_FOUND
        [changed] = [details for kind, details in one.events if kind.name.endswith("CHANGED")]
        assert changed.flags_changed == ["a", "b"]


async def test_after_a_silence_answers_are_stale_and_then_ready_again() -> None:
    time = Timepiece()
    async with flagged(whole(a=SWITCH, c=DISABLED), EMPTY_DEFAULT, clock=time.clock) as one:
        time.advance(SILENT_NS / 1e9)
        assert one.client.get_boolean_details("a", False).reason is Reason.STATIC
        time.advance(0.001)
        found = one.client.get_boolean_details("a", False)
        assert (found.value, found.variant, found.reason) == (True, "on", Reason.STALE)
        assert one.client.get_boolean_details("c", False).reason is Reason.STALE
        assert one.client.get_boolean_details("x", False).reason is Reason.ERROR
        await one.until(lambda: one.status is ProviderStatus.STALE)
        await one.portal.flags(beat())
        await one.until(lambda: one.status is ProviderStatus.READY)
        assert one.client.get_boolean_details("a", False).reason is Reason.STATIC
        await one.until(lambda: one.kinds() == ["READY", "STALE", "READY"])


async def test_a_whole_set_that_comes_again_is_no_change() -> None:
    async with flagged(whole(a=SWITCH), EMPTY_DEFAULT) as one:
        one.portal.hang_up()
        await one.portal.until(lambda: len(one.portal.flag_queries) == 2)
        await one.portal.flags(whole(2, a=OFF))
        await one.until_version(2)
        await one.until(lambda: "CONFIGURATION_CHANGED" in one.kinds())
        assert one.kinds().count("CONFIGURATION_CHANGED") == 1


async def test_what_cannot_be_compiled_leaves_what_was_in_force_and_is_counted() -> None:
    unsound = {**SWITCH, "targeting": {"an-operator-of-tomorrow": [1]}}
    async with flagged(whole(a=SWITCH, b=SWITCH), EMPTY_DEFAULT) as one:
        await one.portal.flags(change(1, a=unsound, b=OFF))
        await one.until_version(2)
        assert one.client.get_boolean_value("a", False) is True
        assert one.client.get_boolean_value("b", True) is False
        await one.portal.reported(lambda report: report["unreadable"] == 1)


async def test_a_change_of_another_version_is_followed_by_the_whole_set() -> None:
    async with flagged(whole(a=SWITCH), EMPTY_DEFAULT) as one:
        one.portal.forget_flags()
        await one.portal.flags(whole(7, a=OFF), EMPTY_DEFAULT, change(3, a=SWITCH))
        await one.portal.until(lambda: len(one.portal.flag_queries) > 1)
        await one.until_version(7)


async def test_an_error_of_ours_gives_the_default_of_the_code_and_is_counted() -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    async with flagged(whole(a=SPLIT), EMPTY_DEFAULT) as one:
        context: Any = EvaluationContext("ada", {"thing": Hostile()})  # type: ignore[dict-item]  # on purpose
        found = one.client.get_boolean_details("a", True, context)
        assert (found.value, found.error_code, found.reason) == (True, ErrorCode.GENERAL, Reason.ERROR)
        await one.portal.reported(lambda report: report["misfires"] == 1)


async def test_the_provider_shares_the_thread_and_the_reports_of_the_agent() -> None:
    async with worn() as shop:
        before = {thread for thread in threading.enumerate() if thread.name == "sre-portal-agent"}
        await shop.portal.flags(whole(a=SWITCH), EMPTY_DEFAULT)
        provider = PortalProvider(shop.app)
        await asyncio.to_thread(api.set_provider_and_wait, provider, "shared")
        client = api.get_client("shared")
        assert client.get_boolean_value("a", False) is True
        now = {thread for thread in threading.enumerate() if thread.name == "sre-portal-agent"}
        assert now <= before
        await shop.portal.reported(lambda report: len(report["flags_seen"]) == 2)
        await asyncio.to_thread(api.shutdown)
        api.clear_providers()
        asked, seq = len(shop.portal.flag_queries), shop.portal.reports[-1]["seq"]
        await shop.portal.reported(lambda report: report["seq"] > seq + 1)
        assert (len(shop.portal.flag_queries), client.get_boolean_value("a", False)) == (asked, False)
        assert provider.resolve_boolean_details("a", False).value is True


async def test_more_sets_than_a_stream_has_are_a_mistake_of_the_program() -> None:
    agent = FaultMiddleware(hello, service="shop", portal_url="http://127.0.0.1:9", token=TOKEN)
    with pytest.raises(ValueError, match="9 sets, at most 8"):
        PortalProvider(agent, sets=[f"shop@e{number}" for number in range(9)])


async def test_a_lone_provider_takes_no_lease() -> None:
    async with flagged(whole(a=SWITCH), EMPTY_DEFAULT) as one:
        await one.portal.reported(lambda report: report["seq"] >= 2)
        assert one.portal.queries == []
        assert one.portal.reports[-1]["instance"] == "worker-1"


async def test_instants_in_a_context_are_text_to_a_rule() -> None:
    dated = {**SWITCH, "targeting": {"if": [{"starts_with": [{"var": "since"}, "2026-11"]}, "off", None]}}
    async with flagged(whole(dated=dated), EMPTY_DEFAULT) as one:
        context = EvaluationContext("ada", {"since": datetime(2026, 11, 23, tzinfo=UTC)})
        assert one.client.get_boolean_value("dated", True, context) is False
