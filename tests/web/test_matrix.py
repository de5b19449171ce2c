"""Every route, every method, everybody: the answer is what the route table says."""

from __future__ import annotations

from collections.abc import Mapping

import httpx2
import pytest

from sre_portal.core.access import PERMISSIONS, Permission, Role
from sre_portal.core.account import LOCAL, Account
from sre_portal.operations.sessions import Origin, new_session
from sre_portal.web.api.routes import ROUTES as API_ROUTES
from sre_portal.web.app import ROUTES
from sre_portal.web.cookies import SESSION
from sre_portal.web.guard import Needs
from sre_portal.web.rate import Limiter
from tests.web.door import Door

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
ROLES: Mapping[str, Role] = {
    "pia": Role.PROGRAM,
    "vera": Role.VIEWER,
    "omar": Role.OPERATOR,
    "ada": Role.ADMIN,
}
EVERYBODY = ("nobody", "agent", "newcomer", *ROLES)
"""The newcomer has a session and no role."""

TABLE: Mapping[str, Mapping[str, Needs]] = {
    path: {
        method: needs
        for told, method, needs in (
            *((row.path, row.method, row.needs) for row in ROUTES),
            *((f"/api/v1{path}", method, needs) for method, path, _, needs in API_ROUTES),
        )
        if told == path
    }
    for path in dict.fromkeys(
        [*(row.path for row in ROUTES), *(f"/api/v1{path}" for _, path, _, _ in API_ROUTES)]
    )
}


def filled(path: str) -> str:
    for name in ("id", "run_id", "seq", "account_id", "grant_id", "plan_id", "version"):
        path = path.replace(f"{{{name}}}", "1")
    path = path.replace("{flag_set}", "shop").replace("{key}", "new-cart")
    return path.replace("{name}", "shop").replace("{provider}", "forge").partition("{")[0]


def expected(needs: Needs, who: str) -> int:
    """401 for who is not known here, 403 for who is known and may not, 0 for who may."""
    match needs:
        case "public":
            return 0
        case "agent":
            return 0 if who == "agent" else 401
        case "person":
            return 0 if who == "newcomer" else 401
        case "ticket":
            return 401
        case Permission() if who in ROLES:
            return 0 if needs in PERMISSIONS[ROLES[who]] else 403
        case _:
            return 403 if who == "newcomer" else 401


@pytest.mark.parametrize("who", EVERYBODY)
async def test_every_route_answers_everybody_as_the_table_says(door: Door, who: str) -> None:
    client = await _client(door, who)
    wrong = {}
    asked = 0
    for path, table in TABLE.items():
        for method in METHODS:
            needs = _asked_for(path, table, method)
            if needs is not None and not expected(needs, who) and _ends_the_test(path, needs):
                continue
            door.app.state.limiter = Limiter()  # how often is another matter
            status = (await client.request(method, filled(path))).status_code
            asked += 1
            if not _as_told(path, status, needs, who):
                wrong[f"{method} {path}"] = status
    assert wrong == {}
    assert asked > len(TABLE) * 6


def _asked_for(path: str, table: Mapping[str, Needs], method: str) -> Needs | None:
    """Pages and probes answer HEAD as GET; the API does not know it."""
    plain = method == "HEAD" and path in {row.path for row in ROUTES}
    return table.get("GET" if plain else method)


def _ends_the_test(path: str, needs: Needs) -> bool:
    """A stream that is allowed does not end, and whoever logs out is nobody."""
    return path.startswith(("/live/", "/logout")) or needs == "agent"


def _as_told(path: str, status: int, needs: Needs | None, who: str) -> bool:
    if needs is None:
        return status == 405
    if told := expected(needs, who):
        return status == told
    is_own = path.startswith("/account/")  # a token is nobody's own, whatever it may
    return status < 500 and status != 405 and (status != 401 or is_own)


async def _client(door: Door, who: str) -> httpx2.AsyncClient:
    if who != "newcomer":
        return door.client("" if who == "nobody" else who)
    ports = door.world.ports
    told = Account(0, "person", "link", LOCAL, "link:newcomer", "newcomer")
    account = await ports.accounts.log_in(told, ports.clock.now())
    secret, session = await new_session(ports, account, Origin())
    client = door.client()
    client.cookies.set(SESSION, secret)
    client.headers["x-csrf-token"] = session.csrf
    return client
