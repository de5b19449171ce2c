"""`sre-portal demo`: portal, two services and traffic on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from sre_portal.cli.exits import Code, CommandFailed, told


def demo(
    *,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the demo's database. "
            "Without it: $XDG_DATA_HOME/sre-portal-demo, or ~/.local/share/sre-portal-demo.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            help="Address that portal, shop and payments listen on. Off loopback cookies travel unprotected."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the portal; 0 takes a free one.")
    ] = 8321,
    shop_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the shop; 0 takes a free one.")
    ] = 0,
    payments_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of payments; 0 takes a free one.")
    ] = 0,
    rate: Annotated[float, typer.Option(min=0.1, max=5000, help="Visits a second.")] = 40.0,
    seed_history: Annotated[
        bool, typer.Option("--seed-history", help="Fill 30 days of generated, labelled sample history.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Once all of it answers, print one line of JSON on the standard output: "
            "portal, login, token, shop, payments.",
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show what the programs write, each line with its name.")
    ] = False,
) -> None:
    """Run the demo until Ctrl-C: the portal, a shop, its payments service, and customers.

    They are four real programs. One that dies is started again, and that is told. The portal's address, a
    one-time login link and an API token are printed once all of it answers. Ctrl-C or SIGTERM stops it all.

    Exits 0 after it was stopped, 2 if a port or the data folder cannot be used, 1 if a program cannot start.
    """
    from sre_portal.demo.address import PortUnusable
    from sre_portal.demo.console import Console
    from sre_portal.demo.folder import FolderUnusable
    from sre_portal.demo.start import Options, run_demo

    options = Options(
        data_dir=data_dir,
        host=host,
        port=port,
        shop_port=shop_port,
        payments_port=payments_port,
        rate=rate,
        seed_history=seed_history,
        console=Console(as_json, verbose),
    )
    with told(as_json=False):
        try:
            status = run_demo(options, os.environ)
        except (PortUnusable, FolderUnusable) as unusable:
            raise CommandFailed(Code.BAD_INPUT, str(unusable)) from None
    raise typer.Exit(status)
