"""Every attack of the list is refused, each for its own reason; the honest one passes."""

import pytest

from sre_portal.core.errors import LoginRefused
from tests.clients.conftest import Stage
from tests.providers.forge import Claims, Forge, sign
from tests.providers.hostile import (
    CALLBACKS,
    HOSTILE,
    ID_TOKENS,
    LOGOUT_TOKENS,
    HostileCallback,
    HostileToken,
)


async def test_the_honest_login_passes(stage: Stage) -> None:
    who = await stage.log_in()
    assert (who.subject, who.name, who.groups) == ("alice", "alice", ("sre",))
    assert who.session_id == "session-of-alice"


async def test_the_honest_logout_passes(stage: Stage) -> None:
    claims = stage.forge.logout_claims()
    told = await stage.login.logout_claim(sign(claims, typ="logout+jwt"))
    assert (told.issuer, told.subject, told.session_id) == (stage.forge.issuer, "alice", "session-of-alice")
    assert told.jti == claims["jti"]


@pytest.mark.parametrize("kind", ["callback", "id_token", "logout_token"])
async def test_every_attack_is_refused_for_what_it_is(stage: Stage, kind: str) -> None:
    attacks = [attack for attack in HOSTILE if attack.kind == kind]
    refused = {attack.name: await _refused(stage, attack) for attack in attacks}
    wrong = {
        one.name: refused[one.name] for one in attacks if not refused[one.name][0].startswith(one.reason)
    }
    assert wrong == {}
    assert len({reason for reason, _ in refused.values()}) == len(attacks)
    ended = "The login was ended at the provider. Start it again from the login page."
    assert {sentence for _, sentence in refused.values()} <= {LoginRefused.AGAIN, ended}


def test_there_are_more_than_a_hundred_attacks() -> None:
    assert (len(CALLBACKS), len(ID_TOKENS), len(LOGOUT_TOKENS)) >= (20, 50, 50)
    assert len({(attack.kind, attack.name) for attack in HOSTILE}) == len(HOSTILE)


async def test_a_token_that_was_changed_after_it_was_signed_is_refused(stage: Stage) -> None:
    def changed(_: Forge, claims: Claims) -> str:
        header, _body, signature = sign(claims).split(".")
        return ".".join((header, sign(claims | {"sub": "mallory"}).split(".")[1], signature))

    stage.forge.forge = changed
    with pytest.raises(LoginRefused, match="not accepted") as refused:
        await stage.log_in()
    assert refused.value.check == "signature"


async def test_an_id_token_is_no_logout_token(stage: Stage) -> None:
    with pytest.raises(LoginRefused) as refused:
        await stage.login.logout_claim(sign(stage.forge.honest_claims("nonce")))
    assert refused.value.check == "events"


async def test_a_callback_is_good_for_one_login(stage: Stage) -> None:
    attempt, query = await stage.begin()
    await stage.login.finish(attempt, query)
    with pytest.raises(LoginRefused) as refused:
        await stage.login.finish(attempt, query)
    assert refused.value.reason == 'code: the provider answers "invalid_grant"'


async def test_a_login_begun_at_another_provider_is_refused(stage: Stage) -> None:
    attempt, query = await stage.begin()
    with pytest.raises(LoginRefused) as refused:
        await stage.client(name="other").finish(attempt, query)
    assert refused.value.reason == 'provider: the login was begun at "forge"'


async def _refused(stage: Stage, attack: HostileCallback | HostileToken) -> tuple[str, str]:
    """The reason for the log and the sentence for the person, if it is refused."""
    try:
        await _attacked(stage, attack)
    except LoginRefused as refused:
        return refused.reason, str(refused)
    return "passed", ""


async def _attacked(stage: Stage, attack: HostileCallback | HostileToken) -> None:
    stage.forge.forge = None
    match attack:
        case HostileCallback():
            attempt, query = await stage.begin()
            await stage.login.finish(attempt, attack.make(query))
        case HostileToken(kind="id_token"):
            stage.forge.forge = attack.make
            await stage.log_in()
        case HostileToken():
            await stage.login.logout_claim(attack.make(stage.forge, stage.forge.logout_claims()))
