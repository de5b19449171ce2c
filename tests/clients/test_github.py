"""A login at GitHub, against a stand-in of its six endpoints."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from sre_portal.clients.github import GitHubLogin
from sre_portal.clients.outward import Outward
from sre_portal.core.errors import LoginRefused, ProviderUnavailable
from sre_portal.core.login import Attempt, Identity
from sre_portal.core.provider import GitHubProvider
from tests.clients.conftest import Watch
from tests.providers.github import CLIENT_ID, CLIENT_SECRET, GitHub, running_github
from tests.providers.hostile import Query
from tests.providers.idp import query_of

CALLBACK = "https://portal.example/login/github/callback"


@dataclass
class Desk:
    github: GitHub
    login: GitHubLogin
    outward: Outward
    watch: Watch

    def client(self, secret: str = CLIENT_SECRET, **settings: object) -> GitHubLogin:
        told = {
            "type": "github",
            "name": "github",
            "clientId": CLIENT_ID,
            "clientSecretFile": "unread",
            "webUrl": self.github.url,
            "apiUrl": self.github.url,
            "organizations": ["Example"],
        }
        provider = GitHubProvider.model_validate(told | settings)
        return GitHubLogin(provider, secret, self.outward, self.watch)

    async def begin(self) -> tuple[Attempt, Query]:
        url, attempt = await self.login.begin(CALLBACK, "/")
        answer = await self.outward.request("GET", url)
        return attempt, {name: list(values) for name, values in query_of(answer.headers["location"]).items()}

    async def log_in(self) -> Identity:
        attempt, query = await self.begin()
        return await self.login.finish(attempt, query)


@pytest.fixture
async def desk(outward: Outward, watch: Watch) -> AsyncIterator[Desk]:
    async with running_github() as github:
        desk = Desk(github, None, outward, watch)  # type: ignore[arg-type]  # set in the next line
        desk.login = desk.client()
        yield desk


async def test_a_member_comes_in_under_the_number_of_the_account(desk: Desk) -> None:
    who = await desk.log_in()
    assert (who.issuer, who.subject, who.name) == (desk.github.url, "583231", "octocat")
    assert (who.groups, who.email) == (("example", "example/sre"), "octocat@example.org")
    assert who.authenticated_at == desk.watch.now()
    assert (who.session_id, who.refresh_token) == ("", "")


async def test_who_is_in_no_organization_that_may_log_in_is_told_so(desk: Desk) -> None:
    desk.github.logged_in.organizations = ["other"]
    with pytest.raises(LoginRefused, match="not in an organization") as refused:
        await desk.log_in()
    assert refused.value.check == "organization"


async def test_a_team_of_an_organization_is_no_membership_of_it(desk: Desk) -> None:
    desk.github.logged_in.organizations = []
    with pytest.raises(LoginRefused) as refused:
        await desk.log_in()
    assert refused.value.check == "organization"


async def test_organizations_that_nobody_allowed_are_no_groups_nor_are_their_teams(
    desk: Desk,
) -> None:
    """Anybody can make an organization of a free name, and rules may mean a team by it."""
    desk.github.logged_in.organizations = ["platform", "EXAMPLE"]
    desk.github.logged_in.teams = [("platform", "sre"), ("example", "sre"), ("example-evil", "sre")]
    assert (await desk.log_in()).groups == ("EXAMPLE", "example/sre")


async def test_where_anybody_may_log_in_all_organizations_are_groups(desk: Desk) -> None:
    desk.github.logged_in.organizations = ["platform"]
    desk.login = desk.client(organizations=[], allowAnybody=True)
    assert (await desk.log_in()).groups == ("platform", "example/sre")


async def test_a_group_that_a_terminal_would_obey_is_refused(desk: Desk) -> None:
    desk.github.logged_in.teams = [("example", "\x1b[2J")]
    with pytest.raises(LoginRefused) as refused:
        await desk.log_in()
    assert refused.value.check == "groups"


async def test_anybody_comes_in_where_that_is_said(desk: Desk) -> None:
    desk.github.logged_in.organizations = []
    desk.login = desk.client(organizations=[], allowAnybody=True)
    assert (await desk.log_in()).groups == ("example/sre",)


@pytest.mark.parametrize(
    "emails",
    [
        [{"email": "a@example.org", "primary": True, "verified": False}],
        [{"email": "a@example.org", "primary": False, "verified": True}],
        [{"email": 7, "primary": True, "verified": True}],
        [{"email": "ada@\N{KELVIN SIGN}elvin.example", "primary": True, "verified": True}],
        [],
    ],
)
async def test_only_a_primary_and_verified_email_counts(desk: Desk, emails: list[dict[str, object]]) -> None:
    desk.github.logged_in.emails = emails
    assert (await desk.log_in()).email == ""


async def test_all_pages_of_organizations_are_read(desk: Desk) -> None:
    desk.github.logged_in.organizations = [f"org-{number}" for number in range(250)] + ["example"]
    assert (await desk.log_in()).groups == ("example", "example/sre")
    assert desk.github.asked.count("/user/orgs") == 3


async def test_a_list_without_an_end_is_refused(desk: Desk) -> None:
    desk.github.logged_in.teams = [("example", f"team-{number}") for number in range(1001)]
    with pytest.raises(LoginRefused) as refused:
        await desk.log_in()
    assert refused.value.reason == "groups: /user/teams has more than 1000 entries"


async def test_a_person_who_does_not_let_organizations_be_read_is_refused(desk: Desk) -> None:
    desk.github.scope = "user:email"
    with pytest.raises(LoginRefused) as refused:
        await desk.log_in()
    assert refused.value.check == "scope"


@pytest.mark.parametrize(
    "user", [{"login": "octocat"}, {"id": "1", "login": "o"}, {"id": True, "login": "o"}, [], {"id": 1}]
)
async def test_an_account_without_a_number_is_refused(desk: Desk, user: object) -> None:
    desk.github.user = user
    with pytest.raises(LoginRefused) as refused:
        await desk.log_in()
    assert refused.value.check == "id"


async def test_a_code_is_good_once_and_only_with_its_verifier(desk: Desk) -> None:
    attempt, query = await desk.begin()
    other, _ = await desk.begin()
    with pytest.raises(LoginRefused) as refused:
        await desk.login.finish(other, query | {"state": [other.state]})
    assert refused.value.reason == 'code: the provider answers "bad_verification_code"'
    with pytest.raises(LoginRefused):
        await desk.login.finish(attempt, query)


async def test_a_callback_of_another_browser_is_refused(desk: Desk) -> None:
    _, query = await desk.begin()
    other, _ = await desk.begin()
    with pytest.raises(LoginRefused) as refused:
        await desk.login.finish(other, query)
    assert refused.value.check == "state"


@pytest.mark.parametrize(("suffix", "passes"), [("", True), ("/login/oauth", True), (".evil.example", False)])
async def test_an_issuer_in_the_callback_must_be_github(desk: Desk, *, suffix: str, passes: bool) -> None:
    attempt, query = await desk.begin()
    told = query | {"iss": [f"{desk.github.url}{suffix}"]}
    if passes:
        assert (await desk.login.finish(attempt, told)).subject == "583231"
    else:
        with pytest.raises(LoginRefused) as refused:
            await desk.login.finish(attempt, told)
        assert refused.value.check == "callback iss"


async def test_a_wrong_client_secret_is_no_fault_of_the_person(desk: Desk) -> None:
    desk.login = desk.client("wrong")
    with pytest.raises(ProviderUnavailable, match="tell an administrator"):
        await desk.log_in()


async def test_github_that_is_down_is_told_on_the_login_page(desk: Desk) -> None:
    assert await desk.login.ready() == ""
    desk.github.down = True
    with pytest.raises(ProviderUnavailable, match="cannot be asked now"):
        await desk.log_in()
    assert (await desk.login.ready()).startswith("GitHub does not answer right now.")


async def test_github_has_no_logout_and_no_refresh(desk: Desk) -> None:
    assert await desk.login.refresh("any") is None
    assert await desk.login.logout_url("", "https://portal.example/", "state") is None
    with pytest.raises(LoginRefused):
        await desk.login.logout_claim("token")
