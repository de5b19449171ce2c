"""What was acknowledged is there after the worst end of a program."""

import asyncio
import sys
from pathlib import Path

from sqlalchemy import Connection, select

from sre_portal.store.database import open_store
from sre_portal.store.tables import slo_second
from tests.store.samples import START

ROOT = Path(__file__).parents[2]


async def test_acknowledged_reports_survive_kill_9(url: str) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.store.crash", url, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert program.stdout is not None
    lines = [await program.stdout.readline() for _ in range(100)]
    program.kill()
    lines += (await program.stdout.read()).splitlines()
    assert await program.wait() == -9
    acknowledged = {(name.decode(), START + int(offset)) for name, offset in map(bytes.split, lines)}
    async with await open_store(url) as store:
        stored = await store.database.read(_stored)
    assert len(acknowledged) >= 100
    assert acknowledged <= stored


def _stored(connection: Connection) -> set[tuple[str, int]]:
    rows = connection.execute(select(slo_second.c.instance, slo_second.c.at))
    return {(row.instance, row.at) for row in rows}
