"""The real demo, end to end: four programs, one command."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from sre_portal.demo.scene import EXAMPLES
from tests.demo.running import COMMAND, RunningDemo, eventually, running_demo

pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


async def test_everything_in_the_ready_line_answers(demo: RunningDemo) -> None:
    assert set(demo.ready) == {"portal", "login", "token", "shop", "payments"}
    async with httpx2.AsyncClient(trust_env=False) as client:
        for path in (
            f"{demo.ready['portal']}/healthz",
            f"{demo.ready['shop']}/",
            f"{demo.ready['payments']}/readyz",
        ):
            assert (await client.get(path)).status_code == 200
        checkout = await client.post(f"{demo.ready['shop']}/checkout", json={"amount_cents": 100})
        assert checkout.json() == {"order": "paid", "amount_cents": 100}


async def test_the_portal_takes_the_demo_s_documents_and_token(demo: RunningDemo) -> None:
    experiments, slos = await demo.api("/experiments"), await demo.api("/slos")
    assert isinstance(experiments, list)
    assert isinstance(slos, list)
    assert {one["name"] for one in experiments} == {path.stem for path in EXAMPLES.glob("*.yaml")}
    assert slos


async def test_both_services_report_and_the_traffic_is_seen(demo: RunningDemo) -> None:
    async def busy() -> bool:
        services = await demo.api("/services")
        assert isinstance(services, list)
        return {one["name"] for one in services if one["requests_per_second"] > 0} == {"shop", "payments"}

    await eventually(busy)


async def test_the_shop_follows_its_kill_switch(demo: RunningDemo) -> None:
    headers = {"authorization": f"Bearer {demo.ready['token']}"}

    async def recommended() -> int:
        async with httpx2.AsyncClient(trust_env=False) as client:
            product = (await client.get(f"{demo.ready['shop']}/products/3")).json()
            return len(product.get("recommended", ()))

    async def flip(*, enabled: bool) -> None:
        path = f"{demo.ready['portal']}/api/v1/flags/shop/recommendations/toggle"
        async with httpx2.AsyncClient(headers=headers, trust_env=False) as client:
            answer = await client.post(path, json={"enabled": enabled, "reason": "a test"})
            assert answer.status_code == 200

    async def some() -> bool:
        return await recommended() == 4

    async def none() -> bool:
        return await recommended() == 0

    await eventually(some)
    await flip(enabled=False)
    await eventually(none)
    await flip(enabled=True)
    await eventually(some)


@pytest.mark.skipif(sys.platform != "linux", reason="arguments of another process are read from /proc")
def test_no_secret_is_visible_in_the_list_of_processes(demo: RunningDemo) -> None:
    arguments = " ".join(word for child in demo.children().values() for word in child.cmdline())
    assert demo.ready["token"] not in arguments
    assert "login" not in arguments


async def test_a_service_that_is_killed_comes_back_as_a_new_instance(demo: RunningDemo) -> None:
    before = await eventually(lambda: demo.instances("payments"))
    demo.children()["payments"].kill()

    async def new_instance() -> bool:
        return bool(await demo.instances("payments") - before)

    await eventually(new_instance)
    assert any("payments (pid" in line and "SIGKILL, restart 1" in line for line in demo.told)


async def test_a_portal_that_is_killed_comes_back_at_its_address_with_its_tokens(demo: RunningDemo) -> None:
    old = demo.children()["portal"]
    old.kill()
    old.wait()
    assert await eventually(lambda: demo.api("/experiments"))
    assert any("portal (pid" in line and "SIGKILL, restart 1" in line for line in demo.told)


def test_a_busy_port_is_told_in_one_sentence_and_nothing_is_started(
    demo: RunningDemo, tmp_path: Path
) -> None:
    port = demo.ready["portal"].rpartition(":")[2]
    command = [*COMMAND[:-1], port, "--data-dir", str(tmp_path)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"Port {port} on 127.0.0.1 is in use by another program.")
    assert (refused.stderr.count("\n"), refused.stdout) == (1, "")


def test_a_damaged_database_is_told_and_nothing_stays_behind(tmp_path: Path) -> None:
    (tmp_path / "portal.sqlite3").write_bytes(b"not a database" * 100)
    failed = subprocess.run([*COMMAND, "--data-dir", tmp_path], capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stdout) == (1, "")
    first, last = failed.stderr.splitlines()
    assert "portal.sqlite3" in first
    assert last == "portal ended with exit status 5 before it answered."


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    with running_demo(tmp_path) as demo:
        children = list(demo.children().values())
        assert len(children) == 4
        demo.process.send_signal(number)
        assert demo.process.wait(30) == 0
        assert psutil.wait_procs(children, timeout=0)[1] == []
    left = {path.name for path in tmp_path.iterdir()}
    assert {name for name in left if not name.startswith("portal.sqlite3")} == {"demo.lock", "secret.key"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_killed_supervisor_takes_its_programs_with_it(tmp_path: Path) -> None:
    with running_demo(tmp_path) as demo:
        children = list(demo.children().values())
        os.kill(demo.process.pid, signal.SIGKILL)
        demo.process.wait()
        assert psutil.wait_procs(children, timeout=30)[1] == []
