"""An agent's report comes in."""

from __future__ import annotations

from sre_portal.contract.report import AgentReport, ReportReceipt
from sre_portal.core.errors import InvalidInput, NotAuthenticated, Problem
from sre_portal.core.leases import lease_ids
from sre_portal.core.ports import Token
from sre_portal.operations.board import note_told
from sre_portal.operations.ports import Ports

OLDEST_SECONDS = 3600
AHEAD_SECONDS = 5


async def ingest(ports: Ports, token: Token, report: AgentReport) -> ReportReceipt:
    """Stores a report of the token's own service and answers when it is durable.

    Seconds that cannot be true (ahead of the clock, over an hour old), SLIs of other services and leases of
    runs elsewhere are left out; the rest is kept. Raises `NotAuthenticated` where the token is for another
    service.
    """
    received_at = ports.clock.now()
    if token.service != report.service:
        ports.watch.refused_agents += 1
        raise NotAuthenticated(f"this token is for {token.service}, not for {report.service}")
    if problems := _problems(report):
        raise InvalidInput(problems)
    _keep_own(ports, report, received_at.timestamp())
    await ports.reports.append(report, received_at)
    ports.desk.heard(report.instance)
    if report.seconds:
        note_told(ports, min(second.at for second in report.seconds))
    return ReportReceipt(report.seq, received_at.timestamp(), ports.clock.now().timestamp())


def _keep_own(ports: Ports, report: AgentReport, now: float) -> None:
    """A token speaks for one service: nothing it tells may touch another one."""
    slos = {slo.name for slo in ports.catalogue.slos() if slo.spec.service == report.service}
    runs = [run for run in ports.watch.live.values() if run.service == report.service]
    leases = {name for run in runs for name in lease_ids(run.experiment, run.id)}
    report.leases = [one for one in report.leases if one.lease_id in leases]
    report.seconds = [one for one in report.seconds if now - OLDEST_SECONDS < one.at < now + AHEAD_SECONDS]
    for second in report.seconds:
        second.slis = [one for one in second.slis if one.name in slos]
        second.injections = [one for one in second.injections if one.lease_id in leases]


def _problems(report: AgentReport) -> list[Problem]:
    found = []
    if not 0 < len(report.instance) <= 128:
        found.append(Problem("instance", f"{len(report.instance)} characters", "1 to 128 characters"))
    if len(report.routes) > 1000:
        found.append(Problem("routes", f"{len(report.routes)} routes", "at most 1000"))
    found += [
        Problem(f"seconds.{index}.slis.{sli.name}", str(sli), "counts of 0 or more, planned at most bad")
        for index, second in enumerate(report.seconds)
        for sli in second.slis
        if min(sli.good, sli.bad, sli.planned) < 0 or sli.planned > sli.bad
    ]
    return found
