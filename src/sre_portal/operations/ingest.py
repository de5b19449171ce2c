"""An agent's report comes in."""

from __future__ import annotations

from sre_portal.contract.report import AgentReport, ReportReceipt
from sre_portal.core.errors import InvalidInput, NotAuthenticated, Problem
from sre_portal.core.ports import Token
from sre_portal.operations.ports import Ports

OLDEST_SECONDS = 3600
AHEAD_SECONDS = 5


async def ingest(ports: Ports, token: Token, report: AgentReport) -> ReportReceipt:
    """Stores a report of the token's own service and answers when it is durable.

    Seconds that cannot be true (ahead of the clock, over an hour old) are left out; the rest is kept.
    Raises `NotAuthenticated` where the token belongs to another service.
    """
    received_at = ports.clock.now()
    if token.service != report.service:
        raise NotAuthenticated(f"this token is for {token.service}, not for {report.service}")
    if problems := _problems(report):
        raise InvalidInput(problems)
    now = received_at.timestamp()
    report.seconds = [one for one in report.seconds if now - OLDEST_SECONDS < one.at < now + AHEAD_SECONDS]
    await ports.reports.append(report, received_at)
    return ReportReceipt(report.seq, received_at.timestamp(), ports.clock.now().timestamp())


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
