"""`sre-portal flags environments`, `compare` and `copy`: one flag in several environments.

The commands belong to `sre-portal flags`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from sre_portal.cli.ask import ask, part
from sre_portal.cli.exits import Code, CommandFailed, print_json, told
from sre_portal.cli.flags_plans import FlagSet, Key, tell_held_up
from sre_portal.cli.option import DEFAULT_PORTAL, AsJson, PortalUrl, Token
from sre_portal.cli.plain import say

To = Annotated[
    str, typer.Option("--to", metavar="ENVIRONMENT", help="The other environment; own is the portal's own.")
]


def environments(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="The service whose flags these are.")],
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Show every flag of a service in each of its environments; * where it is not the same everywhere."""
    from sre_portal.cli.flags_environments_seen import matrix_lines

    with told(as_json):
        answer = ask(portal, token, lambda at: at.get(f"/flag-environments/{part(service)}"))
        lines = matrix_lines(answer)
        print_json(answer) if as_json else say(lines)


def compare(
    flag_set: FlagSet,
    key: Key,
    to: To,
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Say what copying a flag into another environment would change there. Exits 1 where it would."""
    from sre_portal.cli.flags_environments_seen import comparison_lines, parse_comparison

    with told(as_json):
        answer = _compared(flag_set, key, to, portal, token)
        seen = parse_comparison(answer)
        print_json(answer) if as_json else say(comparison_lines(seen))
        if seen.differs:
            raise typer.Exit(Code.FAILED.value)


def copy(
    flag_set: FlagSet,
    key: Key,
    to: To,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the audit log.")] = "",
    with_rules: Annotated[
        bool, typer.Option("--with-rules", help="Bring the shared rules along that it needs there.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Make a flag in another environment be as it is here; a protected one waits there for a person."""
    from sre_portal.cli.flags_environments_seen import comparison_lines, environment_in, parse_comparison
    from sre_portal.cli.flags_seen import parse_flag

    with told(as_json):
        seen = parse_comparison(compared := _compared(flag_set, key, to, portal, token))
        if dry_run:
            print_json(compared) if as_json else say(comparison_lines(seen))
            return
        if not reason.strip():
            raise CommandFailed(Code.BAD_INPUT, "Say why with --reason, or look first with --dry-run.")
        body = {
            "to_environment": environment_in(to),
            "version": seen.there_version,
            "reason": reason,
            "with_rules": with_rules,
        }
        path = f"/flags/{part(flag_set)}/{part(key)}/copy"
        answer = ask(portal, token, lambda at: at.post(path, body))
        tell_held_up(answer, as_json=as_json)
        made = parse_flag(answer)
        if as_json:
            print_json(answer)
        else:
            say([*comparison_lines(seen), f"{made.named} is {made.state}, version {made.version}."])


def _compared(flag_set: str, key: str, to: str, portal: str, token: str) -> object:
    from sre_portal.cli.flags_environments_seen import environment_in

    path = f"/flags/{part(flag_set)}/{part(key)}/compare"
    return ask(portal, token, lambda at: at.get(path, to=environment_in(to)))
