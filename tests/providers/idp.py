"""A real OpenID Connect provider for tests: the npm package oidc-provider in a process of its own.

    async with running_idp([callback], logout_uri) as idp:
        callback = await idp.browser("alice").log_in(url)

No browser is needed: `Browser` fills in the provider's own forms by HTTP and stops at the portal's callback.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("oidc_provider.mjs")
CLIENT_ID = "sre-portal"
CLIENT_SECRET = "a secret/with+signs%and:colons"

Query = Mapping[str, Sequence[str]]


def path_with_node() -> str:
    """The PATH on which node is: that of the machine, or of the wheel in .venv."""
    if not (ROOT / "node_modules" / "oidc-provider").is_dir():
        raise RuntimeError("npm packages are missing or old: run scripts/assets tools")
    found = subprocess.run(["scripts/assets", "path"], cwd=ROOT, check=True, capture_output=True, text=True)
    return found.stdout.strip().splitlines()[-1]


def query_of(address: str) -> Query:
    """The parameters of a callback address, as a `LoginProvider` takes them."""
    return parse_qs(urlsplit(address).query, keep_blank_values=True)


@dataclass
class Browser:
    """Somebody at the provider, with cookies of their own."""

    account: str
    issuer: str
    http: httpx2.AsyncClient = field(repr=False)

    async def log_in(self, url: str) -> str:
        """Follows an authorization address to its end; returns the callback address, which is not called."""
        return await self._walk(await self.http.get(url), answers={"login": self.account, "password": "any"})

    async def cancel(self, url: str) -> str:
        """Begins a login and gives it up at the provider; returns the callback address."""
        page = await self._settled(await self.http.get(url))
        return await self._walk(await self.http.get(f"{page.url}/abort"), answers={})

    async def log_out(self, url: str = "") -> str:
        """Ends the session at the provider, which tells its clients; returns where it sends the browser."""
        page = await self.http.get(url or f"{self.issuer}/session/end")
        return await self._walk(page, answers={"logout": "yes"})

    async def _walk(self, page: httpx2.Response, answers: Mapping[str, str]) -> str:
        for _ in range(20):
            if page.has_redirect_location:
                target = urljoin(str(page.url), page.headers["location"])
                if not self._is_own(target) or "/success" in target:
                    return target
                page = await self.http.get(target)
                continue
            action, fields = _form(page.text)
            page = await self.http.post(urljoin(str(page.url), action), data={**fields, **answers})
        raise RuntimeError(f"the provider leads nowhere, last to {page.url}: {page.text[:300]}")

    async def _settled(self, page: httpx2.Response) -> httpx2.Response:
        while page.has_redirect_location:
            page = await self.http.get(urljoin(str(page.url), page.headers["location"]))
        return page

    def _is_own(self, target: str) -> bool:
        return urlsplit(target).netloc == urlsplit(self.issuer).netloc


@dataclass
class Idp:
    """The running provider."""

    issuer: str
    http: httpx2.AsyncClient = field(repr=False)
    browsers: list[Browser] = field(default_factory=list)

    def browser(self, account: str) -> Browser:
        """A fresh browser of somebody. Any name is an account."""
        cookies = httpx2.AsyncClient(timeout=20, trust_env=False)
        self.browsers.append(Browser(account, self.issuer, cookies))
        return self.browsers[-1]

    async def change(self, **changes: object) -> None:
        """Changes `accounts`, `clients` or another part of the setup; sessions stay."""
        (await self.http.post(f"{self.issuer}/control", json=changes)).raise_for_status()

    async def rotate_keys(self) -> None:
        """A new signing key in place of the old one."""
        await self.change(rotate=True)


def client(
    redirect_uris: Sequence[str], backchannel_uri: str = "", post_logout_uris: Sequence[str] = ()
) -> dict[str, object]:
    """The portal, as the provider knows it."""
    told: dict[str, object] = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uris": list(redirect_uris),
        "post_logout_redirect_uris": list(post_logout_uris),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "openid profile email groups offline_access",
    }
    if backchannel_uri:
        told |= {"backchannel_logout_uri": backchannel_uri, "backchannel_logout_session_required": True}
    return told


@asynccontextmanager
async def running_idp(
    redirect_uris: Sequence[str],
    backchannel_uri: str = "",
    *,
    post_logout_uris: Sequence[str] = (),
    accounts: Mapping[str, Mapping[str, object]] | None = None,
    groups_in_id_token: bool = False,
    port: int = 0,
) -> AsyncIterator[Idp]:
    """The provider on a loopback port, free or the one named, with the portal as its client.

    `accounts` holds claims by account: `{"alice": {"groups": ["sre"], "email": "alice@example.org"}}`.
    """
    setup = {
        "clients": [client(redirect_uris, backchannel_uri, post_logout_uris)],
        "accounts": accounts or {},
        "groupsInIdToken": groups_in_id_token,
    }
    program = await asyncio.create_subprocess_exec(
        "node",
        str(SCRIPT),
        env={**os.environ, "PATH": path_with_node(), "PORT": str(port), "SETUP": json.dumps(setup)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=None,
    )
    idp: Idp | None = None
    try:
        if program.stdout is None:
            raise RuntimeError("the provider has no output")
        line = await asyncio.wait_for(program.stdout.readline(), 30)
        async with httpx2.AsyncClient(timeout=20, trust_env=False) as http:
            idp = Idp(json.loads(line)["issuer"], http)
            yield idp
    finally:
        for browser in idp.browsers if idp is not None else ():
            await browser.http.aclose()
        if program.returncode is None:
            program.kill()
        await program.wait()


class _Form(HTMLParser):
    """The first form of a page: its action and its hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "form" and self.action is None:
            self.action = told.get("action") or ""
        elif tag == "input" and told.get("type") == "hidden":
            self.fields[told.get("name") or ""] = told.get("value") or ""


def _form(page: str) -> tuple[str, Mapping[str, str]]:
    form = _Form()
    form.feed(page)
    if form.action is None:
        raise RuntimeError(f"the provider shows no form: {page[:500]}")
    return form.action, form.fields
