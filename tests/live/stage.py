"""Runs on the real demo: start one, wait for a phase, wait for its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2

from tests.demo.running import RunningDemo

LONGEST_SECONDS = 120
Found = TypeVar("Found")
PHASES = ("inject", "fidelity", "observe", "revert", "recover", "judge", "done")


async def start(demo: RunningDemo, document: str) -> int:
    """Starts an experiment as soon as the preflight agrees; returns the number of the run."""

    async def attempt() -> int | None:
        answer = await _post(demo, "/runs", {"document": document})
        if answer.status_code == 409:
            return None
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    return await _until(attempt)


async def entered(demo: RunningDemo, run_id: int, phase: str) -> dict[str, Any]:
    """The run, as soon as it is in a phase or past it."""

    async def look() -> dict[str, Any] | None:
        run = await _run(demo, run_id)
        return run if PHASES.index(run["phase"]) >= PHASES.index(phase) else None

    return await _until(look)


async def warmed_up(demo: RunningDemo, seconds: int) -> None:
    """Waits until the shop has been counted for so many seconds."""

    async def look() -> bool:
        told = await demo.api(f"/services/shop/signals?seconds={seconds + 10}")
        assert isinstance(told, list)
        return len(told) >= seconds

    await _until(look)


async def is_untouched(demo: RunningDemo, requests: int = 20) -> None:
    """Waits until so many requests in a row are answered by the shop itself."""

    async def look() -> bool:
        async with httpx2.AsyncClient(base_url=demo.ready["shop"], trust_env=False) as client:
            answers = [await client.get("/catalogue") for _ in range(requests)]
        return all(answer.status_code == 200 for answer in answers)

    await _until(look)


async def _run(demo: RunningDemo, run_id: int) -> dict[str, Any]:
    found = await demo.api(f"/runs/{run_id}")
    assert isinstance(found, dict)
    return found


async def _post(demo: RunningDemo, path: str, body: object) -> httpx2.Response:
    headers = {"authorization": f"Bearer {demo.ready['token']}"}
    async with httpx2.AsyncClient(headers=headers, trust_env=False) as client:
        return await client.post(f"{demo.ready['portal']}/api/v1{path}", json=body)


async def _until(look: Callable[[], Awaitable[Found | None]]) -> Found:
    async with asyncio.timeout(LONGEST_SECONDS):
        while True:
            try:
                if found := await look():
                    return found
            except httpx2.HTTPError:
                pass  # a portal or a shop that was killed is not back yet
            await asyncio.sleep(0.05)
