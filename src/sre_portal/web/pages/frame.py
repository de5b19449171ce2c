"""What is around every page. Read from memory alone, so that STOP ALL works while the rest is broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request

from sre_portal import __version__
from sre_portal.contract.lease import LEASE_SECONDS, Lease
from sre_portal.core.access import Permission, Principal, needs
from sre_portal.core.errors import NotAuthenticated
from sre_portal.operations.ports import Ports
from sre_portal.web.context import csrf_of, ports_of, principal_of
from sre_portal.web.pages.banner import GlassBanner, glass_banners
from sre_portal.web.pages.figures import Moment, instant
from sre_portal.web.pages.wording import drill_lines, fault_words, share_words

THEMES = ("light", "dark")
NOBODY = Principal("nobody")


@dataclass(frozen=True, slots=True)
class May:
    """Whether somebody may press a button, and if not, who may."""

    may: bool
    id: str
    name: str
    role: str
    """The least that may: `operator`, `operator on shop`, `admin everywhere`."""


@dataclass(frozen=True, slots=True)
class Link:
    href: str
    name: str
    icon: str
    current: bool
    tally: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    environment: str
    person: str
    role: str
    csrf: str
    theme: str
    version: str
    now: Moment
    links: tuple[Link, ...]
    live_words: str
    """How many runs are live, beside their link."""
    faults: tuple[str, ...]
    """One line for each fault that is active now."""
    harm_link: str
    stop: May
    stop_facts: tuple[tuple[str, str], ...]
    glass: tuple[GlassBanner, ...]
    """Whose glass is broken now."""
    stands_by: bool
    """Another replica drives: what is shown is read from the database, about a second later."""

    @classmethod
    def of(cls, request: Request) -> Frame:
        ports = ports_of(request)
        who = person_of(request)
        return cls.around(ports, who, path=request.url.path, csrf=csrf_of(request), theme=theme_of(request))

    @classmethod
    def around(
        cls, ports: Ports, who: Principal, *, path: str = "", csrf: str = "", theme: str = ""
    ) -> Frame:
        active = [(service, lease) for service, leases in ports.desk.active().items() for lease in leases]
        drills = [(run.id, line) for run in ports.watch.live.values() for line in drill_lines(run)]
        runs = sorted({*(lease.run_id for _, lease in active), *(run_id for run_id, _ in drills)})
        faults = (*(_fault_line(service, lease) for service, lease in active), *(line for _, line in drills))
        return cls(
            environment=ports.environment,
            person=who.name,
            role=who.role.value if who.role else "no role",
            csrf=csrf,
            theme=theme,
            version=__version__,
            now=instant(ports.clock.now()),
            links=_links(ports, who, path),
            live_words=f"{len(ports.watch.live)} live" if ports.watch.live else "",
            faults=faults,
            harm_link=f"/runs/{runs[-1]}" if runs else "/runs",
            stop=permission(who, Permission.HARM_STOP),
            stop_facts=_stop_facts(faults, runs),
            glass=glass_banners(ports),
            stands_by=not ports.term(),
        )


def person_of(request: Request) -> Principal:
    """Who asks, or nobody."""
    try:
        return principal_of(request)
    except NotAuthenticated:
        return NOBODY


def permission(who: Principal, needed: Permission, service: str | None = None) -> May:
    """Whether somebody may: on a service, where a button is about one."""
    least = needs(needed, service)
    return May(who.may(needed, service), needed.value.replace(":", "-"), needed.value, least)


def theme_of(request: Request) -> str:
    """The theme the person chose in this browser, empty for the system's."""
    theme = request.cookies.get("theme", "")
    return theme if theme in THEMES else ""


def _links(ports: Ports, who: Principal, path: str) -> tuple[Link, ...]:
    services = {slo.spec.service for slo in ports.catalogue.slos()}
    read = (
        ("/", "Overview", "overview", ""),
        ("/services", "Services", "service", str(len(services))),
        ("/experiments", "Experiments", "experiment", str(len(ports.catalogue.experiments()))),
        ("/runs", "Runs", "run", ""),
    )
    rows = (
        *(read if who.may(Permission.PORTAL_READ) else ()),
        *(
            (("/flags", "Flags", "flag", str(sum(len(one.flags) for one in ports.flag_book.all()))),)
            if who.may(Permission.FLAG_READ)
            else ()
        ),
        *((("/audit", "Audit", "audit", ""),) if who.may(Permission.AUDIT_READ) else ()),
        *((("/access", "Access", "access", ""),) if who.may(Permission.ACCESS_READ) else ()),
        ("/status", "Status", "status", ""),
    )
    return tuple(Link(href, name, icon, _is_at(path, href), tally) for href, name, icon, tally in rows)


def _is_at(path: str, href: str) -> bool:
    if href == "/flags" and path.startswith("/flag-plans"):
        return True
    return path == href or (href != "/" and path.startswith(f"{href}/"))


def _fault_line(service: str, lease: Lease) -> str:
    return f"{fault_words(lease.fault)} on {share_words(lease.share)} to {service}"


def _stop_facts(faults: Sequence[str], runs: Sequence[int]) -> tuple[tuple[str, str], ...]:
    return (
        ("Active faults", "; ".join(faults) if faults else "none that the portal knows of"),
        ("Ended as aborted", ", ".join(f"run {run}" for run in runs) if runs else "no run"),
        ("Injection ends within", f"{LEASE_SECONDS:.0f} s, when the last lease runs out"),
        ("New runs", "may be started again"),
    )
