"""What is known of the scene's flags beside their definitions: uses, turns, drills, planned changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sre_portal.core.audit import Conclusion, Intent
from sre_portal.core.certificate import Certificate
from sre_portal.core.flag_plan import FlagPlan, PlanState, Who
from sre_portal.core.flag_seal import PLAN, plan_facts
from sre_portal.core.flag_seen import Sighting
from sre_portal.core.flag_step import Share, Toggle
from sre_portal.core.flag_turn import FlagTurn, TurnedCondition
from sre_portal.core.flag_use import Used
from sre_portal.core.run import Verdict
from sre_portal.operations.ports import Ports

ADA = Who("ada", "account:1", 1)


async def write_beside(
    ports: Ports, uses: list[Used], seen: dict[str, list[Sighting]], now: datetime
) -> None:
    """Beside the flags of `flags_told`."""
    uses += [
        _used("new-cart", "on", 41_200, now),
        _used("new-cart", "off", 123_987, now),
        _used("checkout-open", "on", 982_114, now),
        _used("layout", "plain", 4_410, now),
    ]
    heard = now - timedelta(minutes=12)
    seen["shop"] = [
        Sighting("shop", "shop-7c9f4-1", heard + timedelta(milliseconds=41)),
        Sighting("shop", "shop-7c9f4-2", None),
    ]
    words = "checkout-availability.burn_1h > 6"
    turned = TurnedCondition("flags.layout.targeting.if[0]", words, False, True)
    facts = {"checkout-availability.burn_1h": 7.4}
    await ports.flag_turns.add(FlagTurn("shop", "layout", now - timedelta(hours=2), (turned,), facts))
    passed = now - timedelta(days=12)
    await ports.certificates.add(
        [Certificate(2398, "shop", "checkout-open", Verdict.PASSED, passed, "a signed note")]
    )
    plan = FlagPlan(
        id=0,
        flag_set="shop",
        key="prices",
        step=Toggle(True),
        seen=1,
        state=PlanState.WAITING,
        reason="the new year begins",
        proposed_at=now - timedelta(minutes=20),
        proposed=ADA,
    )
    rollout = FlagPlan(
        id=0,
        flag_set="shop",
        key="new-cart",
        step=Share("on", 50),
        state=PlanState.SCHEDULED,
        reason="half of them, if the night was quiet",
        proposed_at=now - timedelta(minutes=10),
        proposed=ADA,
        not_before=now + timedelta(hours=9),
    )
    agreed = Intent(
        now, ADA.name, ADA.id, "", "", PLAN, f"flag:{plan.named}", after={"steps": [plan_facts(plan)]}
    )
    event = await ports.audit.record(agreed, Conclusion(now, "done"))
    await ports.flag_plans.add([replace(plan, event=event), rollout])


def _used(key: str, variant: str, count: int, now: datetime) -> Used:
    return Used("shop", key, variant, now - timedelta(days=40), now - timedelta(seconds=14), count)
