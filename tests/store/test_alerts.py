"""Where alerts stand survives a restart; changes are told oldest first."""

from dataclasses import replace

from sre_portal.core.alert import BURN_RATE_RULES, Alert, AlertChange, AlertState, ErrorRateRule
from sre_portal.store.database import SqlStore, open_store
from tests.store.samples import CHECKOUT, at

ALERTS = [
    Alert(
        CHECKOUT,
        "payments",
        BURN_RATE_RULES[0],
        AlertState.RESOLVED,
        at(1.5),
        at(2.25),
        at(9.000001),
        float("inf"),
        1_800_000_001,
    ),
    Alert(CHECKOUT, "payments", ErrorRateRule("error-rate", 0.05, 10, 30), value=0.1 + 0.2),
]


def _change(seconds: float, state: AlertState = AlertState.FIRING) -> AlertChange:
    return AlertChange(CHECKOUT, "payments", "error-rate", state, at(seconds), 14.5)


async def test_alerts_come_back_as_they_were_saved(url: str) -> None:
    async with await open_store(url) as store:
        await store.alerts.save(ALERTS, [])
    async with await open_store(url) as store:
        assert await store.alerts.all() == ALERTS


async def test_saving_an_alert_again_replaces_it(store: SqlStore) -> None:
    await store.alerts.save(ALERTS, [])
    moved = replace(ALERTS[1], state=AlertState.PENDING, pending_at=at(3))
    await store.alerts.save([moved], [_change(3, AlertState.PENDING)])
    assert await store.alerts.all() == [ALERTS[0], moved]


async def test_changes_come_oldest_first_from_an_instant_on(store: SqlStore) -> None:
    changes = [_change(seconds) for seconds in (3, 1, 2)]
    for change in changes:
        await store.alerts.save([], [change])
    assert await store.alerts.changes(at(2)) == [changes[2], changes[0]]


async def test_changes_of_one_instant_keep_their_order(store: SqlStore) -> None:
    changes = [_change(1, state) for state in (AlertState.PENDING, AlertState.FIRING)]
    await store.alerts.save([], changes)
    assert await store.alerts.changes(at(0)) == changes


async def test_a_change_without_a_value_stays_without(store: SqlStore) -> None:
    change = replace(_change(1), value=None)
    await store.alerts.save([], [change])
    assert await store.alerts.changes(at(0)) == [change]


async def test_saving_nothing_is_nothing(store: SqlStore) -> None:
    await store.alerts.save([], [])
    assert await store.alerts.all() == []
