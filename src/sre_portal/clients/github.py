"""Login at GitHub or GitHub Enterprise Server, over OAuth2. Implements `core.ports.LoginProvider`."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence

from sre_portal.clients import oauth2
from sre_portal.clients.outward import Limits, Outward
from sre_portal.clients.upstream import Upstream, refused_by
from sre_portal.core.complaint import shown
from sre_portal.core.errors import LoginRefused
from sre_portal.core.login import (
    Attempt,
    Identity,
    LogoutClaim,
    check_callback,
    display_name,
    is_plain_address,
    printable_groups,
)
from sre_portal.core.ports import Clock
from sre_portal.core.provider import GitHubProvider

SCOPES = ("read:user", "user:email", "read:org")

PAGE = 100
MOST_PAGES = 10
"""Organizations and teams beyond 1,000 are refused: a group that is not seen must not be taken for none."""

LIMITS = Limits(body_bytes=2 * 1024 * 1024)
"""A page of 100 teams is some hundred kilobytes."""

NOT_A_MEMBER = (
    "Your GitHub account is not in an organization that may log in here, or the organization has not "
    "approved this portal."
)


class GitHubLogin:
    """One GitHub, for as long as the portal runs."""

    kind = "github"

    def __init__(self, provider: GitHubProvider, secret: str, outward: Outward, clock: Clock) -> None:
        self.name = provider.name
        self.title = provider.shown_title
        self.issuer = provider.web_url
        self._provider = provider
        self._client = oauth2.Client(provider.client_id, secret)
        self._clock = clock
        self._upstream = Upstream(self.title, outward, clock, LIMITS)

    async def begin(self, redirect_uri: str, return_to: str) -> tuple[str, Attempt]:
        """See `core.ports.LoginProvider`. GitHub ignores the nonce; the attempt has one as any other."""
        attempt = Attempt(
            self.name,
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(48),
            redirect_uri,
            return_to,
        )
        endpoint = f"{self._provider.web_url}/login/oauth/authorize"
        return oauth2.authorization_url(endpoint, self._client, SCOPES, attempt), attempt

    async def finish(self, attempt: Attempt, query: Mapping[str, Sequence[str]]) -> Identity:
        """See `core.ports.LoginProvider`."""
        if attempt.provider != self.name:
            raise LoginRefused(f"provider: the login was begun at {shown(attempt.provider)}")
        issuers = (self.issuer, f"{self.issuer}/login/oauth")
        code = check_callback(attempt, query, issuers, iss_promised=False)
        bearer = await self._bearer(code, attempt)
        user = await self._upstream.get_json(f"{self._provider.api_url}/user", bearer)
        number = user.get("id") if isinstance(user, Mapping) else None
        login = user.get("login") if isinstance(user, Mapping) else None
        if (
            not isinstance(number, int)
            or isinstance(number, bool)
            or number <= 0
            or not isinstance(login, str)
        ):
            raise LoginRefused("id: GitHub does not say which account it is")
        organizations = await self._organizations(bearer)
        self._check_member(organizations)
        groups = printable_groups(self._vouched((*organizations, *await self._teams(bearer))), "of GitHub")
        email = await self._email(bearer)
        name = display_name({"login": login}, "login", str(number))
        return Identity(self.name, self.issuer, str(number), name, email, groups, self._clock.now())

    async def refresh(self, refresh_token: str) -> Identity | None:
        """None: GitHub gives no refresh tokens, so there is nothing to renew."""
        return None

    async def logout_url(self, id_token: str, post_logout_redirect_uri: str, state: str) -> str | None:
        """None: GitHub has no such place."""
        return None

    async def logout_claim(self, logout_token: str) -> LogoutClaim:
        """Refuses: GitHub tells no logouts."""
        raise LoginRefused("provider: GitHub tells no logouts")

    async def ready(self) -> str:
        """See `core.ports.LoginProvider`. Asks the API without a token; a refusal is an answer, too."""
        return await self._upstream.ready(
            lambda seconds: self._upstream.get(f"{self._provider.api_url}/user", {}, seconds)
        )

    async def _bearer(self, code: str, attempt: Attempt) -> Mapping[str, str]:
        """The headers that show the access token of a login."""
        endpoint = f"{self._provider.web_url}/login/oauth/access_token"
        request = oauth2.code_request(endpoint, self._client, "client_secret_post", code, attempt)
        told, error = await self._upstream.tokens(request)
        if error:
            raise refused_by(error) or self._upstream.unsound(f"its token endpoint answered {shown(error)}")
        token, kind, scope = (told.get(name) for name in ("access_token", "token_type", "scope"))
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or kind != "bearer":
            raise self._upstream.unsound("its token endpoint sends no access_token")
        granted = scope.replace(",", " ").split() if isinstance(scope, str) else []
        if not {"read:org", "write:org", "admin:org"} & set(granted):
            raise LoginRefused("scope: reading organizations was not granted", NOT_A_MEMBER)
        return {"Authorization": f"Bearer {token}", "X-GitHub-Api-Version": "2022-11-28"}

    async def _email(self, bearer: Mapping[str, str]) -> str:
        async for one in self._pages("/user/emails", bearer):
            email = one.get("email")
            if one.get("primary") is True and one.get("verified") is True and isinstance(email, str):
                return email if is_plain_address(email) else ""
        return ""

    async def _organizations(self, bearer: Mapping[str, str]) -> Sequence[str]:
        return [
            login
            async for one in self._pages("/user/orgs", bearer)
            if isinstance(login := one.get("login"), str) and login
        ]

    async def _teams(self, bearer: Mapping[str, str]) -> Sequence[str]:
        found = []
        async for one in self._pages("/user/teams", bearer):
            slug, organization = one.get("slug"), one.get("organization")
            login = organization.get("login") if isinstance(organization, Mapping) else None
            if isinstance(slug, str) and isinstance(login, str) and slug and login:
                found.append(f"{login}/{slug}")
        return found

    async def _pages(self, path: str, bearer: Mapping[str, str]) -> AsyncIterator[Mapping[str, object]]:
        """The entries of a list, page by page. Raises `LoginRefused` where it does not end."""
        for page in range(1, MOST_PAGES + 1):
            url = f"{self._provider.api_url}{path}?per_page={PAGE}&page={page}"
            entries = await self._upstream.get_json(url, bearer)
            if not isinstance(entries, list):
                raise self._upstream.unsound(f"{path} is not a list")
            for entry in entries:
                if isinstance(entry, Mapping):
                    yield entry
            if len(entries) < PAGE:
                return
        raise LoginRefused(f"groups: {path} has more than {PAGE * MOST_PAGES} entries")

    def _check_member(self, organizations: Sequence[str]) -> None:
        if not self._provider.allow_anybody and not self._vouched(organizations):
            raise LoginRefused("organization: the account is in none that may log in", NOT_A_MEMBER)

    def _vouched(self, groups: Sequence[str]) -> list[str]:
        """The groups that mean something: anybody can make an organization, with teams, of any free name."""
        if self._provider.allow_anybody:
            return list(groups)
        return [one for one in groups if self._provider.admits(one)]
