"""Flags are changed one version at a time, with a reason, and what is in force is always sound."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from sre_portal.core.access import Grant, Principal, Role
from sre_portal.core.audit import AuditEvent, AuditFilter
from sre_portal.core.errors import InvalidInput, NotFound, NotPermitted, StoreUnavailable, Superseded
from sre_portal.core.flag.bucket import Epoch
from sre_portal.core.flag.resolution import Reason
from sre_portal.core.flag_change import FlagEdit, SetChange
from sre_portal.core.flag_step import Put, Remove, Toggle
from sre_portal.operations.flag_book import FlagBook
from sre_portal.operations.flag_import import ImportOrder, export_flags, import_flags, plan_import
from sre_portal.operations.flags import LONGEST_TOLD, FlagOrder, change_flag, follow_flags
from sre_portal.operations.ports import Ports
from tests.operations.world import ADA, OMAR, START, VERA, World, end

SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
SPLIT = {**SWITCH, "targeting": {"fractional": [["on", 50], ["off", 50]]}}
FILE: dict[str, Any] = {
    "metadata": {"owner": "shop"},
    "flags": {
        "new-cart": SWITCH,
        "staff": {**SWITCH, "defaultVariant": "off", "targeting": {"if": [{"$ref": "is-staff"}, "on", None]}},
    },
    "$evaluators": {"is-staff": {"ends_with": [{"var": "email"}, "@shop.example"]}},
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path, agents=[]).open()
    yield opened
    await opened.close()


@pytest.fixture
def ports(world: World) -> Ports:
    return world.ports


def order(version: int | None = None, key: str = "new-cart", reason: str = "a try") -> FlagOrder:
    return FlagOrder("shop", key, reason, "10.0.0.7", version)


def value(ports: Ports, key: str = "new-cart", flag_set: str = "shop", **context: object) -> object:
    kept = ports.flag_book.get(flag_set)
    assert kept is not None
    return kept.flags.evaluate(key, context).value


async def told(ports: Ports, object_: str = "flag:shop/new-cart") -> list[AuditEvent]:
    """Oldest first."""
    return list(reversed(await ports.audit.recent(50, AuditFilter(action="flag:flip", object=object_))))


async def test_a_flag_that_is_put_is_in_force_and_in_the_log_with_before_and_after(ports: Ports) -> None:
    first = await change_flag(ports, OMAR, order(0), Put(SWITCH))
    second = await change_flag(
        ports, ADA, order(1, reason="roll back"), Put({**SWITCH, "defaultVariant": "off"})
    )
    assert (first.version, second.version, second.changed_by) == (1, 2, "ada")
    assert value(ports) is False
    one, two = await told(ports)
    assert (one.actor, one.before, one.outcome) == ("omar", {"version": 0, "definition": None}, "done")
    assert (two.reason, two.address) == ("roll back", "10.0.0.7")
    assert two.before is not None
    assert two.after is not None
    assert (two.before["version"], two.before["definition"]) == (1, json.loads(first.definition or ""))
    assert (two.after["version"], two.after["definition"]) == (2, json.loads(second.definition or ""))


async def test_nothing_changes_where_it_cannot_be_written_down(world: World) -> None:
    world.fail("audit", "intend")
    with pytest.raises(StoreUnavailable):
        await change_flag(world.ports, OMAR, order(0), Put(SWITCH))
    assert await world.ports.flags.news({}) == []


async def test_the_second_of_two_editors_is_shown_what_the_first_one_did(ports: Ports) -> None:
    await change_flag(ports, OMAR, order(0), Put(SWITCH))
    await change_flag(ports, ADA, order(1, reason="an incident"), Put({**SWITCH, "state": "DISABLED"}))
    with pytest.raises(Superseded, match="expected version 1, found version 2 by ada: an incident") as late:
        await change_flag(ports, OMAR, order(1), Put({**SWITCH, "defaultVariant": "off"}))
    assert late.value.current["version"] == 2
    assert late.value.current["changed_by"] == "ada"
    definition = late.value.current["definition"]
    assert isinstance(definition, dict)
    assert definition["state"] == "DISABLED"
    assert value(ports) is None
    assert [one.outcome for one in await told(ports)] == ["done", "done", "failed"]


async def test_a_flag_that_is_there_is_not_made_anew(ports: Ports) -> None:
    await change_flag(ports, OMAR, order(0), Put(SWITCH))
    with pytest.raises(Superseded, match="expected no such flag, found version 1"):
        await change_flag(ports, OMAR, order(0), Put(SPLIT))
    with pytest.raises(Superseded, match="expected version 4, found no such flag"):
        await change_flag(ports, OMAR, order(4, key="other"), Put(SPLIT))


async def test_editors_of_different_flags_do_not_meet(ports: Ports) -> None:
    await asyncio.gather(
        *(change_flag(ports, OMAR, order(0, key=f"flag-{n}"), Put(SWITCH)) for n in range(4))
    )
    kept = ports.flag_book.get("shop")
    assert kept is not None
    assert [(row.key, row.version) for row in kept.live_rows()] == [(f"flag-{n}", 1) for n in range(4)]
    assert kept.version == 4


async def test_every_problem_is_told_and_what_is_in_force_stays(ports: Ports) -> None:
    await change_flag(ports, OMAR, order(0), Put(SWITCH))
    bad = {
        "state": "ON",
        "variants": {"on": True},
        "defaultVariant": "of",
        "targeting": {"fractional": [["on", -1]]},
    }
    with pytest.raises(InvalidInput) as wrong:
        await change_flag(ports, OMAR, order(1), Put(bad))
    paths = {problem.path for problem in wrong.value.problems}
    assert {"flags.new-cart.state", "flags.new-cart.defaultVariant"} <= paths
    assert value(ports) is True


async def test_a_reference_to_nowhere_is_a_problem(ports: Ports) -> None:
    with pytest.raises(InvalidInput, match="is-staff"):
        await change_flag(
            ports, OMAR, order(0), Put({**SWITCH, "targeting": {"if": [{"$ref": "is-staff"}, "on"]}})
        )


@pytest.mark.parametrize("depth", [100, 100_000])
async def test_a_rule_that_is_too_deep_is_refused(ports: Ports, depth: int) -> None:
    rule: object = "on"
    for _ in range(depth):
        rule = {"if": [True, rule]}
    with pytest.raises(InvalidInput):
        await change_flag(ports, OMAR, order(0), Put({**SWITCH, "targeting": rule}))


async def test_names_and_reasons_are_checked(ports: Ports) -> None:
    with pytest.raises(InvalidInput) as wrong:
        await change_flag(ports, OMAR, FlagOrder("Shop", "a/b", " "), Put(SWITCH))
    assert [one.path for one in wrong.value.problems] == ["reason", "flag_set", "flags.a/b"]


async def test_a_viewer_changes_nothing_and_an_operator_only_sets_of_their_services(ports: Ports) -> None:
    scoped = Principal("nina", (Grant(Role.OPERATOR, frozenset({"pay"})),))
    for actor in (VERA, scoped):
        with pytest.raises(NotPermitted):
            await change_flag(ports, actor, order(0), Put(SWITCH))
    assert [one.outcome for one in await told(ports)] == ["denied", "denied"]
    await change_flag(ports, scoped, FlagOrder("pay", "new-cart", "a try"), Put(SWITCH))
    with pytest.raises(NotPermitted):  # also where it is so already
        await change_flag(ports, VERA, FlagOrder("pay", "new-cart", "a try"), Toggle(True))


async def test_a_toggle_needs_no_version_and_is_made_once(ports: Ports) -> None:
    await change_flag(ports, OMAR, order(0), Put(SWITCH))
    off = await change_flag(ports, OMAR, order(reason="an incident"), Toggle(False))
    again = await change_flag(ports, OMAR, order(reason="an incident"), Toggle(False))
    assert (off.version, again) == (2, off)
    kept = ports.flag_book.get("shop")
    assert kept is not None
    assert kept.flags.evaluate("new-cart", {}).reason is Reason.DISABLED
    with pytest.raises(Superseded):
        await change_flag(ports, OMAR, order(1), Toggle(True))
    with pytest.raises(NotFound):
        await change_flag(ports, OMAR, order(key="other"), Toggle(True))


async def test_a_removed_flag_is_gone_and_its_versions_go_on(ports: Ports) -> None:
    await change_flag(ports, OMAR, order(0), Put(SWITCH))
    gone = await change_flag(ports, OMAR, order(1), Remove())
    assert (gone.version, gone.definition) == (2, None)
    with pytest.raises(NotFound):
        await change_flag(ports, OMAR, order(2), Remove())
    with pytest.raises(Superseded, match="expected version 1, found its removal, version 2, by omar"):
        await change_flag(ports, OMAR, order(1), Put(SWITCH))
    assert (await change_flag(ports, OMAR, order(0), Put(SWITCH))).version == 3
    assert [one.version for one in await ports.flags.history("shop", "new-cart", 10, None)] == [3, 2, 1]


async def test_a_flag_that_splits_people_gets_a_hash_and_keeps_it(ports: Ports) -> None:
    made = await change_flag(ports, OMAR, order(0), Put(SPLIT))
    assert json.loads(made.definition or "")["metadata"] == {"bucketingEpoch": 3}
    two = {**SPLIT, "metadata": {"bucketingEpoch": 2}}
    await change_flag(ports, OMAR, order(1), Put(two))
    kept = await change_flag(ports, OMAR, order(2), Put({**SPLIT, "defaultVariant": "off"}))
    assert json.loads(kept.definition or "")["metadata"] == {"bucketingEpoch": 2}


async def test_a_file_becomes_a_set_and_comes_back(ports: Ports) -> None:
    done = await import_flags(ports, OMAR, ImportOrder("shop", "first"), json.dumps(FILE))
    assert (done.difference.added, done.difference.shared, done.set_version) == (
        ("new-cart", "staff"),
        True,
        1,
    )
    assert value(ports, "staff", email="ada@shop.example") is True
    text = export_flags(ports, "shop")
    again = await import_flags(ports, OMAR, ImportOrder("shop", "again"), text)
    assert (bool(again.difference), again.set_version) == (False, 1)
    assert export_flags(ports, "shop") == text
    one, _again = await told(ports, "flag-set:shop")
    assert one.after == {
        "set_version": 1,
        "sha256": sha256(text.encode()).hexdigest(),
        "besides_flags": {name: FILE[name] for name in ("metadata", "$evaluators")},
        "added": ["new-cart", "staff"],
        "changed": [],
        "removed": [],
        "shared": True,
    }


async def test_the_log_tells_two_files_apart_that_change_the_same_keys(ports: Ports) -> None:
    await import_flags(ports, OMAR, ImportOrder("shop", "first"), FILE)
    before = export_flags(ports, "shop")
    unprotected = {**FILE, "metadata": {"protected": False}, "flags": {**FILE["flags"], "staff": SWITCH}}
    await import_flags(ports, OMAR, ImportOrder("shop", "tidy up"), unprotected)
    event = (await told(ports, "flag-set:shop"))[-1]
    shared = {name: FILE[name] for name in ("metadata", "$evaluators")}
    assert event.before == {
        "set_version": 1,
        "sha256": sha256(before.encode()).hexdigest(),
        "besides_flags": shared,
    }
    assert event.after is not None
    assert event.after["sha256"] == sha256(export_flags(ports, "shop").encode()).hexdigest()
    assert event.after["besides_flags"] == {**shared, "metadata": {"protected": False}}
    long = {**unprotected, "metadata": {"owner": "x" * LONGEST_TOLD}}
    await import_flags(ports, OMAR, ImportOrder("shop", "long"), long)
    event = (await told(ports, "flag-set:shop"))[-1]
    besides: Any = (event.after or {})["besides_flags"]
    assert list(besides) == ["sha256"]


async def test_who_may_not_change_a_flag_is_in_the_log_also_where_nothing_would_change(ports: Ports) -> None:
    await change_flag(ports, OMAR, order(0), Put(SWITCH))
    with pytest.raises(NotPermitted):
        await change_flag(ports, VERA, order(1), Put(SWITCH))
    await change_flag(ports, OMAR, order(1), Put(SWITCH))
    assert [(one.actor, one.outcome) for one in await told(ports)] == [("omar", "done"), ("vera", "denied")]


async def test_an_import_removes_what_is_not_in_the_file(ports: Ports) -> None:
    await import_flags(ports, OMAR, ImportOrder("shop", "first"), FILE)
    smaller = {"flags": {"new-cart": {**SWITCH, "defaultVariant": "off"}}}
    planned = await plan_import(ports, ImportOrder("shop", ""), smaller)
    assert value(ports) is True
    done = await import_flags(ports, OMAR, ImportOrder("shop", "smaller", version=1), smaller)
    assert done.difference == planned.difference
    assert (done.difference.changed, done.difference.removed) == (("new-cart",), ("staff",))
    assert value(ports) is False
    with pytest.raises(Superseded, match="expected version 1 of the set, found version 2 by omar: smaller"):
        await import_flags(ports, OMAR, ImportOrder("shop", "late", version=1), FILE)


async def test_an_import_with_one_problem_does_nothing_and_tells_all(ports: Ports) -> None:
    await import_flags(ports, OMAR, ImportOrder("shop", "first"), FILE)
    bad = {"flags": {"new-cart": {"state": "OFF"}, "a": {**SWITCH, "defaultVariant": "of"}}}
    with pytest.raises(InvalidInput) as wrong:
        await import_flags(ports, OMAR, ImportOrder("shop", "bad"), bad)
    assert {one.path.split(".")[1] for one in wrong.value.problems} == {"new-cart", "a"}
    assert value(ports, "staff", email="ada@shop.example") is True


async def test_an_import_says_whose_hash_its_file_was_made_for(ports: Ports) -> None:
    document = {"flags": {"new-cart": SPLIT}}
    await import_flags(ports, OMAR, ImportOrder("shop", "from flagd", epoch=Epoch(2)), document)
    await import_flags(ports, OMAR, ImportOrder("shop", "again"), document)
    assert json.loads(export_flags(ports, "shop"))["flags"]["new-cart"]["metadata"] == {"bucketingEpoch": 2}


async def test_what_a_restart_finds_is_in_force(world: World) -> None:
    await import_flags(world.ports, OMAR, ImportOrder("shop", "first"), FILE)
    await world.restart()
    assert value(world.ports, "staff", email="ada@shop.example") is True


async def put_by_hand(ports: Ports, text: str, seen: int, key: str = "new-cart") -> None:
    """As a newer program may, or somebody with a hand in the database."""
    assert await ports.flags.change(SetChange("shop", seen, [FlagEdit(key, seen + 1, text)], START, "x", "x"))


@pytest.mark.parametrize("text", ['{"state": "MAYBE"}', "{", "[]", "[" * 100_000])
async def test_what_cannot_be_compiled_leaves_what_was_in_force_and_is_told(ports: Ports, text: str) -> None:
    await change_flag(ports, OMAR, order(0), Put(SWITCH))
    await put_by_hand(ports, text, 1)
    with capture_logs() as logs:
        await ports.flag_book.refresh(ports.flags)
        await ports.flag_book.refresh(ports.flags)
    assert [(one["log_level"], one["key"]) for one in logs] == [("error", "new-cart")]
    assert value(ports) is True
    kept = ports.flag_book.get("shop")
    assert kept is not None
    assert list(kept.unsound) == ["new-cart"]
    fresh = FlagBook()
    await fresh.refresh(ports.flags)
    found = fresh.get("shop")
    assert found is not None
    assert (len(found.flags), list(found.unsound)) == (0, ["new-cart"])
    await put_by_hand(ports, json.dumps(SWITCH), 2)
    await ports.flag_book.refresh(ports.flags)
    healed = ports.flag_book.get("shop")
    assert healed is not None
    assert not healed.unsound


async def test_shared_rules_that_cannot_be_compiled_leave_all_as_it_was(ports: Ports) -> None:
    await import_flags(ports, OMAR, ImportOrder("shop", "first"), FILE)
    await put_by_hand(ports, '{"$evaluators": {"is-staff": {"what": 1}}}', 1, key="")
    await ports.flag_book.refresh(ports.flags)
    assert value(ports, "staff", email="ada@shop.example") is True


async def test_many_flags_changed_at_once_are_the_same_as_one_by_one(ports: Ports) -> None:
    flags = {f"flag-{n}": SWITCH for n in range(60)}
    await import_flags(ports, OMAR, ImportOrder("shop", "many"), {"flags": flags})
    changed = {key: {**SWITCH, "defaultVariant": "off"} for key in list(flags)[:50]}
    await import_flags(ports, OMAR, ImportOrder("shop", "more"), {"flags": flags | changed})
    kept = ports.flag_book.get("shop")
    assert kept is not None
    assert sum(one.value is False for one in kept.flags.evaluate_all({}).values()) == 50


async def test_a_change_on_another_replica_is_followed_when_it_is_told(ports: Ports) -> None:
    await change_flag(ports, OMAR, order(0), Put(SWITCH))
    other = replace(ports, flag_book=FlagBook(), watch=type(ports.watch)())
    await other.flag_book.refresh(other.flags)
    following = asyncio.create_task(follow_flags(other))
    await change_flag(ports, OMAR, order(), Toggle(False))
    assert value(other) is True
    other.flag_pulse.beat()
    await following
    assert value(other) is None


async def test_a_look_that_fails_is_soon_made_again(world: World) -> None:
    world.fail("flags", "news")
    ports = world.ports
    ports.flag_pulse.beat()
    with suppress(StoreUnavailable):
        await follow_flags(ports)
    late = [ports.watch.flags_late]
    following = asyncio.create_task(follow_flags(ports))
    ports.flag_pulse.beat()
    await following
    late.append(ports.watch.flags_late)
    assert late == [True, False]
    await end(following)
