"""Portals on one PostgreSQL behind one real login provider, and browsers that use all of them."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes

import httpx2

from tests.providers.idp import CLIENT_ID, CLIENT_SECRET, Browser, Idp, running_idp

ADMIN = "admin-token-of-the-replicas-0123"
ACCESS = """
apiVersion: sre-portal.dev/v1
kind: Access
metadata: {{name: access}}
spec:
  providers:
    - type: oidc
      name: company
      issuer: {issuer}
      clientId: {client}
      clientSecretFile: {secret}
      scopes: [openid, profile, email, groups, offline_access]
  rules:
    - {{name: sre, group: sre, role: operator}}
"""
SLO = """
apiVersion: sre-portal.dev/v1
kind: SLO
metadata: {name: shop-availability}
spec: {service: shop, sli: {type: availability}, objective: 99}
"""
STREAM = "/live/overview"


@dataclass
class Person:
    """One browser, logged in at the provider and at the portals: they share the cookie."""

    at_provider: Browser
    http: httpx2.AsyncClient = field(repr=False)
    address: str = ""


@dataclass
class Replicas:
    """`urls` are the portals; people are sent back to the first, and so is the provider's word."""

    urls: Sequence[str]
    idp: Idp
    _people: int = 0

    async def log_in(self, name: str) -> Person:
        """Somebody logs in at the first portal. Each person has an address of their own."""
        self._people += 1
        address = f"10.1.{self._people // 250}.{self._people % 250 + 1}"
        http = httpx2.AsyncClient(timeout=20, trust_env=False, headers={"x-forwarded-for": address})
        person = Person(self.idp.browser(name), http, address)
        sent = await http.get(f"{self.urls[0]}/login/with/company")
        assert sent.status_code == 303, sent.text
        callback = await person.at_provider.log_in(sent.headers["location"])
        answer = await http.get(callback)
        assert answer.status_code == 303, answer.text
        return person

    async def streams(self, person: Person) -> list[asyncio.Task[float]]:
        """An open event stream at each portal; each task returns the instant at which its stream ended."""
        opened = [asyncio.Event() for _ in self.urls]
        tasks = [
            asyncio.create_task(_read(person.http, url, event))
            for url, event in zip(self.urls, opened, strict=True)
        ]
        for event in opened:
            await asyncio.wait_for(event.wait(), 10)
        return tasks

    async def refused(self, person: Person, url: str) -> float:
        """The instant at which a portal first refuses somebody."""
        while True:
            if (await person.http.get(f"{url}/api/v1/runs")).status_code == 401:
                return asyncio.get_running_loop().time()

    async def seconds_to_refusal(self, person: Person) -> tuple[float, list[float]]:
        """Logs out at the provider. The seconds until every API refused, and until every stream ended."""
        streams = await self.streams(person)
        apis = [asyncio.create_task(self.refused(person, url)) for url in self.urls]
        began = asyncio.get_running_loop().time()
        await person.at_provider.log_out()
        async with asyncio.timeout(30):
            refused = max(await asyncio.gather(*apis))
            ended = await asyncio.gather(*streams)
        return refused - began, [at - began for at in ended]


@asynccontextmanager
async def running_replicas(database_url: str, folder: Path, count: int = 2) -> AsyncIterator[Replicas]:
    """So many real portals, and the real provider before them. One portal needs no database server."""
    ports = [_free_port() for _ in range(count)]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    callback, backchannel = f"{urls[0]}/login/callback/company", f"{urls[0]}/login/backchannel/company"
    accounts = {name: {"groups": ["sre"]} for name in ("alice", "bob")}
    async with AsyncExitStack() as stack:
        idp = await stack.enter_async_context(
            running_idp([callback], backchannel, post_logout_uris=[f"{urls[0]}/login"], accounts=accounts)
        )
        (folder / "slo").mkdir()
        (folder / "slo" / "shop.yaml").write_text(SLO)
        (folder / "secret").write_text(CLIENT_SECRET)
        access = ACCESS.format(issuer=idp.issuer, client=CLIENT_ID, secret=folder / "secret")
        (folder / "access.yaml").write_text(access)
        told = {
            "SRE_PORTAL_DATABASE_URL": database_url.replace("+psycopg", ""),
            "SRE_PORTAL_SECRET_KEY": b64encode(token_bytes(32)).decode(),
            "SRE_PORTAL_ADMIN_TOKEN": ADMIN,
            "SRE_PORTAL_ACCESS_FILE": str(folder / "access.yaml"),
            "SRE_PORTAL_SLO_DIRS": str(folder / "slo"),
            "SRE_PORTAL_PUBLIC_URL": urls[0],
            "SRE_PORTAL_OUTWARD_ALLOW": "127.0.0.0/8",
            "SRE_PORTAL_TRUSTED_PROXIES": "127.0.0.1",
        }
        for number, port in enumerate(ports):
            await stack.enter_async_context(_portal(port, told, folder / f"data-{number}"))
        yield Replicas(urls, idp)


@asynccontextmanager
async def _portal(port: int, told: dict[str, str], folder: Path) -> AsyncIterator[None]:
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sre_portal.cli.app",
        "serve",
        "--json",
        "--port",
        str(port),
        "--data-dir",
        str(folder),
        env={**os.environ, **told},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert program.stdout is not None
        line = await asyncio.wait_for(program.stdout.readline(), 30)
        if not line.rstrip().endswith(b"}"):  # why it did not start, over several lines
            raise RuntimeError((line + await program.stdout.read()).decode())
        ready = json.loads(line)
        assert "login" not in ready, "login links are off where there is a provider"
        yield
    finally:
        if program.returncode is None:
            program.terminate()
        await program.wait()


async def _read(http: httpx2.AsyncClient, url: str, opened: asyncio.Event) -> float:
    async with http.stream("GET", f"{url}{STREAM}", timeout=60) as stream:
        assert stream.status_code == 200, stream.status_code
        async for _ in stream.aiter_bytes():
            opened.set()
    return asyncio.get_running_loop().time()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
