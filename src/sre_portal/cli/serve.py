"""`sre-portal serve`: the portal itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from sre_portal.cli.config import problems_of
from sre_portal.cli.exits import Code, CommandFailed, told
from sre_portal.cli.option import AsJson


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default="SRE_PORTAL_HOST or 127.0.0.1")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Port; 0 takes a free one.", show_default="SRE_PORTAL_PORT or 8321"
        ),
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the embedded database.")] = None,
    slo_dir: Annotated[
        list[Path] | None, typer.Option(help="Folder of SLO documents. May be given several times.")
    ] = None,
    experiment_dir: Annotated[
        list[Path] | None, typer.Option(help="Folder of Experiment documents. May be given several times.")
    ] = None,
    seed_history: Annotated[
        bool, typer.Option("--seed-history", help="Fill 30 days of generated, labelled sample history.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the portal until Ctrl-C or SIGTERM.

    Every setting can be given in the environment as SRE_PORTAL_<NAME>, or as SRE_PORTAL_<NAME>_FILE naming a
    file that holds the value; an option here wins. Secrets (SRE_PORTAL_ADMIN_TOKEN, SRE_PORTAL_AGENT_TOKENS,
    SRE_PORTAL_DATABASE_URL) have no option, because other users can see the options of a program.

    With --json the address and the login link are printed as JSON.

    Exits 2 with every problem if the settings or documents cannot be used, 5 if the database cannot.
    """
    options: dict[str, object] = {
        "host": host,
        "port": port,
        "data_dir": data_dir,
        "slo_dirs": tuple(slo_dir) if slo_dir else None,
        "experiment_dirs": tuple(experiment_dir) if experiment_dir else None,
        "seed_history": seed_history or None,
    }
    with told(as_json):
        _serve(options, as_json=as_json)


def _serve(options: dict[str, object], *, as_json: bool) -> None:
    from sre_portal.core.errors import InvalidInput, StoreUnavailable
    from sre_portal.main import serve as run_portal
    from sre_portal.settings import Settings

    try:
        run_portal(Settings.parse(os.environ, **options), as_json=as_json)
    except InvalidInput as invalid:
        found = dict.fromkeys([*problems_of(os.environ, **options), *map(str, invalid.problems)])
        message = "\n".join(["The portal cannot start:", *(f"  {one}" for one in found)])
        raise CommandFailed(Code.BAD_INPUT, message) from None
    except StoreUnavailable as unavailable:
        raise CommandFailed(Code.UNREACHABLE, f"The portal cannot start: {unavailable}") from None
