"""Drills of kill switches: starting one, how each stands, and certificates, checked without the portal.

The commands belong to `sre-portal flags`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sre_portal.cli.ask import ask, part
from sre_portal.cli.audit_check import parsed_keys, read_text, write_text
from sre_portal.cli.carry_out import carry_out
from sre_portal.cli.exits import CODE_OF_VERDICT, Code, CommandFailed, print_json, told
from sre_portal.cli.flags_written import parse_percent
from sre_portal.cli.option import DEFAULT_PORTAL, AsJson, PortalUrl, Token
from sre_portal.cli.plain import say

KeyOption = Annotated[
    list[str],
    typer.Option(
        "--key", metavar="KEY", help="Public key, as `audit key` prints it. May be given several times."
    ),
]


EVERYBODY = "all"
"""Said instead of a percentage."""


def drills(
    flag_set: Annotated[str, typer.Option("--set", metavar="SET", help="Only this set.")] = "",
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """List kill switches and when each was drilled. Exits 1 where one is due, or never was."""
    from sre_portal.cli.drills_seen import parse_standings, standing_lines

    with told(as_json):
        query = {"set": flag_set} if flag_set else {}
        answer = ask(portal, token, lambda at: at.get("/drills", **query))
        seen = parse_standings(answer)
        print_json(answer) if as_json else say(standing_lines(seen))
        if any(one.standing != "drilled" for one in seen):
            raise typer.Exit(Code.FAILED.value)


def drill(
    flag_set: Annotated[str, typer.Argument(metavar="SET", help="The set of flags.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key of the kill switch.")],
    variant: Annotated[
        str, typer.Option("--variant", metavar="VARIANT", help="What people get while it lasts.")
    ],
    percent: Annotated[
        str,
        typer.Option(
            "--percent",
            metavar="PERCENT",
            help="So many of a hundred targeting keys get it; all is everybody, also without one.",
        ),
    ],
    lasts: Annotated[
        str, typer.Option("--for", metavar="SPAN", help="How long it stays so, such as 30s.")
    ] = "30s",
    seen_within: Annotated[
        str, typer.Option("--seen-within", metavar="SPAN", help="So soon every instance has to have it.")
    ] = "2s",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the run.")] = "",
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Drill a kill switch, and stay with the run until its verdict; the exit code is the verdict.

    The error rates of the service are its steady state and its guardrails. Ctrl-C aborts it and puts the flag
    back. `flags certificate` prints what it proved.
    """
    with told(as_json):
        share = {} if percent == EVERYBODY else {"percent": parse_percent(percent)}
    body = {"variant": variant, "duration": lasts, "seen_within": seen_within, "reason": reason, **share}
    carry_out(f"/flags/{part(flag_set)}/{part(key)}/drill", body, portal, token, as_json=as_json)


def certificate(
    run: Annotated[int, typer.Argument(metavar="RUN", min=1, help="The number of the run.")],
    flag: Annotated[
        str, typer.Option("--flag", metavar="SET/KEY", help="Of this flag, where the run drilled several.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it there, and print nothing.")
    ] = None,
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
) -> None:
    """Print the certificate of a drill, byte for byte: keep it, and check it with `flags verify`."""
    from sre_portal.cli.drills_seen import parse_certificates

    with told(as_json=False):
        answer = ask(portal, token, lambda at: at.get(f"/runs/{run}/certificates"))
        found = {one.named: one.certificate for one in parse_certificates(answer)}
        chosen = {name: text for name, text in found.items() if flag in ("", name)}
        if not chosen:
            raise CommandFailed(Code.BAD_INPUT, f"Run {run} has no certificate: is it over, and a drill?")
        if len(chosen) > 1:
            raise CommandFailed(Code.BAD_INPUT, f"Say which with --flag: {', '.join(sorted(chosen))}.")
        [text] = chosen.values()
        if out is not None:
            write_text(out, text)
        else:
            sys.stdout.write(text)


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The certificate.")],
    key: KeyOption,
    as_json: AsJson = False,
) -> None:
    """Check a certificate here, and ask nobody. Exits as its run did, and 1 where it is not genuine."""
    from sre_portal.cli.drills_seen import certificate_lines
    from sre_portal.core.certificate import open_certificate
    from sre_portal.core.signed_note import NotGenuine

    with told(as_json):
        keys, text = parsed_keys(key), read_text(file)
        try:
            says = open_certificate(text, keys)
        except NotGenuine as forged:
            raise CommandFailed(Code.FAILED, str(forged)) from None
        print_json(dict(says)) if as_json else say(certificate_lines(says))
        code = CODE_OF_VERDICT.get(str(says.get("verdict")), Code.UNDECIDED)
        if code is not Code.PASSED:
            raise typer.Exit(code.value)
