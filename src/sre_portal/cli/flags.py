"""`sre-portal flags`: flags in files, and the switches of a portal."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

import typer

from sre_portal.cli import drills, flags_environments, flags_plans
from sre_portal.cli.ask import ask, part
from sre_portal.cli.document import read_document
from sre_portal.cli.exits import Code, CommandFailed, help_text, print_json, problem_line, told
from sre_portal.cli.flags_moves import moves
from sre_portal.cli.flags_plans import tell_held_up
from sre_portal.cli.flags_share import share
from sre_portal.cli.flags_sighted import seen
from sre_portal.cli.flags_use import stale, turns
from sre_portal.cli.flags_written import MOST_BYTES
from sre_portal.cli.option import DEFAULT_PORTAL, AsJson, PortalUrl, Token
from sre_portal.cli.plain import say

app = typer.Typer(help="Feature flags: files in the flagd format, and switches.", no_args_is_help=True)
app.command(name="moves")(moves)
app.command(name="share")(share)
app.command(name="stale")(stale)
app.command(name="turns")(turns)
app.command(name="seen")(seen)

SLOW_SECONDS = 30.0

FlagSet = Annotated[str, typer.Option("--set", metavar="SET", help="The set of flags.")]
File = Annotated[
    str, typer.Argument(metavar="FILE", help="In the flagd format, as JSON; - is the standard input.")
]
Epoch = Annotated[
    int, typer.Option(min=1, max=3, help="The hash of new flags that split people and name none.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the audit log.")]


@app.command(name="list")
def list_flags(
    flag_set: Annotated[str, typer.Option("--set", metavar="SET", help="Only this set.")] = "",
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """List flags: whether they are on, who changed them last, and why."""
    from sre_portal.cli.flags_seen import flag_lines

    with told(as_json):
        query = {"set": flag_set} if flag_set else {}
        answer = ask(portal, token, lambda at: at.get("/flags", **query))
        lines = flag_lines(answer)
        print_json(answer) if as_json else say(lines)


@app.command(name="toggle")
def toggle(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key of the flag.")],
    state: Annotated[Literal["on", "off"], typer.Argument(metavar="on|off", help="What it is to be.")],
    reason: Reason,
    flag_set: FlagSet = "default",
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Enable or disable a flag, on every replica. Whoever asks for a disabled one gets their own default."""
    from sre_portal.cli.flags_seen import parse_flag

    with told(as_json):
        path = f"/flags/{part(flag_set)}/{part(key)}/toggle"
        body = {"enabled": state == "on", "reason": reason}
        answer = ask(portal, token, lambda at: at.post(path, body))
        tell_held_up(answer, as_json=as_json)
        seen = parse_flag(answer)
        print_json(answer) if as_json else say([f"{seen.named} is {seen.state}, version {seen.version}."])


@app.command(name="export")
def export(flag_set: FlagSet = "default", portal: PortalUrl = DEFAULT_PORTAL, token: Token = "") -> None:
    """Print a set as a file: the same flags are the same bytes, so it can lie in Git."""
    with told(as_json=False):
        print_json(ask(portal, token, lambda at: at.get(f"/flag-sets/{part(flag_set)}/export")))


@app.command(name="diff")
def diff(
    file: File,
    flag_set: FlagSet = "default",
    epoch: Epoch = 3,
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Say what importing a file would change. Exits 0 where it changes nothing and 1 where it does."""
    with told(as_json):
        if _compare(file, flag_set, epoch, portal, token, as_json=as_json):
            raise typer.Exit(Code.FAILED.value)


@app.command(name="import")
def import_file(
    file: File,
    reason: Reason = "",
    flag_set: FlagSet = "default",
    epoch: Epoch = 3,
    seen: Annotated[
        int | None, typer.Option("--version", min=0, help="Only where the set is at this version.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Make a set be a file: flags that are not in it are removed. All of it, or nothing."""
    from sre_portal.cli.flags_seen import difference_lines

    with told(as_json):
        if dry_run:
            _compare(file, flag_set, epoch, portal, token, as_json=as_json)
            return
        if not reason.strip():
            raise CommandFailed(Code.BAD_INPUT, "Say why with --reason, or look first with --dry-run.")
        body = {
            "document": read_document(file, MOST_BYTES),
            "reason": reason,
            "epoch": epoch,
            "version": seen,
        }
        path = f"/flag-sets/{part(flag_set)}/import"
        answer = ask(portal, token, lambda at: at.post(path, body, SLOW_SECONDS))
        tell_held_up(answer, as_json=as_json)
        lines = difference_lines(answer, flag_set)
        print_json(answer) if as_json else say(lines)


@app.command(name="lint")
def lint(
    file: File,
    portal: PortalUrl = "",
    token: Token = "",
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the portal.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print every problem of a file, and advice. Exits 0 without a problem, 2 with one.

    Works without a portal. Where SRE_PORTAL_URL or --portal names one, it is asked which SLOs it has if a
    rule reads an error budget.
    """
    from sre_portal.cli.flags_file import looked_at

    with told(as_json):
        text = read_document(file, MOST_BYTES)
        slos = partial(_slos, portal, token) if portal and not offline else None
        problems, advice = looked_at(text, "" if file == "-" else file, slos)
        if as_json:
            print_json({"problems": problems, "advice": advice})
        else:
            lines = [
                *map(problem_line, problems),
                *(f"advice: {one['path']}: {one['text']}" for one in advice),
            ]
            say(lines or [f"{file}: no problem found"])
        if problems:
            raise typer.Exit(Code.BAD_INPUT.value)


app.command(name="plans")(flags_plans.plans)
app.command(name="plan")(flags_plans.plan)
app.command(name="approve")(flags_plans.approve)
app.command(name="refuse")(flags_plans.refuse)
app.command(name="cancel")(flags_plans.cancel)
app.command(name="environments")(flags_environments.environments)
app.command(name="compare")(flags_environments.compare)
app.command(name="copy")(flags_environments.copy)
app.command(name="drill", epilog=help_text())(drills.drill)
app.command(name="drills")(drills.drills)
app.command(name="certificate")(drills.certificate)
app.command(name="verify")(drills.verify)


def _slos(portal: str, token: str) -> Sequence[str]:
    from sre_portal.cli.flags_file import slos_in

    return slos_in(ask(portal, token, lambda at: at.get("/slos")))


def _compare(file: str, flag_set: str, epoch: int, portal: str, token: str, *, as_json: bool) -> bool:
    """Tells what an import would change. Whether it would change anything."""
    from sre_portal.cli.flags_seen import difference_lines, parse_difference

    body = {"document": read_document(file, MOST_BYTES), "epoch": epoch}
    path = f"/flag-sets/{part(flag_set)}/diff"
    answer = ask(portal, token, lambda at: at.post(path, body, SLOW_SECONDS))
    lines = difference_lines(answer, flag_set)
    print_json(answer) if as_json else say(lines)
    return parse_difference(answer).is_any
