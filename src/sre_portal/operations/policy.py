"""What the settings and the Access document say about who may enter and what they may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sre_portal.core.grant_rule import Rule
from sre_portal.core.ports import LoginProvider


@dataclass(frozen=True, slots=True)
class Policy:
    rules: tuple[Rule, ...] = ()
    providers: Mapping[str, LoginProvider] = field(default_factory=dict)
    """By name, in the order of the document."""
    session_lasts: timedelta = timedelta(hours=12)
    session_idle: timedelta = timedelta(hours=2)
    token_trust: timedelta = timedelta(days=7)
    """So long after a provider vouched for a person the rules count for the tokens of that person."""
    most_accounts: int = 10_000
    """So many accounts are looked at where all are asked about; whoever asks is told where there are more."""
    links: bool = True
    """Whether login links let anybody in."""
    url: str = "http://127.0.0.1:8321"
    """The address people use, without a slash at its end."""
