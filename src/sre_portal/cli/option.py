"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_PORTAL = "http://127.0.0.1:8321"

PortalUrl = Annotated[
    str, typer.Option("--portal", envvar="SRE_PORTAL_URL", metavar="URL", help="Address of the portal.")
]

Token = Annotated[
    str,
    typer.Option(
        "--token",
        envvar="SRE_PORTAL_TOKEN",
        metavar="TOKEN",
        show_default=False,
        help="API token. Better given in the environment: other users can see the options of a program.",
    ),
]

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on the standard output, and nothing else.")
]
