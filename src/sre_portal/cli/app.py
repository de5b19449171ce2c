"""The command `sre-portal`. A group of commands is a file; a command imports what it needs when it runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sre_portal import __version__
from sre_portal.cli import access, audit, config, demo, experiment, flags, run, serve, stop, token
from sre_portal.cli.exits import help_text


class _Commands(TyperGroup):
    """All commands. What an option does not take is told without words that are for programmers."""

    def invoke(self, ctx: Any) -> object:  # noqa: ANN401  # Typer does not export the type
        try:
            return super().invoke(ctx)
        except typer.BadParameter as wrong:
            wrong.message = wrong.message.removeprefix("Value error, ")
            raise


app = typer.Typer(
    name="sre-portal",
    cls=_Commands,
    help="Break a service on purpose, safely, and prove that its defences react as predicted.",
    epilog=help_text(),
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        print(f"sre-portal {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


app.command(name="demo")(demo.demo)
app.command(name="serve")(serve.serve)
app.add_typer(experiment.app, name="experiment")
app.add_typer(run.app, name="run")
app.command(name="stop-all")(stop.stop_all)
app.add_typer(flags.app, name="flags")
app.add_typer(audit.app, name="audit")
app.add_typer(access.app, name="access")
app.add_typer(token.app, name="token")
app.add_typer(config.app, name="config")


if __name__ == "__main__":
    app()
