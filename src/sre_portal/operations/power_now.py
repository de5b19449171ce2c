"""What somebody who asked for something a while ago may now."""

from __future__ import annotations

from sre_portal.core.access import Principal
from sre_portal.core.errors import NotFound
from sre_portal.core.flag_plan import Who
from sre_portal.core.grant_rule import principal_of
from sre_portal.operations.directory import token_named
from sre_portal.operations.ports import Ports
from sre_portal.operations.tokens import is_trusted, principal_with

TOKEN = "token:"  # noqa: S105  # how the ids of principals with tokens begin


async def power_now(ports: Ports, who: Who) -> Principal:
    """Somebody with what they may now. Groups of long ago are nobody's word today, as for tokens.

    Raises `NotPermitted`, or `NotFound` where the account or the token they had is gone.
    """
    now = ports.clock.now()
    if who.id.startswith(TOKEN):
        held = principal_with(ports, await token_named(ports, who.id.removeprefix(TOKEN))).at(now)
        if held.account != who.account:
            raise NotFound("API token", f"{who.name} of the same owner")
        return held
    if who.account is None:
        raise NotFound("account", who.name)
    account = await ports.accounts.get(who.account)
    rules = ports.policy.rules if is_trusted(ports, account) else ()
    held = principal_of(account, rules, ports.environment).at(now)
    if held.id != who.id:
        raise NotFound("account", f"{who.name} under the same number")
    return held
