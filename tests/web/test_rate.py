"""Too many requests: who is refused, and what of it is written down."""

from __future__ import annotations

import pytest

from sre_portal.core.access import Role
from sre_portal.web import access, account
from sre_portal.web.api.routes import PACED
from sre_portal.web.api.routes import ROUTES as API_ROUTES
from sre_portal.web.app import ROUTES
from sre_portal.web.rate import KINDS, Limiter
from tests.web.door import Door, csrf_in
from tests.web.test_security import client_of


async def test_login_attempts_of_one_address_have_a_pace(door: Door) -> None:
    async with client_of(door.app, address="203.0.113.5") as client:
        told = [(await client.get("/login?token=guess")).status_code for _ in range(KINDS["login"].burst + 5)]
        refused = await client.get("/login?token=guess")
    assert told[: KINDS["login"].burst].count(429) == 0
    assert told[KINDS["login"].burst :] == [429] * 5
    assert refused.headers["retry-after"] == "2"
    assert refused.json()["title"] == "Too many requests"


async def test_another_address_is_not_refused_for_it(door: Door) -> None:
    async with client_of(door.app, address="203.0.113.5") as client:
        for _ in range(KINDS["login"].burst + 1):
            await client.get("/login")
    async with client_of(door.app, address="203.0.113.6") as client:
        assert (await client.get("/login")).status_code == 200


async def test_whoever_waits_is_let_in_again(door: Door) -> None:
    async with client_of(door.app) as client:
        for _ in range(KINDS["login"].burst):
            await client.get("/login")
        answer = await client.get("/login")
        assert answer.status_code == 429
        door.world.clock.move(float(answer.headers["retry-after"]))
        assert (await client.get("/login")).status_code == 200


async def test_an_attacker_cannot_fill_the_audit_log(door: Door) -> None:
    async with client_of(door.app, address="203.0.113.5") as client:
        for _ in range(300):
            await client.get("/login?token=guess")
        door.world.clock.move(61)
        for _ in range(300):
            await client.get("/login?token=guess")
    events = (await door.client("ada").get("/api/v1/audit", params={"limit": 500})).json()
    limits = [event for event in events if event["action"] == "request:limit"]
    assert len(limits) == 2
    assert all("203.0.113.5" in event["detail"] for event in limits)
    assert sum(event["action"] == "session:open" for event in events) <= 2 * KINDS["login"].burst + 30
    assert door.world.ports.watch.suppressed["login"].total > 400


async def test_guessing_tokens_has_a_pace_and_a_sound_token_does_not(door: Door) -> None:
    async with client_of(door.app) as client:
        guess = {"authorization": "Bearer guess"}
        told = [(await client.get("/api/v1/runs", headers=guess)).status_code for _ in range(40)]
        assert (told[0], told[-1]) == (401, 429)
        sound = door.client("vera").headers["authorization"]
        for _ in range(100):
            assert (await client.get("/api/v1/runs", headers={"authorization": sound})).status_code == 200


async def test_somebody_with_a_small_role_cannot_fill_the_audit_log_either(door: Door) -> None:
    client = door.client("vera")
    for _ in range(KINDS["denied"].burst + 50):
        assert (await client.post("/api/v1/stop-all")).status_code == 403
    assert door.world.ports.watch.suppressed["denied"].total == 50


async def test_wrong_tokens_of_agents_have_a_pace(door: Door) -> None:
    async with client_of(door.app) as client:
        told = [(await client.post("/agents/v1/reports")).status_code for _ in range(70)]
    assert (told[0], told[-1]) == (401, 429)


async def test_changes_of_access_have_a_pace_for_each_account(door: Door) -> None:
    """Also the refused ones: each is in the audit log."""
    omar, vera = [await door.browser(name, Role.OPERATOR) for name in ("omar", "vera")]
    fields = {"csrf": csrf_in((await omar.get("/account")).text)}
    told = [(await omar.post("/account/tokens", data=fields)).status_code for _ in range(35)]
    assert told == [422] * KINDS["change"].burst + [429] * (35 - KINDS["change"].burst)
    issued = [one for one in await door.world.ports.audit.recent(100) if one.action == "token:issue"]
    assert len(issued) <= KINDS["change"].burst
    assert (await omar.post("/account/glass/mend", data=fields)).status_code == 429
    assert (await omar.post("/stop-all", data=fields)).status_code == 303
    theirs = {"csrf": csrf_in((await vera.get("/account")).text)}
    assert (await vera.post("/account/tokens", data=theirs)).status_code == 422
    door.world.clock.move(1)
    assert (await omar.post("/account/tokens", data=fields)).status_code == 422


async def test_changes_of_access_by_the_api_have_the_same_pace(door: Door) -> None:
    client = door.client("ada")
    told = [(await client.post("/api/v1/tokens", json={})).status_code for _ in range(5)]
    order = {"name": "UPPER", "role": "viewer", "days": 1}
    told += [(await client.post("/api/v1/tokens", json=order)).status_code for _ in range(30)]
    assert (told[0], told[-1]) == (422, 429)
    assert (await client.post("/access/tokens", data=order)).status_code == 429
    assert (await client.get("/api/v1/tokens")).status_code == 200
    assert (await client.post("/api/v1/stop-all")).status_code == 200


def test_every_change_of_access_has_a_pace() -> None:
    pages = {
        row.path for row in ROUTES if row.method == "POST" and row.path.startswith(("/account", "/access"))
    }
    paced_pages = {
        row.path
        for row in ROUTES
        if row.endpoint in (*vars(access).values(), *vars(account).values())
        and hasattr(row.endpoint, "__wrapped__")
    }
    assert {path for path in pages if not path.startswith("/access/v1/")} <= paced_pages
    changes = {
        endpoint
        for method, path, endpoint, _ in API_ROUTES
        if method == "POST" and path.startswith(("/access", "/tokens"))
    }
    assert changes == PACED


async def test_stop_all_is_never_limited_for_somebody_who_may(door: Door) -> None:
    client = door.client("omar")
    for _ in range(200):
        assert (await client.post("/api/v1/stop-all")).status_code == 200


def test_the_ways_to_stop_harm_have_no_limit_and_the_ways_in_have_one() -> None:
    limits = {(row.method, row.path): row.limit for row in ROUTES}
    assert limits["POST", "/stop-all"] == limits["POST", "/runs/{id}/abort"] == ""
    for (_, path), kind in limits.items():
        assert kind == "" or kind in KINDS
        if path.startswith("/login"):
            assert kind


def test_the_memory_of_a_replica_is_bounded() -> None:
    limiter = Limiter(most=100)
    for number in range(10_000):
        limiter.wait_for("login", f"address {number}", 0.0)
    assert len(limiter.buckets) == 100


def test_the_bucket_in_use_is_not_forgotten_for_strangers() -> None:
    limiter = Limiter(most=100)
    for number in range(2000):
        limiter.wait_for("login", "address attacker", 0.0)
        limiter.wait_for("login", f"address {number}", 0.0)
    assert limiter.wait_for("login", "address attacker", 0.0) > 0


def test_an_unknown_kind_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        Limiter().wait_for("nothing", "a", 0.0)
