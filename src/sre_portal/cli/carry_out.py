"""Carries out a run from the command line: starts it, shows it, and ends as its verdict says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from sre_portal.cli.exits import CODE_OF_VERDICT, Code, print_json, told
from sre_portal.cli.plain import say

if TYPE_CHECKING:
    from sre_portal.cli.display import Display
    from sre_portal.cli.follow import Ended


def carry_out(path: str, body: Mapping[str, object], portal: str, token: str, *, as_json: bool) -> None:
    """Starts a run at a path of the API, and stays with it until its verdict, which is the exit code.

    Raises `typer.Exit`.
    """
    import asyncio

    with told(as_json):
        ended = asyncio.run(_followed(path, body, portal, token, as_json=as_json))
        _tell(ended, portal, as_json)
    code = exit_code(ended)
    if code is not Code.PASSED:
        raise typer.Exit(code.value)


def exit_code(ended: Ended) -> Code:
    """The code of a verdict. A run that Ctrl-C aborted may have none yet."""
    if ended.run.verdict is None:
        return Code.ABORTED if ended.interrupted else Code.UNDECIDED
    return CODE_OF_VERDICT.get(ended.run.verdict, Code.UNDECIDED)


async def _followed(path: str, body: Mapping[str, object], url: str, token: str, *, as_json: bool) -> Ended:
    from sre_portal.cli.follow import Follower, Interrupts
    from sre_portal.cli.portal import Portal

    interrupts = Interrupts()
    with interrupts.listening(), _display(as_json) as display:
        async with Portal(url, token) as portal:
            return await Follower(portal, display, interrupts).run(path, body)


def _display(as_json: bool) -> Display:
    from sre_portal.cli.display import Lines, Quiet

    if as_json:
        return Quiet()
    from rich.console import Console

    console = Console()
    if not console.is_interactive:
        return Lines()
    from sre_portal.cli.liveview import LiveView

    return LiveView(console)


def _tell(ended: Ended, url: str, as_json: bool) -> None:
    from sre_portal.cli.display import summary

    if as_json:
        print_json(ended.answer)
    else:
        say(summary(ended.run, url.rstrip("/")))
