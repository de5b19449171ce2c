"""Drills of kill switches: starting one, how each switch stands, and certificates."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from sre_portal.core.certificate import Certificate, read_certificate
from sre_portal.core.document import Percent, Span
from sre_portal.core.drill_standing import DrillStanding, DrillWord
from sre_portal.core.errors import NotFound
from sre_portal.core.flag_kept import live_row
from sre_portal.core.signed_note import NotGenuine
from sre_portal.core.timeline import timeline
from sre_portal.operations.access_act import LONGEST_REASON
from sre_portal.operations.certificates import drill_standing
from sre_portal.operations.drills import QuickDrill, quick_drill
from sre_portal.operations.flags import kept_set
from sre_portal.web.api.flag_path import Key, SetAsked, SetName
from sre_portal.web.api.schema import RunJson
from sre_portal.web.context import address_of, ports_of, principal_of

Limit = Annotated[int, Query(ge=1, le=500)]

_PLAIN = QuickDrill("", "", "")


class DrillBody(BaseModel):
    """`percent` of targeting keys get the variant; everybody without it."""

    model_config = ConfigDict(extra="forbid")

    variant: str
    percent: Percent | None = None
    duration: Span = _PLAIN.duration
    seen_within: Span = _PLAIN.seen_within
    reason: str = Field("", max_length=LONGEST_REASON)


class CertificateJson(BaseModel):
    """`certificate` is the signed text, to be kept byte for byte; `says` is what it says."""

    run: int
    flag_set: str
    flag: str
    verdict: str
    issued_at: datetime
    certificate: str
    says: dict[str, Any]

    @classmethod
    def of(cls, one: Certificate) -> Self:
        return cls(
            run=one.run_id,
            flag_set=one.flag_set,
            flag=one.flag,
            verdict=one.verdict.value,
            issued_at=one.issued_at,
            certificate=one.text,
            says=_said(one),
        )


class StandingJson(BaseModel):
    """`drilled`: a drill passed lately enough. `due`: not any more. `never`: none has ever passed."""

    flag_set: str
    flag: str
    standing: DrillWord
    every_days: float
    passed_at: datetime | None
    run: int | None
    due_at: datetime | None

    @classmethod
    def of(cls, flag_set: str, flag: str, one: DrillStanding) -> Self:
        return cls(
            flag_set=flag_set,
            flag=flag,
            standing=one.word,
            every_days=one.every.total_seconds() / 86_400,
            passed_at=one.passed_at,
            run=one.run_id,
            due_at=one.due_at,
        )


class DrillsJson(BaseModel):
    """`standing` is None for a flag that is no kill switch."""

    standing: StandingJson | None
    drills: list[CertificateJson]


async def standings(request: Request, flag_set: SetAsked = "") -> list[StandingJson]:
    """Every kill switch, of one set or of all, and whether it was drilled lately enough."""
    ports = ports_of(request)
    sets = [flag_set] if flag_set else [one.name for one in ports.flag_book.all()]
    return [
        StandingJson.of(name, key, one)
        for name in sets
        for key, one in (await drill_standing(ports, name)).items()
    ]


async def of_flag(request: Request, flag_set: SetName, key: Key, limit: Limit = 50) -> DrillsJson:
    """The drills of a flag, newest first, and how it stands."""
    ports = ports_of(request)
    live_row(kept_set(ports, flag_set), key)
    found = (await drill_standing(ports, flag_set)).get(key)
    drills = await ports.certificates.of_flag(flag_set, key, limit)
    stands = None if found is None else StandingJson.of(flag_set, key, found)
    return DrillsJson(standing=stands, drills=[CertificateJson.of(one) for one in drills])


async def of_run(request: Request, run_id: int) -> list[CertificateJson]:
    """The certificates of a run: one for each switch it flipped, once it is over."""
    ports = ports_of(request)
    await ports.runs.get(run_id)
    return [CertificateJson.of(one) for one in await ports.certificates.of_run(run_id)]


async def download(request: Request, run_id: int, flag_set: SetName, key: Key) -> Response:
    """One certificate as it was signed, to be kept and checked elsewhere."""
    for one in await ports_of(request).certificates.of_run(run_id):
        if (one.flag_set, one.flag) == (flag_set, key):
            # The key of a flag may hold any letter: the name of the file says the run alone.
            headers = {"content-disposition": f'attachment; filename="drill-{run_id}.txt"'}
            return Response(one.text, media_type="text/plain; charset=utf-8", headers=headers)
    raise NotFound("certificate", f"of {flag_set}/{key} in run {run_id}")


async def start(request: Request, flag_set: SetName, key: Key, body: DrillBody) -> RunJson:
    """Drills one switch: an experiment made of defaults. 422 with every problem, 409 with every objection."""
    ports = ports_of(request)
    percent: Decimal | None = body.percent
    drill = QuickDrill(flag_set, key, body.variant, percent, body.duration, body.seen_within, body.reason)
    run = await quick_drill(ports, principal_of(request), drill, address_of(request))
    return RunJson.of(run, timeline(run))


def _said(one: Certificate) -> dict[str, Any]:
    try:
        return dict(read_certificate(one.text))
    except NotGenuine:
        return {}
