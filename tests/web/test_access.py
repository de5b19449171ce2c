"""Every route names its permission, and holds it."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Mount, Route

from sre_portal.core.access import PERMISSIONS, Permission, Role
from sre_portal.operations.login import issue_link
from sre_portal.web.api.routes import ROUTES as API_ROUTES
from sre_portal.web.app import ROUTES
from sre_portal.web.guard import needs_of
from tests.operations.world import EXPERIMENT
from tests.web.door import SECRETS, Door, csrf_in

PUBLIC = {
    "/login",
    "/login/with/{provider}",
    "/login/callback/{provider}",
    "/login/backchannel/{provider}",
    "/status",
    "/healthz",
    "/readyz",
    "/.well-known/authzen-configuration",
}

TABLE = [(row.method, row.path, row.needs) for row in ROUTES] + [
    (method, f"/api/v1{path}", needs) for method, path, _, needs in API_ROUTES
]
GUARDED = [(method, path, needs) for method, path, needs in TABLE if isinstance(needs, Permission)]


def filled(path: str) -> str:
    return path.replace("{id}", "1").replace("{run_id}", "1").replace("{name}", "shop")


async def test_every_route_of_the_running_app_names_what_it_needs(door: Door) -> None:
    for route in door.app.routes:
        if isinstance(route, Mount):
            assert route.path == "/static"
        elif isinstance(route, Route | APIRoute):
            assert needs_of(route) is not None, route.path


def test_what_is_public_is_a_short_list() -> None:
    assert {path for _, path, needs in TABLE if needs == "public"} <= PUBLIC


@pytest.mark.parametrize(("method", "path", "needs"), GUARDED)
async def test_nobody_gets_in_without_a_login(door: Door, method: str, path: str, needs: Permission) -> None:
    answer = await door.client().request(method, filled(path))
    assert answer.status_code == 401


@pytest.mark.parametrize(("method", "path", "needs"), GUARDED)
async def test_a_role_without_the_permission_is_refused(
    door: Door, method: str, path: str, needs: Permission
) -> None:
    for name, (_, role) in SECRETS.items():
        if role is None:
            answer = await door.client(name).request(method, filled(path))
            assert answer.status_code == 401, name
        elif needs not in PERMISSIONS[role]:
            answer = await door.client(name).request(method, filled(path))
            assert answer.status_code == 403, name


@pytest.mark.parametrize("path", ["/agents/v1/plan?service=shop&instance=a", "/agents/v1/reports"])
async def test_a_wrong_agent_token_is_refused_and_counted(door: Door, path: str) -> None:
    method = "POST" if path.endswith("reports") else "GET"
    for name in ("", "ada"):
        before = door.world.ports.watch.refused_agents
        answer = await door.client(name).request(method, path)
        assert answer.status_code == 401
        assert door.world.ports.watch.refused_agents == before + 1
    metrics = (await door.client("vera").get("/metrics")).text
    assert f"sre_portal_refused_agents_total {float(door.world.ports.watch.refused_agents)}" in metrics


async def test_an_agent_token_is_for_one_service(door: Door) -> None:
    answer = await door.client("agent").get("/agents/v1/plan?service=payments&instance=a")
    assert answer.status_code == 401


async def test_an_agent_token_opens_no_page_and_no_api(door: Door) -> None:
    assert (await door.client("agent").get("/api/v1/runs")).status_code == 401


async def test_a_login_link_works_once(door: Door) -> None:
    secret = await issue_link(door.world.ports, "ada", Role.ADMIN)
    client = door.client()
    first = await client.get("/login", params={"token": secret})
    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert (await client.get("/")).status_code == 200
    again = await door.client().get("/login", params={"token": secret})
    assert again.status_code == 401


async def test_logging_out_ends_the_session(door: Door) -> None:
    browser = await door.browser()
    csrf = csrf_in((await browser.get("/")).text)
    cookie = dict(browser.cookies)
    assert (await browser.post("/logout", data={"csrf": csrf})).status_code == 303
    thief = door.client()
    thief.cookies.update(cookie)
    assert (await thief.get("/")).status_code == 401


async def test_a_form_without_the_token_of_its_session_is_refused(door: Door) -> None:
    browser = await door.browser()
    for fields in ({}, {"csrf": "guessed"}):
        assert (await browser.post("/stop-all", data=fields)).status_code == 403


async def test_a_session_cookie_alone_cannot_use_the_api(door: Door) -> None:
    browser = await door.browser()
    answer = await browser.post("/api/v1/stop-all")
    assert answer.status_code == 403


async def test_the_cookie_cannot_be_read_by_script_nor_sent_from_elsewhere(door: Door) -> None:
    secret = await issue_link(door.world.ports, "ada", Role.ADMIN)
    cookie = (await door.client().get("/login", params={"token": secret})).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


async def test_over_tls_the_cookie_is_bound_to_the_host(door: Door) -> None:
    secret = await issue_link(door.world.ports, "ada", Role.ADMIN)
    answer = await door.client().get("https://portal.test/login", params={"token": secret})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-")
    assert "secure" in cookie.lower()


async def test_every_answer_carries_the_security_headers(door: Door) -> None:
    for path in ("/login", "/status", "/nowhere", "/api/v1/runs"):
        headers = (await door.client().get(path)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


async def test_stop_all_works_from_a_form(door: Door) -> None:
    run = await door.world.start()
    browser = await door.browser("omar", Role.OPERATOR)
    csrf = csrf_in((await browser.get("/stop-all")).text)
    answer = await browser.post("/stop-all", data={"csrf": csrf})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{run.id}")
    assert not door.world.ports.desk.active()


async def test_an_operator_may_start_and_a_viewer_may_not(door: Door) -> None:
    body = {"document": EXPERIMENT}
    assert (await door.client("vera").post("/api/v1/runs", json=body)).status_code == 403
    assert (await door.client("omar").post("/api/v1/runs", json=body)).status_code == 201
