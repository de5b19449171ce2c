"""The entry point of the distribution. The base install is the agent alone, and has no command line."""

from __future__ import annotations

HOW_TO_INSTALL = "The command line is not installed: pip install 'sre-portal[cli]', or [demo] for everything."


def main() -> None:
    """Runs the command line, or says what to install for it."""
    try:
        from sre_portal.cli.app import app
    except ModuleNotFoundError as missing:
        if missing.name not in {"typer", "pydantic", "yaml"}:
            raise
        raise SystemExit(HOW_TO_INSTALL) from None
    app()
