"""What the client asks of a provider, and how it bears one that is slow, down, or says odd things."""

import asyncio
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from sre_portal.clients.oidc import OidcLogin
from sre_portal.clients.outward import Outward
from sre_portal.core.errors import LoginRefused, ProviderUnavailable
from sre_portal.core.id_token import half_hash
from sre_portal.core.outward import OutwardRule
from tests.clients.conftest import CALLBACK, Stage
from tests.providers.forge import ELLIPTIC, EVIL, Claims, Forge, sign
from tests.providers.hostile import claiming
from tests.providers.idp import query_of

GONE = "forge does not answer right now. Whoever is logged in stays logged in."


async def test_a_login_asks_with_pkce_state_and_nonce(stage: Stage) -> None:
    url, attempt = await stage.login.begin(CALLBACK, "/runs")
    asked = {name: values[0] for name, values in query_of(url).items()}
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert (asked["state"], asked["nonce"]) == (attempt.state, attempt.nonce)
    assert asked["redirect_uri"] == CALLBACK
    assert asked["scope"] == "openid profile email"
    assert attempt.verifier not in url
    assert all(len(one) >= 43 for one in (attempt.state, attempt.nonce, attempt.verifier))


async def test_two_logins_share_no_secret(stage: Stage) -> None:
    _, first = await stage.login.begin(CALLBACK, "/")
    _, second = await stage.login.begin(CALLBACK, "/")
    secrets = {first.state, first.nonce, first.verifier, second.state, second.nonce, second.verifier}
    assert len(secrets) == 6


async def test_no_secret_is_shown_by_repr(stage: Stage) -> None:
    attempt, query = await stage.begin()
    who = await stage.login.finish(attempt, query)
    shown = f"{attempt!r} {who!r} {vars(stage.login)!r}"
    secrets = (attempt.state, attempt.nonce, attempt.verifier, who.id_token, who.refresh_token)
    assert [one for one in (*secrets, "the secret of the portal") if one in shown] == []


async def test_groups_in_the_token_are_enough(stage: Stage) -> None:
    await stage.log_in()
    assert "userinfo" not in stage.forge.asked


async def test_userinfo_is_asked_where_the_token_has_no_groups(stage: Stage) -> None:
    stage.forge.claims = {"preferred_username": "alice"}
    stage.forge.userinfo = {"groups": ["sre", "dev"], "email": "alice@example.org", "email_verified": True}
    who = await stage.log_in()
    assert (who.groups, who.email) == (("sre", "dev"), "alice@example.org")


async def test_userinfo_about_somebody_else_is_refused(stage: Stage) -> None:
    stage.forge.claims = {}
    stage.forge.userinfo = {"sub": "mallory", "groups": ["admin"]}
    with pytest.raises(LoginRefused) as refused:
        await stage.log_in()
    assert refused.value.reason == "userinfo: it is about somebody else"


async def test_groups_that_cannot_be_read_are_not_taken_for_none(stage: Stage) -> None:
    stage.forge.claims = {}
    stage.forge.userinfo = {"sub": 7}
    with pytest.raises(ProviderUnavailable) as failed:
        await stage.log_in()
    assert failed.value.reason == "its userinfo names nobody"


@pytest.mark.parametrize(
    ("claims", "path", "groups"),
    [
        ({"realm_access": {"roles": ["admin"]}}, "realm_access.roles", ("admin",)),
        ({"https://example.org/groups": ["a", "b", "a"]}, "https://example.org/groups", ("a", "b")),
        ({"role": "admin"}, "role", ("admin",)),
        ({"groups": []}, "groups", ()),
        ({"groups": ["admin"]}, "", ()),
    ],
)
async def test_groups_are_found_where_the_document_says(
    stage: Stage, claims: Claims, path: str, groups: tuple[str, ...]
) -> None:
    stage.forge.claims = claims
    stage.login = stage.client(groupsClaim=path)
    assert (await stage.log_in()).groups == groups


@pytest.mark.parametrize(
    ("claims", "trusted", "email"),
    [
        ({"email": "a@example.org", "email_verified": True}, False, "a@example.org"),
        ({"email": "a@example.org", "email_verified": False}, False, ""),
        ({"email": "a@example.org", "email_verified": False}, True, ""),
        ({"email": "a@example.org", "email_verified": "true"}, False, ""),
        ({"email": "a@example.org"}, False, ""),
        ({"email": "a@example.org"}, True, "a@example.org"),
        ({"email": ["a@example.org"], "email_verified": True}, True, ""),
    ],
)
async def test_an_email_counts_only_if_it_is_verified(
    stage: Stage, *, claims: Claims, trusted: bool, email: str
) -> None:
    stage.forge.claims = claims
    stage.login = stage.client(trustEmail=trusted, groupsClaim="")
    assert (await stage.log_in()).email == email


async def test_who_lacks_a_required_claim_is_told_so(stage: Stage) -> None:
    stage.login = stage.client(requireClaims={"hd": ["example.com"]})
    stage.forge.claims |= {"hd": "example.com"}
    assert (await stage.log_in()).subject == "alice"
    stage.forge.claims |= {"hd": "evil.example"}
    with pytest.raises(LoginRefused, match="not one of those that may log in") as refused:
        await stage.log_in()
    assert refused.value.reason == 'requireClaims: hd is "evil.example"'


async def test_a_name_is_printable_and_short(stage: Stage) -> None:
    stage.forge.claims |= {"preferred_username": "\x1b[31malice\n" + "a" * 500}
    assert (await stage.log_in()).name == "\ufffd[31malice\ufffd" + "a" * 89


async def test_hashes_of_the_same_answer_are_believed(stage: Stage) -> None:
    stage.forge.forge = claiming(at_hash=half_hash("access", "RS256"))
    assert (await stage.log_in()).subject == "alice"


async def test_a_token_for_several_clients_is_believed_if_this_one_asked(stage: Stage) -> None:
    stage.forge.forge = claiming(aud=["other", "sre-portal"], azp="sre-portal")
    assert (await stage.log_in()).subject == "alice"


async def test_another_algorithm_of_the_provider_is_believed(stage: Stage) -> None:
    stage.forge.forge = lambda _, claims: sign(claims, ELLIPTIC, "ES256")
    assert (await stage.log_in()).subject == "alice"


async def test_a_clock_that_is_a_little_off_is_borne(stage: Stage) -> None:
    stage.forge.forge = claiming(exp=int(stage.watch.now().timestamp()) - 29)
    assert (await stage.log_in()).subject == "alice"
    stage.forge.forge = claiming(exp=int(stage.watch.now().timestamp()) - 30)
    with pytest.raises(LoginRefused):
        await stage.log_in()


async def test_a_new_key_is_found_at_once_and_invented_ones_are_not_asked_for_again_and_again(
    stage: Stage,
) -> None:
    await stage.log_in()
    stage.forge.keys = [EVIL]  # the provider's from now on, under a new name
    stage.forge.forge = lambda _, claims: sign(claims, EVIL)
    with pytest.raises(LoginRefused):
        await stage.log_in()  # the old key of the same name is still believed in
    stage.forge.keys = [ELLIPTIC]
    stage.forge.forge = lambda _, claims: sign(claims, ELLIPTIC, "ES256", kid="new")
    stage.forge.asked.clear()
    for _ in range(5):
        with pytest.raises(LoginRefused):
            await stage.log_in()
    assert stage.forge.asked.count("keys") == 1
    stage.watch.move(10)
    with pytest.raises(LoginRefused):
        await stage.log_in()
    assert stage.forge.asked.count("keys") == 2


async def test_discovery_and_keys_are_remembered_for_an_hour(stage: Stage) -> None:
    await stage.log_in()
    await stage.log_in()
    assert (stage.forge.asked.count("discovery"), stage.forge.asked.count("keys")) == (1, 1)
    stage.watch.move(3600)
    await stage.log_in()
    assert (stage.forge.asked.count("discovery"), stage.forge.asked.count("keys")) == (2, 2)


async def test_old_documents_serve_while_the_provider_is_down(stage: Stage) -> None:
    token = sign(stage.forge.logout_claims() | {"exp": int(stage.watch.now().timestamp()) + 3600})
    await stage.login.logout_claim(token)
    stage.watch.move(3600)
    stage.forge.down = True
    fresh = sign(stage.forge.logout_claims())
    assert (await stage.login.logout_claim(fresh)).subject == "alice"
    url, _ = await stage.login.begin(CALLBACK, "/")
    assert urlsplit(url).path == "/authorize"


async def test_a_provider_that_was_never_reached_is_unavailable(stage: Stage) -> None:
    stage.forge.down = True
    with pytest.raises(ProviderUnavailable) as failed:
        await stage.login.begin(CALLBACK, "/")
    assert failed.value.retryable
    assert str(failed.value) == "forge cannot be asked now."


@pytest.mark.parametrize(
    ("discovery", "reason"),
    [
        ({"issuer": "https://evil.example"}, 'is of the issuer "https://evil.example"'),
        ({"issuer": None}, "is of the issuer nothing"),
        ({"token_endpoint": "http://evil.example/token"}, "token_endpoint of the discovery document"),
        ({"token_endpoint": None}, "token_endpoint of the discovery document is nothing"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri of the discovery document"),
        ({"jwks_uri": ["https://evil.example"]}, "jwks_uri of the discovery document is a list"),
        ({"userinfo_endpoint": "javascript:alert(1)"}, "userinfo_endpoint of the discovery document"),
        ({"code_challenge_methods_supported": ["plain"]}, "does not support PKCE"),
        ({"response_types_supported": ["id_token"]}, "does not support the code flow"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "signs with none of"),
        ({"id_token_signing_alg_values_supported": "RS256"}, "is not a list of texts"),
        ({"padding": "a" * 300_000}, "sent more than 262144 bytes"),
    ],
)
async def test_a_discovery_document_that_is_not_sound_is_refused(
    stage: Stage, discovery: Claims, reason: str
) -> None:
    stage.forge.discovery = discovery
    with pytest.raises(ProviderUnavailable) as failed:
        await stage.login.begin(CALLBACK, "/")
    assert reason in failed.value.reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"token_type": "mac"}, "sends an access_token that cannot be used"),
        ({"access_token": None}, "sends no access_token"),
        ({"access_token": "a\r\nX-Injected: 1"}, "sends no access_token"),
    ],
)
async def test_a_token_answer_that_is_not_sound_is_refused(stage: Stage, answer: Claims, reason: str) -> None:
    stage.forge.answer = answer
    with pytest.raises(ProviderUnavailable) as failed:
        await stage.log_in()
    assert reason in failed.value.reason


async def test_an_answer_without_an_id_token_is_refused(stage: Stage) -> None:
    stage.forge.answer = {"id_token": None}
    with pytest.raises(LoginRefused) as refused:
        await stage.log_in()
    assert refused.value.reason == "id_token: the provider sends none"


async def test_a_wrong_client_secret_is_no_fault_of_the_person(stage: Stage) -> None:
    stage.login = stage.client(secret="wrong")
    with pytest.raises(ProviderUnavailable, match="tell an administrator") as failed:
        await stage.log_in()
    assert failed.value.reason == 'its token endpoint answered "invalid_client"'


async def test_a_refresh_shows_the_person_as_they_are_now(stage: Stage) -> None:
    who = await stage.log_in()
    stage.forge.claims |= {"groups": ["dev"]}
    stage.forge.answer = {"refresh_token": "refresh-2"}
    again = await stage.login.refresh(who.refresh_token)
    assert again is not None
    assert (again.subject, again.groups, again.refresh_token) == ("alice", ("dev",), "refresh-2")


async def test_a_refresh_without_an_id_token_asks_userinfo(stage: Stage) -> None:
    who = await stage.log_in()
    stage.forge.answer = {"id_token": None, "refresh_token": None}
    stage.forge.userinfo = {"groups": ["dev"]}
    again = await stage.login.refresh(who.refresh_token)
    assert again is not None
    assert (again.subject, again.groups, again.refresh_token) == ("alice", ("dev",), who.refresh_token)


async def test_a_refused_refresh_ends_the_session_and_a_provider_that_is_down_does_not(stage: Stage) -> None:
    await stage.log_in()
    assert await stage.login.refresh("revoked") is None
    stage.forge.down = True
    with pytest.raises(ProviderUnavailable):
        await stage.login.refresh("refresh-1")


async def test_a_logout_address_names_the_portal_and_leaves_a_long_token_out(stage: Stage) -> None:
    url = await stage.login.logout_url("a.b.c", "https://portal.example/", "state")
    assert query_of(url or "") == {
        "client_id": ["sre-portal"],
        "post_logout_redirect_uri": ["https://portal.example/"],
        "state": ["state"],
        "id_token_hint": ["a.b.c"],
    }
    url = await stage.login.logout_url("a" * 5000, "https://portal.example/", "state")
    assert "id_token_hint" not in query_of(url or "")


async def test_a_provider_without_a_logout_page_has_no_logout_address(stage: Stage) -> None:
    stage.forge.discovery = {"end_session_endpoint": None}
    assert await stage.login.logout_url("", "https://portal.example/", "state") is None


async def test_a_logout_token_can_be_forgotten_when_its_age_refuses_it(stage: Stage) -> None:
    token = sign(stage.forge.logout_claims())
    told = await stage.login.logout_claim(token)
    stage.watch.at = told.ends_at - timedelta(milliseconds=1)
    await stage.login.logout_claim(token)
    stage.watch.at = told.ends_at
    with pytest.raises(LoginRefused):
        await stage.login.logout_claim(token)


async def test_the_login_page_is_told_when_the_provider_is_gone_and_back(stage: Stage) -> None:
    assert await stage.login.ready() == ""
    stage.forge.down = True
    assert await stage.login.ready() == "", "it answered just now"
    stage.watch.move(30)
    assert await stage.login.ready() == GONE
    stage.forge.down = False
    assert await stage.login.ready() == GONE, "it is not asked at every look"
    stage.watch.move(5)
    assert await stage.login.ready() == ""


async def test_many_looks_at_the_login_page_are_one_question(stage: Stage) -> None:
    assert set(await asyncio.gather(*(stage.login.ready() for _ in range(20)))) == {""}
    assert stage.forge.asked == ["discovery"]


async def test_a_provider_at_an_inner_address_is_not_called_unless_that_is_allowed(stage: Stage) -> None:
    async with Outward(OutwardRule()) as closed:
        login = OidcLogin(stage.login._provider, "secret", closed, stage.watch)
        with pytest.raises(ProviderUnavailable) as failed:
            await login.begin(CALLBACK, "/")
        assert "is a loopback address; SRE_PORTAL_OUTWARD_ALLOW can open it" in failed.value.reason
        assert await login.ready() == GONE


async def test_a_public_client_sends_no_secret(stage: Stage) -> None:
    seen: list[Claims] = []

    def remember(_: Forge, claims: Claims) -> str:
        seen.append(claims)
        return sign(claims)

    stage.forge.forge = remember
    stage.login = stage.client(secret="")
    with pytest.raises(ProviderUnavailable):
        await stage.log_in()
    assert seen == [], "the forge wants a secret"
