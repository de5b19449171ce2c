"""The whole of a login against oidc-provider, a certified OpenID Connect provider."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sre_portal.clients.clock import SystemClock
from sre_portal.clients.oidc import OidcLogin
from sre_portal.clients.outward import Outward
from sre_portal.core.errors import LoginRefused, ProviderUnavailable
from sre_portal.core.login import Attempt, Identity
from sre_portal.core.provider import OidcProvider
from tests.providers.idp import CLIENT_ID, CLIENT_SECRET, Browser, Idp, query_of, running_idp
from tests.providers.served import served

CALLBACK = "http://127.0.0.1:9/callback"
AFTERWARDS = "http://127.0.0.1:9/logged-out"
ALICE = {"groups": ["sre", "dev"], "email": "alice@example.org", "email_verified": True}


@dataclass
class Portal:
    """What of the portal a provider sees: a client, and where logouts are told."""

    idp: Idp
    login: OidcLogin
    logout_tokens: list[str]

    async def log_in(self, browser: Browser) -> Identity:
        attempt, callback = await self.called_back(browser)
        return await self.login.finish(attempt, query_of(callback))

    async def called_back(self, browser: Browser) -> tuple[Attempt, str]:
        url, attempt = await self.login.begin(CALLBACK, "/")
        return attempt, await browser.log_in(url)


@pytest.fixture
async def portal(outward: Outward) -> AsyncIterator[Portal]:
    told: list[str] = []

    async def hear(request: Request) -> Response:
        told.append(str((await request.form())["logout_token"]))
        return Response()

    app = Starlette(routes=[Route("/backchannel", hear, methods=["POST"])])
    async with (
        served(app) as address,
        running_idp(
            [CALLBACK],
            f"{address}/backchannel",
            post_logout_uris=[AFTERWARDS],
            accounts={"alice": ALICE},
        ) as idp,
    ):
        provider = OidcProvider(
            type="oidc",
            name="idp",
            issuer=idp.issuer,
            client_id=CLIENT_ID,
            scopes=("openid", "profile", "email", "groups"),
        )
        yield Portal(idp, OidcLogin(provider, CLIENT_SECRET, outward, SystemClock()), told)


async def test_a_login_brings_name_groups_and_verified_email(portal: Portal) -> None:
    who = await portal.log_in(portal.idp.browser("alice"))
    assert (who.issuer, who.subject, who.name) == (portal.idp.issuer, "alice", "alice")
    assert (who.groups, who.email) == (("sre", "dev"), "alice@example.org")
    assert who.session_id
    assert who.refresh_token


async def test_a_code_is_good_once(portal: Portal) -> None:
    attempt, callback = await portal.called_back(portal.idp.browser("alice"))
    await portal.login.finish(attempt, query_of(callback))
    with pytest.raises(LoginRefused) as refused:
        await portal.login.finish(attempt, query_of(callback))
    assert refused.value.reason == 'code: the provider answers "invalid_grant"'


async def test_a_code_is_of_no_use_without_the_verifier_of_its_login(portal: Portal) -> None:
    browser = portal.idp.browser("mallory")
    _, stolen = await portal.called_back(browser)
    victim, own = await portal.called_back(portal.idp.browser("alice"))
    mixed = {**query_of(own), "code": query_of(stolen)["code"]}
    with pytest.raises(LoginRefused) as refused:
        await portal.login.finish(victim, mixed)
    assert refused.value.check == "code"


async def test_a_login_that_is_given_up_is_told_as_that(portal: Portal) -> None:
    url, attempt = await portal.login.begin(CALLBACK, "/")
    callback = await portal.idp.browser("alice").cancel(url)
    with pytest.raises(LoginRefused, match="was ended at the provider") as refused:
        await portal.login.finish(attempt, query_of(callback))
    assert refused.value.reason == 'error: the provider answered "access_denied"'


async def test_a_new_signing_key_is_found(portal: Portal) -> None:
    browser = portal.idp.browser("alice")
    await portal.log_in(browser)
    await portal.idp.rotate_keys()
    assert (await portal.log_in(browser)).subject == "alice"


async def test_a_refresh_shows_changed_groups_and_a_new_refresh_token_works(portal: Portal) -> None:
    who = await portal.log_in(portal.idp.browser("alice"))
    await portal.idp.change(accounts={"alice": {"groups": ["dev"]}})
    again = await portal.login.refresh(who.refresh_token)
    assert again is not None
    assert (again.subject, again.groups) == ("alice", ("dev",))
    assert await portal.login.refresh(again.refresh_token) is not None


async def test_a_logout_at_the_provider_is_told_and_ends_the_refresh(portal: Portal) -> None:
    browser = portal.idp.browser("alice")
    who = await portal.log_in(browser)
    await browser.log_out()
    (token,) = portal.logout_tokens
    claim = await portal.login.logout_claim(token)
    assert (claim.issuer, claim.session_id) == (who.issuer, who.session_id)
    assert claim.jti
    assert await portal.login.refresh(who.refresh_token) is None


async def test_a_logout_begun_here_ends_at_the_page_that_was_asked_for(portal: Portal) -> None:
    browser = portal.idp.browser("alice")
    who = await portal.log_in(browser)
    url = await portal.login.logout_url(who.id_token, AFTERWARDS, "the state")
    assert await browser.log_out(url or "") == f"{AFTERWARDS}?state=the+state"


async def test_groups_in_the_id_token_need_no_userinfo(portal: Portal) -> None:
    await portal.idp.change(groupsInIdToken=True)
    who = await portal.log_in(portal.idp.browser("alice"))
    assert who.groups == ("sre", "dev")


async def test_a_provider_that_died_is_unavailable(outward: Outward) -> None:
    async with running_idp([CALLBACK]) as idp:
        provider = OidcProvider(type="oidc", name="idp", issuer=idp.issuer, client_id=CLIENT_ID)
        login = OidcLogin(provider, CLIENT_SECRET, outward, SystemClock())
        url, attempt = await login.begin(CALLBACK, "/")
        callback = await idp.browser("alice").log_in(url)
    with pytest.raises(ProviderUnavailable):
        await login.finish(attempt, query_of(callback))
    assert await login.ready() == "idp does not answer right now. Whoever is logged in stays logged in."
