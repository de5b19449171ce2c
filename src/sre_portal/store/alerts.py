"""Where each alert stands, and every change it made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from pydantic import TypeAdapter
from sqlalchemy import Connection, insert, select

from sre_portal.core.alert import Alert, AlertChange, AlertState
from sre_portal.store.connection import Database
from sre_portal.store.dialect import put
from sre_portal.store.tables import alert_change, alert_state

_ALERT = TypeAdapter(Alert)


class Alerts:
    """`core.ports.AlertStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[Alert]:
        """By SLO and alert name."""
        return await self._database.read(_all)

    async def save(self, alerts: Sequence[Alert], changes: Sequence[AlertChange]) -> None:
        """Both or neither."""
        if alerts or changes:
            await self._database.write(partial(_save, alerts=alerts, changes=changes))

    async def changes(self, since: datetime) -> Sequence[AlertChange]:
        """Oldest first, `since` included."""
        return await self._database.read(partial(_changes, since=since))


def _all(connection: Connection) -> list[Alert]:
    rows = connection.scalars(select(alert_state.c.record).order_by(alert_state.c.slo, alert_state.c.alert))
    return [_ALERT.validate_python(json.loads(row)) for row in rows]


def _save(connection: Connection, alerts: Sequence[Alert], changes: Sequence[AlertChange]) -> None:
    rows = [
        {
            "slo": one.slo,
            "alert": one.rule.name,
            "record": json.dumps(_ALERT.dump_python(one, mode="json")),
        }
        for one in sorted(alerts, key=lambda alert: (alert.slo, alert.rule.name))
    ]
    put(connection, alert_state, rows)
    if changes:
        connection.execute(insert(alert_change), [_change_row(one) for one in changes])


def _change_row(change: AlertChange) -> dict[str, object]:
    return {
        "slo": change.slo,
        "service": change.service,
        "alert": change.alert,
        "state": change.state.value,
        "at": change.at,
        "value": change.value,
    }


def _changes(connection: Connection, since: datetime) -> list[AlertChange]:
    columns = alert_change.c
    query = select(alert_change).where(columns.at >= since).order_by(columns.at, columns.id)
    return [
        AlertChange(row.slo, row.service, row.alert, AlertState(row.state), row.at, row.value)
        for row in connection.execute(query)
    ]
