"""One real provider, one PostgreSQL, two portals: a logout and a change of role are felt on both."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from tests.providers.replicas import ADMIN, Person, Replicas, running_replicas

ROUNDS = 3


@pytest.mark.postgres
async def test_a_logout_and_a_change_of_role_count_on_every_replica(
    postgres_url: str, tmp_path: Path
) -> None:
    async with running_replicas(postgres_url, tmp_path) as replicas:
        for _ in range(ROUNDS):
            alice = await replicas.log_in("alice")
            bob = await replicas.log_in("bob")
            await replicas.seconds_to_refusal(alice)
            assert await _statuses(replicas, alice, "/api/v1/runs") == [401, 401]
            assert await _statuses(replicas, bob, "/api/v1/runs") == [200, 200]
            await bob.http.aclose()
            await alice.http.aclose()
        carol = await replicas.log_in("carol")
        assert await _statuses(replicas, carol, "/api/v1/runs") == [403, 403]
        grant = await _give(replicas, "carol")
        assert await _statuses(replicas, carol, "/api/v1/runs") == [200, 200]
        await _withdraw(replicas, grant)
        assert await _statuses(replicas, carol, "/api/v1/runs") == [403, 403]
        await carol.http.aclose()


async def _statuses(replicas: Replicas, person: Person, path: str) -> list[int]:
    answers = await asyncio.gather(*(person.http.get(f"{url}{path}") for url in replicas.urls))
    return [answer.status_code for answer in answers]


async def _give(replicas: Replicas, name: str) -> int:
    """At the second portal. Returns the number of the grant."""
    async with _admin(replicas.urls[1]) as http:
        accounts = (await http.get("/access/accounts")).json()
        account = next(one["id"] for one in accounts if one["name"] == name)
        body = {"role": "viewer", "reason": "wants to look"}
        answer = await http.post(f"/access/accounts/{account}/grants", json=body)
        assert answer.is_success, answer.text
        return int(answer.json()["id"])


async def _withdraw(replicas: Replicas, grant: int) -> None:
    async with _admin(replicas.urls[0]) as http:
        answer = await http.post(f"/access/grants/{grant}/withdraw", json={"reason": "has looked"})
        assert answer.is_success, answer.text


def _admin(url: str) -> httpx2.AsyncClient:
    headers = {"authorization": f"Bearer {ADMIN}"}
    return httpx2.AsyncClient(base_url=f"{url}/api/v1", headers=headers, trust_env=False, timeout=20)
