"""What a portal is made of: ports over an open store, with everything loaded."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sre_portal.clients.clock import SystemClock
from sre_portal.clients.folder import FolderCatalogue, load_access, load_catalogue
from sre_portal.clients.secret_file import read_or_draw
from sre_portal.clients.silence import Silence
from sre_portal.core.access_document import Access, AccessSpec
from sre_portal.core.board import Board
from sre_portal.core.document import Metadata
from sre_portal.core.errors import InvalidInput, Problem, StoreUnavailable
from sre_portal.core.leases import definition_of
from sre_portal.core.outward import parse_allowed
from sre_portal.core.ports import LoginProvider, Notices, Store
from sre_portal.core.sink import Sink
from sre_portal.operations.audit_log import note_start
from sre_portal.operations.flag_use import write_uses
from sre_portal.operations.glass import refresh_glass
from sre_portal.operations.keys import Keys
from sre_portal.operations.policy import Policy
from sre_portal.operations.ports import Ports
from sre_portal.operations.pulse import Pulse
from sre_portal.operations.seed import seed_history
from sre_portal.operations.standby import begin
from sre_portal.operations.tokens import register_tokens
from sre_portal.settings import Settings, is_loopback, parse_secrets
from sre_portal.store.audit_tree import Trust
from sre_portal.store.database import migrate_store, open_store
from sre_portal.store.desk import Desk


@dataclass(frozen=True, slots=True)
class Documents:
    """All that is read from files before anything is opened."""

    catalogue: FolderCatalogue
    access: Access


@dataclass(frozen=True, slots=True)
class Outside:
    """What lies around the portal: where people reach it, and whom it asks and tells."""

    url: str
    providers: Sequence[LoginProvider] = ()
    notices: Notices = field(default_factory=Silence)


def read_documents(settings: Settings) -> Documents:
    """The documents of the settings. Raises `InvalidInput` with the problems of all of them."""
    problems: list[Problem] = []
    catalogue, access = FolderCatalogue(), Access(metadata=Metadata(name="none"), spec=AccessSpec())
    try:
        catalogue = load_catalogue([*settings.slo_dirs, *settings.experiment_dirs])
    except InvalidInput as invalid:
        problems += invalid.problems
    try:
        if settings.access_file is not None:
            access = load_access(settings.access_file, {slo.spec.service for slo in catalogue.slos()})
            check_secrets(access)
    except InvalidInput as invalid:
        problems += invalid.problems
    if access.spec.providers and not settings.public_url:
        expected = "the address people use: providers send browsers back to it"
        problems.append(Problem("SRE_PORTAL_PUBLIC_URL", "nothing", expected))
    if problems:
        raise InvalidInput(problems)
    return Documents(catalogue, access)


def check_secrets(access: Access) -> None:
    """Raises `InvalidInput` where a secret of a provider cannot be read."""
    if access.spec.providers:
        from sre_portal.clients.providers import read_secrets  # noqa: PLC0415  # 10 MB, see clients/outside.py

        read_secrets(access.spec.providers)


@contextlib.asynccontextmanager
async def opened(settings: Settings, documents: Documents, url: str) -> AsyncIterator[Ports]:
    """The ports over an open store, with everything loaded. Closes the store at the end.

    `url` is where people reach the portal.
    """
    catalogue, keys = documents.catalogue, keys_of(settings)
    trust = trust_of(settings, keys)
    slos = [slo.name for slo in catalogue.slos()]
    async with (
        await open_store(settings.store_url, slos=slos, trust=trust) as store,
        around(settings, documents, store, url) as outside,
    ):
        ports = compose(settings, documents, store, keys, outside)
        await note_start(ports, settings.audit_accept)
        agents = {
            service: [one.get_secret_value() for one in tokens]
            for service, tokens in settings.agent_tokens.items()
        }
        await register_tokens(ports, settings.admin_token.get_secret_value(), agents)
        if settings.seed_history:
            await seed_history(ports)
        await ports.flag_book.refresh(ports.flags)
        await store.replicas.settle()
        await begin(ports)
        await refresh_glass(ports)
        yield ports
        with contextlib.suppress(StoreUnavailable):
            await write_uses(ports)


@contextlib.asynccontextmanager
async def around(settings: Settings, documents: Documents, store: Store, url: str) -> AsyncIterator[Outside]:
    """What lies around the portal, as long as the block lasts."""
    providers = documents.access.spec.providers
    urls = [one.get_secret_value() for one in settings.notice_urls]
    if not providers and not urls:
        yield Outside(url)
        return
    from sre_portal.clients.outside import calling, telling  # noqa: PLC0415  # 10 MB, see there

    def witness() -> tuple[int, str]:
        return store.audit.standing().size, store.audit.standing().root

    rule = parse_allowed(settings.outward_allow)
    async with (
        calling(providers, rule, SystemClock()) as (outward, logins),
        telling(urls, outward, witness, settings.environment) as notices,
    ):
        yield Outside(url, logins, notices)


async def migrated(settings: Settings) -> None:
    """Creates or migrates the tables of the settings' database, and closes it again."""
    await migrate_store(settings.store_url, trust_of(settings, keys_of(settings)))


def trust_of(settings: Settings, keys: Keys) -> Trust:
    """What signs the audit log, and what is believed of it."""
    return Trust(keys.signer(settings.environment), settings.audit_accept)


def keys_of(settings: Settings) -> Keys:
    """The keys of the secret key; on SQLite, where none is set, of one that is kept in the data folder.

    Raises `InvalidInput`.
    """
    text = settings.secret_key.get_secret_value() or read_or_draw(settings.data_dir / "secret.key")
    try:
        return Keys(parse_secrets(text))
    except ValueError as wrong:
        raise InvalidInput([Problem("SRE_PORTAL_SECRET_KEY", "a secret value", str(wrong))]) from None


def sinks_of(settings: Settings) -> list[Sink]:
    """What tells the audit log to each address of the settings."""
    if not settings.audit_sinks:
        return []
    from sre_portal.clients.otlp import OtlpSink  # noqa: PLC0415  # with its HTTP client 2 MB
    from sre_portal.clients.syslog import SyslogSink  # noqa: PLC0415  # beside it

    return [
        SyslogSink(address, settings.environment)
        if address.kind.startswith("syslog")
        else OtlpSink(address, settings.environment)
        for address in settings.audit_sinks
    ]


def policy_of(settings: Settings, access: Access, outside: Outside) -> Policy:
    """Who may enter, as the settings and the Access document say."""
    alone = not access.spec.providers and is_loopback(settings.host)
    return Policy(
        rules=access.spec.rules,
        providers={one.name: one for one in outside.providers},
        session_lasts=timedelta(hours=settings.session_hours),
        session_idle=timedelta(minutes=settings.session_idle_minutes),
        token_trust=timedelta(days=settings.token_trust_days),
        links=settings.login_links == "on" or (settings.login_links == "auto" and alone),
        url=outside.url,
    )


def compose(settings: Settings, documents: Documents, store: Store, keys: Keys, outside: Outside) -> Ports:
    catalogue, clock = documents.catalogue, SystemClock()
    desk = Desk(clock, replicas=store.replicas)
    services = {slo.spec.service for slo in catalogue.slos()}
    desk.define(
        {
            name: [definition_of(slo) for slo in catalogue.slos() if slo.spec.service == name]
            for name in services
        }
    )
    access = Pulse()
    store.sessions.on_change(access.beat)
    flag_pulse = Pulse()
    store.flags.on_change(flag_pulse.beat)
    return Ports(
        clock=clock,
        catalogue=catalogue,
        reports=store.reports,
        runs=store.runs,
        journal=store.journal,
        alerts=store.alerts,
        audit=store.audit,
        sessions=store.sessions,
        tokens=store.tokens,
        accounts=store.accounts,
        logins=store.logins,
        flags=store.flags,
        flag_plans=store.flag_plans,
        flag_uses=store.flag_uses,
        sightings=store.sightings,
        flag_turns=store.flag_turns,
        certificates=store.certificates,
        flag_pulse=flag_pulse,
        desk=desk,
        replicas=store.replicas,
        board=Board(),
        pulse=Pulse(),
        access=access,
        notices=outside.notices,
        policy=policy_of(settings, documents.access, outside),
        keys=keys,
        sinks=sinks_of(settings),
        audit_keep=timedelta(days=settings.audit_keep_days) if settings.audit_keep_days else None,
        environment=settings.environment,
        seeded=settings.seed_history,
        is_behind_tls=settings.public_url.startswith("https://"),
    )
