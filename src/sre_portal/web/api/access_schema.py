"""How accounts, grants, tokens and answers about access look on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from sre_portal.core.access import Grant, Principal, Role
from sre_portal.core.account import Account, GivenGrant
from sre_portal.core.explain import Explanation, Held, Holder, RuleSeen
from sre_portal.core.ports import Token

Services = Annotated[list[str] | None, Field(max_length=200)]
Reason = Annotated[str, Field(min_length=1, max_length=500, description="Why, for the audit log.")]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReasonBody(Body):
    reason: Reason


class GrantBody(Body):
    role: Role
    services: Services = Field(None, description="Where the role holds; null is everywhere.")
    until: datetime | None = Field(None, description="When it ends, with an offset; null is for good.")
    lasts_seconds: int | None = Field(
        None, ge=60, le=366 * 86400, description="Instead of until: so long from now."
    )
    reason: Reason


class TokenBody(Body):
    name: str = Field(max_length=63)
    days: int = Field(ge=1, le=366)
    role: Role | None = Field(None, description="Of an API token.")
    services: Services = Field(None, description="Where the role holds; null is everywhere.")
    agent: str | None = Field(None, max_length=63, description="The service, for a token of its agents.")
    owner: str = Field("", max_length=63, description="The service account; empty: one of the token's name.")
    reason: str = Field("", max_length=500)


class RotateBody(Body):
    name: str = Field(max_length=63, description="The name of the new token.")
    overlap_hours: float = Field(24.0, ge=0, le=720, description="So long the old one stays good.")


class RevokeBody(Body):
    reason: str = Field("", max_length=500)


class GrantJson(BaseModel):
    role: Role
    services: list[str] | None
    until: datetime | None
    source: str

    @classmethod
    def of(cls, grant: Grant) -> Self:
        services = None if grant.services is None else sorted(grant.services)
        return cls(role=grant.role, services=services, until=grant.ends_at, source=grant.source)


class GivenGrantJson(GrantJson):
    id: int
    account_id: int
    reason: str
    given_by: str
    given_at: datetime

    @classmethod
    def given(cls, one: GivenGrant) -> Self:
        told = GrantJson.of(one.grant).model_dump()
        return cls(
            **told,
            id=one.id,
            account_id=one.account_id,
            reason=one.reason,
            given_by=one.by,
            given_at=one.created_at,
        )


class AccountJson(BaseModel):
    id: int
    kind: Literal["person", "service"]
    name: str
    provider: str
    issuer: str
    subject: str
    email: str
    groups: list[str]
    blocked: bool
    last_login_at: datetime | None
    grants: list[GrantJson]
    """By the rules and by people; those that are over are not in it."""

    @classmethod
    def of(cls, account: Account, grants: tuple[Grant, ...]) -> Self:
        return cls(
            id=account.id,
            kind=account.kind,
            name=account.name,
            provider=account.provider,
            issuer=account.issuer,
            subject=account.subject,
            email=account.email,
            groups=list(account.groups),
            blocked=account.blocked,
            last_login_at=account.seen_at,
            grants=[GrantJson.of(one) for one in grants],
        )


class HeldJson(BaseModel):
    permission: str
    where: str
    by: list[str]

    @classmethod
    def of(cls, held: Held) -> Self:
        return cls(permission=held.permission.value, where=held.where, by=list(held.by))


class RuleSeenJson(BaseModel):
    name: str
    fits: bool
    misses: list[str]
    gives: GrantJson

    @classmethod
    def of(cls, seen: RuleSeen) -> Self:
        grant = GrantJson.of(seen.rule.grant())
        return cls(name=seen.rule.name, fits=not seen.misses, misses=list(seen.misses), gives=grant)


class DecisionJson(BaseModel):
    permission: str
    service: str | None
    allowed: bool
    reason: str


class ExplanationJson(BaseModel):
    account: AccountJson
    held: list[HeldJson]
    rules: list[RuleSeenJson]
    decision: DecisionJson | None
    """The answer about one permission, where one was asked about."""

    @classmethod
    def of(cls, account: Account, told: Explanation, decision: DecisionJson | None = None) -> Self:
        return cls(
            account=AccountJson.of(account, told.grants),
            held=[HeldJson.of(one) for one in told.held],
            rules=[RuleSeenJson.of(one) for one in told.rules],
            decision=decision,
        )


class HolderJson(BaseModel):
    kind: Literal["person", "service", "token"]
    id: str
    name: str
    where: str
    by: list[str]
    until: datetime | None

    @classmethod
    def of(cls, one: Holder) -> Self:
        subject = one.subject
        return cls(
            kind=subject.kind,
            id=subject.id,
            name=subject.who.name,
            where=one.where,
            by=list(one.by),
            until=one.until,
        )


class AccountDetailJson(ExplanationJson):
    given: list[GivenGrantJson]
    sessions: list[SessionJson]


class SessionJson(BaseModel):
    id: str
    address: str
    browser: str
    created_at: datetime
    last_used_at: datetime
    ends_at: datetime


class TokenJson(BaseModel):
    name: str
    role: Role | None
    services: list[str] | None
    agent: str | None
    owner: str | None
    owner_id: int | None
    created_at: datetime
    ends_at: datetime | None
    last_used_at: datetime | None
    given_by: str
    origin: Literal["settings", "issued"]

    @classmethod
    def of(cls, token: Token) -> Self:
        return cls(
            name=token.name,
            role=token.role,
            services=None if token.services is None else sorted(token.services),
            agent=token.service,
            owner=None if token.account is None else token.account.name,
            owner_id=None if token.account is None else token.account.id,
            created_at=token.created_at,
            ends_at=token.ends_at,
            last_used_at=token.used_at,
            given_by=token.given_by,
            origin=token.origin,
        )


class NewTokenJson(TokenJson):
    secret: str = Field(description="Told once: the portal keeps its hash alone.", repr=False)


class MeJson(BaseModel):
    id: str
    name: str
    grants: list[GrantJson]
    within: list[GrantJson] | None
    """What bounds a token: it may only where this gives it, too. Null for a person."""
    held: list[HeldJson]

    @classmethod
    def of(cls, who: Principal, held: tuple[Held, ...]) -> Self:
        return cls(
            id=who.id,
            name=who.name,
            grants=[GrantJson.of(one) for one in who.grants],
            within=None if who.within is None else [GrantJson.of(one) for one in who.within],
            held=[HeldJson.of(one) for one in held],
        )


class CountJson(BaseModel):
    ended: int = Field(description="How many sessions ended.")


class GrantIdJson(BaseModel):
    id: int
