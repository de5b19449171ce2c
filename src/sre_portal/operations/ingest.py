"""An agent's report comes in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from sre_portal.contract.flags import MAX_SETS
from sre_portal.contract.report import AgentReport, LeaseStatus, ReportReceipt, Second
from sre_portal.core.errors import InvalidInput, NotAuthenticated, Problem, StoreUnavailable
from sre_portal.core.leases import lease_ids
from sre_portal.core.ports import Token
from sre_portal.core.replica import LateWord
from sre_portal.operations.board import note_told
from sre_portal.operations.flag_use import count_told
from sre_portal.operations.ports import Ports
from sre_portal.operations.sightings import own_sightings
from sre_portal.operations.standby import follow_runs
from sre_portal.operations.words import say

OLDEST_SECONDS = 3600
AHEAD_SECONDS = 5
MOST_A_SECOND = 10_000_000
"""Requests of one instance. The sums of a minute of as many fit 32 bits."""
MOST_INSTANCES = 500
LONGEST_ROUTE = 256


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
    if problems := _problems(ports, report):
        raise InvalidInput(problems)
    if not ports.term() and (report.leases or any(one.injections for one in report.seconds)):
        await follow_runs(ports)  # a lease may be newer than the last look
    _keep_own(ports, report, received_at.timestamp())
    report.flags_seen = await own_sightings(ports, report, received_at)
    await ports.reports.append(report, received_at)
    ports.desk.heard(report.service, report.instance)
    count_told(ports, report.service, report.flag_uses)
    if report.seconds and note_told(ports, oldest := min(second.at for second in report.seconds)):
        with suppress(StoreUnavailable):  # the next roll-up brings it
            await say(ports, LateWord(at=received_at, second=oldest))
    return ReportReceipt(report.seq, received_at.timestamp(), ports.clock.now().timestamp())


def _keep_own(ports: Ports, report: AgentReport, now: float) -> None:
    """A token speaks for one service: nothing it tells may touch another one."""
    slos = {slo.name for slo in ports.catalogue.slos() if slo.spec.service == report.service}
    runs = [run for run in ports.watch.live.values() if run.service == report.service]
    leases = {name for run in runs for name in lease_ids(run.experiment, run.id)}
    report.leases = [_in_reach(one, now) for one in report.leases if one.lease_id in leases]
    report.seconds = [one for one in report.seconds if now - OLDEST_SECONDS < one.at < now + AHEAD_SECONDS]
    for second in report.seconds:
        second.slis = [one for one in second.slis if one.name in slos]
        second.injections = [one for one in second.injections if one.lease_id in leases]


def _in_reach(status: LeaseStatus, now: float) -> LeaseStatus:
    """A status whose instants a page can print: an agent's clock may be wrong, or it may lie."""
    told = {
        name: max(now - OLDEST_SECONDS * 24, min(value, now + OLDEST_SECONDS))
        for name in ("first_hit_at", "last_hit_at", "ended_at")
        if (value := getattr(status, name)) is not None
    }
    return replace(status, refused=status.refused and status.refused[:500], **told)


def _problems(ports: Ports, report: AgentReport) -> list[Problem]:
    """What is more than an agent ever tells: it would fill the memory, or break the sums of everybody."""
    found = [
        Problem(name, f"{value} of them", f"at most {most}")
        for name, value, most in (
            ("routes", len(report.routes), 500),
            ("seconds", len(report.seconds), 300),
            ("leases", len(report.leases), 2048),
            ("flags_seen", len(report.flags_seen), MAX_SETS),
            ("flag_uses", len(report.flag_uses), 10_000),
        )
        if value > most
    ]
    texts = {"instance": report.instance, "version": report.version}
    found += [
        Problem(name, f"{len(text)} characters", "1 to 128 printable characters")
        for name, text in texts.items()
        if not 0 < len(text) <= 128 or not text.isprintable()
    ]
    if any(len(route) > LONGEST_ROUTE for route in report.routes):
        found.append(Problem("routes", "a longer one", f"routes of at most {LONGEST_ROUTE} characters"))
    others = {one.instance for one in ports.watch.instances if one.service == report.service}
    if len(others) >= MOST_INSTANCES and report.instance not in others:
        found.append(Problem("instance", f"{len(others)} others", f"at most {MOST_INSTANCES} a service"))
    for index, second in enumerate(report.seconds):
        found += [Problem(f"seconds.{index}.{path}", seen, right) for path, seen, right in _misfits(second)]
    return found


def _misfits(second: Second) -> Iterator[tuple[str, str, str]]:
    if not 0 <= second.errors <= second.requests <= MOST_A_SECOND:
        yield "requests", f"{second.errors} errors of {second.requests}", f"0 to {MOST_A_SECOND} requests"
    if len(second.slis) > 256 or len(second.injections) > 64:
        seen = f"{len(second.slis)} SLIs, {len(second.injections)} leases"
        yield "slis", seen, "at most 256 SLIs and 64 leases"
    for sli in second.slis:
        if not 0 <= sli.planned <= sli.bad or not 0 <= sli.good <= MOST_A_SECOND >= sli.bad:
            right = f"counts of 0 to {MOST_A_SECOND}, planned at most bad"
            yield f"slis.{sli.name}"[:200], str(sli)[:200], right
    for one in second.injections:
        if not 0 <= one.cut <= MOST_A_SECOND or not 0 <= one.hits <= one.matched <= MOST_A_SECOND:
            right = f"counts of 0 to {MOST_A_SECOND}, hits at most matched"
            yield f"injections.{one.lease_id}"[:200], f"{one.hits} hits of {one.matched}", right
