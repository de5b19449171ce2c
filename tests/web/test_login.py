"""Logging in at a provider and out again, through the whole application."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from sre_portal.core.access import Grant, Role
from sre_portal.core.account import GivenGrant
from sre_portal.operations.renewal import ask_providers_again
from sre_portal.web.cookies import LOGIN, SESSION
from tests.providers.forge import sign
from tests.web.door import csrf_in
from tests.web.entrance import BACKCHANNEL, CALLBACK, URL, Entrance


async def test_who_comes_back_from_the_provider_is_logged_in(entrance: Entrance) -> None:
    browser = entrance.stranger()
    query = await entrance.begin(browser, "/runs?page=2")
    answer = await entrance.come_back(browser, query)
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs?page=2")
    page = await browser.get("/")
    assert page.status_code == 200
    assert "alice" in page.text
    event = await entrance.last()
    assert (event.action, event.outcome, event.actor) == ("session:open", "done", "alice")
    assert event.actor_id == f"{entrance.forge.issuer}#alice"
    assert "of alice (account:" in event.detail


async def test_the_request_to_the_provider_is_bound_to_this_browser(entrance: Entrance) -> None:
    browser = entrance.stranger()
    sent = await browser.get("/login/with/forge")
    asked = parse_qs(urlsplit(sent.headers["location"]).query)
    assert asked["redirect_uri"] == [f"{URL}{CALLBACK}"]
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["state"][0]) >= 43
    assert len(asked["nonce"][0]) >= 43
    cookie = sent.headers["set-cookie"]
    assert cookie.startswith(f"{LOGIN}=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert asked["state"][0] not in cookie


async def test_a_callback_in_another_browser_is_refused(entrance: Entrance) -> None:
    victim, thief = entrance.stranger(), entrance.stranger()
    query = await entrance.begin(victim)
    await entrance.begin(thief)
    answer = await entrance.come_back(thief, query)
    assert answer.status_code == 403
    assert SESSION not in answer.headers.get("set-cookie", "")
    event = await entrance.last()
    assert (event.outcome, event.detail) == ("denied", "browser: another browser began this login")


async def test_a_callback_is_good_once(entrance: Entrance) -> None:
    browser = entrance.stranger()
    query = await entrance.begin(browser)
    assert (await entrance.come_back(browser, query)).status_code == 303
    answer = await entrance.come_back(browser, query)
    assert answer.status_code == 403
    assert (await entrance.last()).detail == "state: unknown, used before, or too old"


async def test_a_login_that_took_too_long_is_refused(entrance: Entrance) -> None:
    browser = entrance.stranger()
    query = await entrance.begin(browser)
    entrance.world.clock.move(601)
    assert (await entrance.come_back(browser, query)).status_code == 403


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "/\\evil.example", "/login/with/forge"]
)
async def test_nobody_is_sent_elsewhere_after_login(entrance: Entrance, to: str) -> None:
    browser = entrance.stranger()
    answer = await entrance.come_back(browser, await entrance.begin(browser, to))
    assert answer.headers["location"] == "/"


async def test_a_login_ends_the_session_that_the_browser_had_before(entrance: Entrance) -> None:
    browser = await entrance.log_in()
    planted = browser.cookies[SESSION]
    answer = await entrance.come_back(browser, await entrance.begin(browser))
    assert answer.status_code == 303
    assert browser.cookies[SESSION] != planted
    old = entrance.stranger()
    old.cookies.set(SESSION, planted)
    assert (await old.get("/")).status_code == 401


async def test_groups_give_roles_and_an_unknown_group_gives_none(entrance: Entrance) -> None:
    entrance.forge.claims["groups"] = ["cooks"]
    nobody = await entrance.log_in()
    assert (await nobody.get("/runs")).status_code == 403
    entrance.forge.claims["groups"] = ["admins"]
    admin = await entrance.log_in()
    assert (await admin.get("/audit")).status_code == 200
    # The first browser is of the same person, who has these groups now.
    assert (await nobody.get("/audit")).status_code == 200


async def test_a_role_counts_at_once_and_comes_with_a_new_secret(entrance: Entrance) -> None:
    browser = await entrance.log_in()
    assert (await browser.get("/audit")).status_code == 403
    before = browser.cookies[SESSION]
    alice = (await entrance.world.ports.accounts.named("alice"))[0]
    given = GivenGrant(0, alice.id, Grant(Role.ADMIN), "on call", "ada", entrance.world.clock.now())
    grant_id = await entrance.world.ports.accounts.give(given)
    assert (await browser.get("/audit")).status_code == 200
    assert browser.cookies[SESSION] != before
    late = entrance.stranger()
    late.cookies.set(SESSION, before)
    assert (await late.get("/")).status_code == 200  # a request that was under way
    assert SESSION not in (await late.get("/")).headers.get("set-cookie", "")
    entrance.world.clock.move(301)
    assert (await late.get("/")).status_code == 401
    await entrance.world.ports.accounts.withdraw(grant_id)
    assert (await browser.get("/audit")).status_code == 403


async def test_an_answer_with_the_new_secret_may_be_lost(entrance: Entrance) -> None:
    browser = await entrance.log_in()
    old = browser.cookies[SESSION]
    alice = (await entrance.world.ports.accounts.named("alice"))[0]
    given = GivenGrant(0, alice.id, Grant(Role.ADMIN), "on call", "ada", entrance.world.clock.now())
    await entrance.world.ports.accounts.give(given)
    await browser.get("/")
    browser.cookies.set(SESSION, old, domain="portal.test")  # as if the answer had never come
    entrance.world.clock.move(60)
    assert (await browser.get("/")).status_code == 200
    entrance.world.clock.move(600)
    fresh = entrance.stranger()
    fresh.cookies.set(SESSION, [one.value for one in browser.cookies.jar if one.value != old][-1] or "")
    assert (await fresh.get("/")).status_code == 200


async def test_a_logout_of_the_person_reaches_a_login_under_way_and_no_later_one(entrance: Entrance) -> None:
    browser = entrance.stranger()
    query = await entrance.begin(browser)
    claims = {name: value for name, value in entrance.forge.logout_claims().items() if name != "sid"}
    entrance.world.clock.move(1)
    assert (await entrance.tell_logout(sign(claims, typ="logout+jwt"))).status_code == 200
    assert (await entrance.come_back(browser, query)).status_code == 403
    entrance.world.clock.move(1)
    await entrance.log_in()


async def test_a_logout_that_comes_while_the_login_is_written_ends_it(entrance: Entrance) -> None:
    async def log_out() -> None:
        await entrance.tell_logout()

    browser = entrance.stranger()
    query = await entrance.begin(browser)
    entrance.world.meddle("accounts", "log_in", log_out)
    entrance.door.app.state.ports = entrance.world.ports
    assert (await entrance.come_back(browser, query)).status_code == 403
    assert (await browser.get("/")).status_code == 401


async def test_a_blocked_account_cannot_log_in(entrance: Entrance) -> None:
    await entrance.log_in()
    alice = (await entrance.world.ports.accounts.named("alice"))[0]
    await entrance.world.ports.accounts.block(alice.id, blocked=True)
    browser = entrance.stranger()
    answer = await entrance.come_back(browser, await entrance.begin(browser))
    assert answer.status_code == 403
    assert "blocked" in answer.text
    assert (await entrance.last()).outcome == "denied"


async def test_logging_out_ends_the_session_here_and_leads_to_the_provider(entrance: Entrance) -> None:
    browser = await entrance.log_in()
    csrf = csrf_in((await browser.get("/")).text)
    secret = browser.cookies[SESSION]
    answer = await browser.post("/logout", data={"csrf": csrf})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{entrance.forge.issuer}/logout?")
    assert parse_qs(urlsplit(answer.headers["location"]).query)["post_logout_redirect_uri"] == [
        f"{URL}/login"
    ]
    browser.cookies.set(SESSION, secret)
    assert (await browser.get("/")).status_code == 401


async def test_logging_out_needs_no_provider(entrance: Entrance) -> None:
    browser = await entrance.log_in()
    csrf = csrf_in((await browser.get("/")).text)
    entrance.forge.down = True
    entrance.world.clock.move(3600)
    answer = await browser.post("/logout", data={"csrf": csrf})
    assert answer.status_code == 303
    assert (await browser.get("/")).status_code == 401


async def test_sign_out_everywhere_ends_every_session_of_the_person(entrance: Entrance) -> None:
    one, other = await entrance.log_in(), await entrance.log_in()
    csrf = csrf_in((await one.get("/")).text)
    assert (await one.post("/logout/everywhere", data={"csrf": csrf})).status_code == 303
    assert (await other.get("/")).status_code == 401


async def test_a_logout_at_the_provider_ends_the_session_here(entrance: Entrance) -> None:
    browser = await entrance.log_in()
    answer = await entrance.tell_logout()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert (await browser.get("/")).status_code == 401
    event = await entrance.last()
    assert (event.action, event.outcome) == ("session:end", "done")
    assert event.detail.startswith("1 sessions: ")


async def test_a_logout_of_another_session_leaves_this_one(entrance: Entrance) -> None:
    browser = await entrance.log_in()
    claims = entrance.forge.logout_claims() | {"sid": "another session"}
    assert (await entrance.tell_logout(sign(claims, typ="logout+jwt"))).status_code == 200
    assert (await browser.get("/")).status_code == 200


async def test_a_logout_of_the_person_ends_all_their_sessions(entrance: Entrance) -> None:
    browsers = [await entrance.log_in(), await entrance.log_in()]
    claims = {name: value for name, value in entrance.forge.logout_claims().items() if name != "sid"}
    assert (await entrance.tell_logout(sign(claims, typ="logout+jwt"))).status_code == 200
    assert [(await one.get("/")).status_code for one in browsers] == [401, 401]


async def test_a_logout_token_is_good_once(entrance: Entrance) -> None:
    token = sign(entrance.forge.logout_claims(), typ="logout+jwt")
    assert (await entrance.tell_logout(token)).status_code == 200
    entrance.forge.session_id = "the next session of alice"
    browser = await entrance.log_in()
    answer = await entrance.tell_logout(token)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
    assert (await browser.get("/")).status_code == 200
    event = await entrance.last()
    assert (event.outcome, event.detail) == ("denied", "jti: this logout token was shown before")


async def test_a_login_that_was_under_way_when_the_provider_ended_its_session_is_refused(
    entrance: Entrance,
) -> None:
    browser = entrance.stranger()
    query = await entrance.begin(browser)
    assert (await entrance.tell_logout()).status_code == 200
    answer = await entrance.come_back(browser, query)
    assert answer.status_code == 403
    assert (await entrance.last()).detail == "sid: the provider has ended this session meanwhile"


async def test_a_logout_that_could_not_be_obeyed_may_be_told_again(entrance: Entrance) -> None:
    browser = await entrance.log_in()
    token = sign(entrance.forge.logout_claims(), typ="logout+jwt")
    ports = entrance.world.ports
    entrance.world.fail("sessions", "end")
    entrance.door.app.state.ports = entrance.world.ports
    assert (await entrance.tell_logout(token)).status_code == 503
    entrance.door.app.state.ports = ports
    assert (await entrance.tell_logout(token)).status_code == 200
    assert (await browser.get("/")).status_code == 401


@pytest.mark.parametrize("body", [{}, {"logout_token": ""}, {"logout_token": ["a", "b"]}, {"other": "x"}])
async def test_a_logout_without_one_token_is_refused(entrance: Entrance, body: dict[str, object]) -> None:
    answer = await entrance.door.client().post(BACKCHANNEL, data=body)
    assert answer.status_code == 400
    assert (await entrance.last()).outcome == "denied"


async def test_an_unknown_provider_is_not_found(entrance: Entrance) -> None:
    for path in ("/login/with/other", "/login/callback/other?state=x"):
        assert (await entrance.stranger().get(path)).status_code == 404
    assert (await entrance.door.client().post("/login/backchannel/other", data={})).status_code == 404


async def test_a_provider_that_is_down_leaves_sessions_working_and_says_so(entrance: Entrance) -> None:
    browser = await entrance.log_in()
    entrance.forge.down = True
    entrance.world.clock.move(3601)  # what was remembered of it is old
    assert (await browser.get("/")).status_code == 200
    page = await entrance.stranger().get("/login")
    assert "does not answer right now" in page.text
    refused = entrance.stranger()
    answer = await refused.get("/login/with/forge")
    assert answer.status_code in {303, 502}


async def test_groups_are_asked_for_again_while_a_session_lasts(entrance: Entrance) -> None:
    browser = await entrance.log_in()
    entrance.world.clock.move(301)
    entrance.forge.claims["groups"] = ["admins"]
    await ask_providers_again(entrance.world.ports)
    assert (await browser.get("/audit")).status_code == 200


async def test_an_older_session_takes_nothing_away_that_a_newer_login_brought(entrance: Entrance) -> None:
    entrance.forge.claims["groups"] = []
    older = await entrance.log_in()
    entrance.world.clock.move(1)
    entrance.forge.claims["groups"] = ["admins"]
    newer = await entrance.log_in()
    alice = (await entrance.world.ports.accounts.named("alice"))[0]
    assert len(await entrance.world.ports.sessions.of_account(alice.id)) == 2
    entrance.world.clock.move(301)
    await ask_providers_again(entrance.world.ports)
    assert (await entrance.world.ports.accounts.get(alice.id)).groups == ("admins",)
    assert [(await one.get("/audit")).status_code for one in (older, newer)] == [200, 200]


async def test_who_has_no_role_is_shown_who_they_are_here(entrance: Entrance) -> None:
    entrance.forge.claims["groups"] = ["cooks"]
    nobody = await entrance.log_in()
    answer = await nobody.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    page = (await nobody.get("/account")).text
    assert "cooks" in page
    assert 'href="/services"' not in page


async def test_a_session_ends_when_the_provider_says_that_it_is_over(entrance: Entrance) -> None:
    browser = await entrance.log_in()
    entrance.world.clock.move(301)
    entrance.forge.answer = {"error": "invalid_grant"}
    await ask_providers_again(entrance.world.ports)
    assert (await browser.get("/")).status_code == 401
    event = await entrance.last()
    assert (event.actor, event.action) == ("provider forge", "session:end")


async def test_a_provider_that_cannot_be_asked_again_ends_nothing(entrance: Entrance) -> None:
    browser = await entrance.log_in()
    entrance.world.clock.move(301)
    entrance.forge.down = True
    await ask_providers_again(entrance.world.ports)
    assert (await browser.get("/")).status_code == 200


async def test_no_session_of_one_person_becomes_that_of_another(entrance: Entrance) -> None:
    browser = await entrance.log_in()
    entrance.world.clock.move(301)
    entrance.forge.subject = "mallory"
    await ask_providers_again(entrance.world.ports)
    assert (await browser.get("/")).status_code == 401


async def test_what_the_provider_gave_is_not_readable_in_the_database(entrance: Entrance) -> None:
    await entrance.log_in()
    alice = (await entrance.world.ports.accounts.named("alice"))[0]
    session = (await entrance.world.ports.sessions.of_account(alice.id))[0]
    kept = await entrance.world.ports.sessions.secrets(session.id)
    assert kept.id_token
    assert kept.refresh_token
    assert "eyJ" not in kept.id_token
    opened = entrance.world.ports.keys.unseal(kept.id_token)
    assert opened is not None
    assert opened.count(".") == 2


async def test_a_session_ends_when_it_is_not_used_and_when_it_is_old(entrance: Entrance) -> None:
    browser = await entrance.log_in()
    for _ in range(7):
        entrance.world.clock.move(100 * 60)
        assert (await browser.get("/")).status_code == 200
        await _settled(entrance)
    entrance.world.clock.move(21 * 60)
    assert (await browser.get("/")).status_code == 401  # twelve hours after the login
    idle = await entrance.log_in()
    entrance.world.clock.move(121 * 60)
    assert (await idle.get("/")).status_code == 401


async def test_login_links_can_be_switched_off(entrance: Entrance) -> None:
    ports = entrance.world.ports
    entrance.door.app.state.ports = replace(ports, policy=replace(ports.policy, links=False))
    answer: httpx2.Response = await entrance.stranger().get("/login", params={"token": "x" * 43})
    assert answer.status_code == 401
    assert (await entrance.last()).detail == "login links are off here: log in at a provider"


async def _settled(entrance: Entrance) -> None:
    """What goes on behind the answers is done."""
    for task in tuple(entrance.world.ports.watch.behind):
        await task
