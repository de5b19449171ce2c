"""Drills of a kill switch with real processes: the shop evaluates the flag itself, in its own process."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import httpx2
import pytest

from sre_portal.clients.clock import SystemClock
from sre_portal.demo.address import Address
from sre_portal.demo.flags import FILE
from sre_portal.demo.scene import Scene, programs
from tests.demo.running import RunningDemo, eventually
from tests.live.stage import warmed_up

pytestmark = pytest.mark.live

EXAMPLE = Path(__file__).parents[2] / "examples" / "drill-recommendations.yaml"
PEOPLE = 30
SHORT = """
apiVersion: sre-portal.dev/v1
kind: Experiment
metadata: {name: drill-and-die}
spec:
  target: {service: shop}
  duration: 6s
  expectations: [{type: flag, flag: recommendations, variant: none, seenWithin: 2s}]
"""


async def without_recommendations(shop: str) -> int:
    """How many people the shop recommends nothing now."""
    async with httpx2.AsyncClient(base_url=shop, trust_env=False) as client:
        answers = await asyncio.gather(
            *(client.get("/products/1", headers={"x-user-id": f"u{one}"}) for one in range(PEOPLE))
        )
    return sum("recommended" not in answer.json() for answer in answers)


async def command(demo: RunningDemo, *arguments: str) -> tuple[int, str]:
    told = {"SRE_PORTAL_URL": demo.ready["portal"], "SRE_PORTAL_TOKEN": demo.ready["token"]}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sre_portal.cli.app",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **told},
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_a_drill_is_flipped_seen_restored_and_its_certificate_verified_offline(
    demo: RunningDemo, tmp_path: Path
) -> None:
    await warmed_up(demo, 60)
    running = asyncio.create_task(command(demo, "experiment", "run", "--json", str(EXAMPLE)))

    async def is_flipped() -> bool:
        return 0 < await without_recommendations(demo.ready["shop"]) < PEOPLE

    await eventually(is_flipped)
    code, output = await running
    run = json.loads(output)
    assert (code, run["verdict"]) == (0, "passed"), run["reasons"]
    assert await without_recommendations(demo.ready["shop"]) == 0

    kept = tmp_path / "drill.txt"

    async def is_certified() -> bool:
        return (await command(demo, "flags", "certificate", str(run["id"]), "--out", str(kept)))[0] == 0

    await eventually(is_certified)
    _, key = await command(demo, "audit", "key")
    demo.ready["portal"] = "http://127.0.0.1:9"  # nobody is asked from here on
    code, told = await command(demo, "flags", "verify", str(kept), "--key", key.strip())
    assert code == 0, told
    assert "shop/recommendations was none" in told
    kept.write_text(kept.read_text().replace('"passed"', '"Passed"'))
    code, _ = await command(demo, "flags", "verify", str(kept), "--key", key.strip())
    assert code == 1


@contextmanager
def portal_and_shop(folder: Path) -> Iterator[tuple[Scene, subprocess.Popen[bytes]]]:
    """The two as programs that nobody starts again."""
    ports = [free_port() for _ in range(3)]
    portal, shop, payments = (Address("127.0.0.1", port) for port in ports)
    tokens = {"shop": "s" * 40, "payments": "p" * 40}
    scene = Scene(portal, shop, payments, 0.0, False, folder, "t" * 40, tokens)
    chosen = {one.name: one for one in programs(scene, os.environ)}
    with suppress(ProcessLookupError):
        running = [
            subprocess.Popen(chosen[name].argv, env=chosen[name].environment) for name in ("portal", "shop")
        ]
        try:
            yield scene, running[0]
        finally:
            for process in running:
                process.kill()
                process.wait()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def test_a_portal_that_is_killed_in_mid_drill_leaves_no_harm_behind_its_clock(tmp_path: Path) -> None:
    with portal_and_shop(tmp_path) as (scene, portal):
        headers = {"authorization": f"Bearer {scene.token}"}
        async with httpx2.AsyncClient(
            base_url=f"{scene.portal.url}/api/v1", headers=headers, trust_env=False
        ) as api:

            async def has_flags() -> bool:
                body = {"document": FILE.read_text(), "reason": "a test", "version": 0}
                answer = await api.post("/flag-sets/shop/import", json=body)
                return answer.status_code in {200, 409}

            async def has_started() -> dict[str, str]:
                answer = await api.post("/runs", json={"document": SHORT})
                return answer.json() if answer.status_code == 201 else {}

            await eventually(has_flags)
            await eventually(lambda: nobody_without(scene))
            run = await eventually(has_started)

            async def all_without() -> bool:
                return await without_recommendations(scene.shop.url) == PEOPLE

            await eventually(all_without)
        portal.kill()
        portal.wait()
        ends = datetime.fromisoformat(run["ends_at"]).timestamp()
        assert await without_recommendations(scene.shop.url) == PEOPLE
        await eventually(lambda: nobody_without(scene))
        assert ends + 5 <= SystemClock().now().timestamp()  # not before its end by the clock


async def nobody_without(scene: Scene) -> bool:
    return await without_recommendations(scene.shop.url) == 0
