"""Every attack on a login, through the application's own doors: refused, and written down."""

from sre_portal.core.audit import AuditEvent
from tests.providers.hostile import HOSTILE, HostileCallback, HostileToken
from tests.web.entrance import Entrance


async def test_every_attack_is_refused_with_a_row_in_the_audit_log(entrance: Entrance) -> None:
    assert len(HOSTILE) >= 40
    wrong: dict[str, tuple[int, str, str]] = {}
    last = -1
    for attack in HOSTILE:
        status, told = await _attack(entrance, attack)
        entrance.world.clock.move(5)  # so that nobody is refused for asking too often
        event = await entrance.last()
        if not (status in {400, 403} and _is_denied(event) and event.id > last):
            wrong[attack.name] = (status, event.outcome, event.detail)
        assert event.detail not in told, "the reason is for the log alone"
        last = event.id
    assert wrong == {}
    accounts = await entrance.world.ports.accounts.all()
    assert [one.name for one in accounts if one.subject == "mallory"] == []


async def _attack(entrance: Entrance, attack: HostileCallback | HostileToken) -> tuple[int, str]:
    entrance.forge.forge = None
    browser = entrance.stranger()
    match attack:
        case HostileCallback():
            answer = await entrance.come_back(browser, attack.make(await entrance.begin(browser)))
        case HostileToken(kind="id_token"):
            entrance.forge.forge = attack.make
            answer = await entrance.come_back(browser, await entrance.begin(browser))
        case _:
            answer = await entrance.tell_logout(attack.make(entrance.forge, entrance.forge.logout_claims()))
    assert "sre_portal_session" not in answer.headers.get("set-cookie", "")
    return answer.status_code, answer.text


def _is_denied(event: AuditEvent) -> bool:
    return event.outcome == "denied" and bool(event.detail)
