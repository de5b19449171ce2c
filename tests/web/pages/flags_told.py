"""The flags of the scene: switches, splits, rules, an environment beside its own, one that was removed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from sre_portal.core.flag_change import SHARED, FlagEdit, SetChange
from tests.web.pages.memory_flags import Flags

SWITCH = {"state": "ENABLED", "variants": {"off": False, "on": True}, "defaultVariant": "on"}
CHECKOUT = {**SWITCH, "metadata": {"killSwitch": True}}
STAFF = {"ends_with": [{"var": "email"}, "@shop.example"]}
LAYOUT = {"plain": {"columns": 1}, "rich": {"columns": 3, "pictures": True}}


def cart(share: int) -> Mapping[str, object]:
    return {
        "state": "ENABLED",
        "variants": {"off": False, "on": True},
        "defaultVariant": "off",
        "targeting": {
            "if": [{"$ref": "is-staff"}, "on", {"fractional": [["on", share], ["off", 100 - share]]}]
        },
        "metadata": {"bucketingEpoch": 3, "description": "the cart that keeps its place"},
    }


RULE = {"if": [{"in": [{"var": "country"}, ["at", "de", "ch"]]}, "rich"]}
LAYOUTS = {"state": "ENABLED", "variants": LAYOUT, "defaultVariant": "plain", "targeting": RULE}
PRICES = {
    "state": "DISABLED",
    "variants": {"old": "2025", "new": "2026"},
    "defaultVariant": "old",
    "metadata": {"protected": True},
}
BANNER = {
    "state": "ENABLED",
    "variants": {"a": "Buy two", "b": "Buy three", "c": "Buy one"},
    "defaultVariant": "a",
    "targeting": {"fractional": [["a", 50], ["b", 30], ["c", 20]]},
    "metadata": {"bucketingEpoch": 3},
}
SHARED_RULES = {"$evaluators": {"is-staff": STAFF}, "metadata": {"owner": "shop team"}}


async def write_flags(store: Flags, now: datetime) -> None:
    """Each change as it was made, oldest first."""
    changes: list[tuple[str, float, str, str, dict[str, Mapping[str, object] | None]]] = [
        ("shop", 400, "ada", "first flags", {SHARED: SHARED_RULES, "checkout-open": CHECKOUT}),
        ("shop", 390, "ada", "a better cart, for staff", {"new-cart": cart(0), "prices": PRICES}),
        ("shop", 90, "bo", "a wider layout", {"layout": LAYOUTS, "old-banner": BANNER}),
        ("shop@staging", 60, "bo", "as in production", {SHARED: SHARED_RULES, "new-cart": cart(0)}),
        ("shop", 30, "omar", "ten percent", {"new-cart": cart(10)}),
        ("shop@staging", 20, "bo", "half of them", {"new-cart": cart(50)}),
        ("shop", 4, "ada", "nobody clicks it", {"old-banner": None}),
        ("payments", 3, "ada", "three banners", {"retry-budget": SWITCH, "banner": BANNER}),
        ("shop", 0.2, "omar", "no error more than before, INC-2041 is closed", {"new-cart": cart(25)}),
    ]
    seen: dict[tuple[str, str], int] = {}
    for flag_set, hours, by, reason, made in changes:
        edits = []
        for key, definition in made.items():
            seen[flag_set, key] = version = seen.get((flag_set, key), 0) + 1
            edits.append(FlagEdit(key, version, None if definition is None else json.dumps(definition)))
        at = now - timedelta(hours=hours)
        change = SetChange(flag_set, store.versions.get(flag_set, 0), edits, at, by, reason)
        assert await store.change(change)
