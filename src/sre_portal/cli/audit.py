"""`sre-portal audit`: check, export and prove the audit log, without believing the portal."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sre_portal.cli.ask import ask
from sre_portal.cli.audit_check import (
    keys_in,
    keys_of,
    lines_of,
    note_of,
    pair_of,
    praise,
    proven,
    text_in,
    texts_in,
    verify_file,
    verify_portal,
    write_text,
)
from sre_portal.cli.exits import Code, CommandFailed, print_json, told
from sre_portal.cli.option import DEFAULT_PORTAL, AsJson, PortalUrl, Token
from sre_portal.cli.plain import plain, say

if TYPE_CHECKING:
    from sre_portal.cli.portal import Portal

app = typer.Typer(help="Check, export and prove the audit log.", no_args_is_help=True)

KeyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--key",
        metavar="KEY",
        help="Public key as it was noted earlier, or several, in lines or after commas. "
        "Without it the portal's own.",
    ),
]
WitnessOption = Annotated[
    list[str] | None,
    typer.Option(
        "--witness",
        metavar="SIZE:ROOT|FILE",
        help="What the log was known to be, or a checkpoint file kept elsewhere. May be given several times.",
    ),
]


@app.command(name="verify")
def verify(
    url: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    file: Annotated[Path | None, typer.Option(help="An export to check, in place of a portal.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="The signed checkpoint of the export.")] = None,
    key: KeyOption = None,
    witness: WitnessOption = None,
    as_json: AsJson = False,
) -> None:
    """Read the whole log here, and say everything that is wrong with it. Exits 1 where anything is.

    Of a portal, it also asks whether what it keeps beside the log, to be searched, says the same.
    """
    with told(as_json):
        if file is None:
            found = ask(url, token, lambda portal: verify_portal(portal, key or [], witness or []))
        else:
            found = verify_file(file, checkpoint, key or [], witness or [])
        document = found if isinstance(found, dict) else {}
        findings = [str(one) for one in document["findings"]]
        if as_json:
            print_json(document)
        else:
            say(findings or praise(document).splitlines())
            if note := note_of(document):
                say([note])
        if findings:
            raise typer.Exit(Code.FAILED.value)


@app.command(name="export")
def export(
    url: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    start: Annotated[int, typer.Option("--from", min=0, help="Number of the first entry.")] = 0,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="File for the signed checkpoint of what is printed: the two fit each other."),
    ] = None,
) -> None:
    """Print every entry, one JSON document a line: number, hash, text."""

    def tell(line: dict[str, object]) -> None:
        print(json.dumps(line))

    async def printed(portal: Portal) -> str:
        if checkpoint is not None:
            return await pair_of(portal, start, tell)
        async for line in lines_of(portal, start):
            tell(line)
        return ""

    with told(False):
        signed = ask(url, token, printed)
        if checkpoint is not None:
            write_text(checkpoint, str(signed))


@app.command(name="prove")
def prove(
    seq: Annotated[int, typer.Argument(min=0, help="Number of the entry.")],
    url: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Print the proof that an entry is in the signed log, checked here. Exits 1 where it does not hold."""
    with told(as_json):

        async def asked(portal: Portal) -> object:
            return {
                "proof": await portal.get(f"/audit/{seq}/proof"),
                "keys": await keys_of(portal, key or []),
            }

        answer = ask(url, token, asked)
        found = proven(answer)
        if as_json:
            print_json(found)
        else:
            for name in ("leaf", "hash"):
                say([f"{name}: {found[name]}"])
            say(f"path: {one}" for one in texts_in(found["path"]))
            say(["checkpoint:", *str(found["checkpoint"]).split("\n")])
            say(["The entry is in the signed log." if found["holds"] else f"Not proven. {found['why']}"])
        if not found["holds"]:
            raise typer.Exit(Code.FAILED.value)


@app.command(name="checkpoint")
def checkpoint(url: PortalUrl = DEFAULT_PORTAL, token: Token = "") -> None:
    """Print the signed checkpoint, byte for byte: keep it elsewhere, and give it to --witness later."""
    with told(False):
        answer = ask(url, token, lambda portal: portal.get("/audit/checkpoint"))
        signed = text_in(answer, "checkpoint")
        if any(plain(line) != line for line in signed.split("\n")):
            raise CommandFailed(Code.FAILED, "What the portal tells is no checkpoint: it cannot be printed.")
        sys.stdout.buffer.write(signed.encode())  # whatever the locale says


@app.command(name="key")
def key(url: PortalUrl = DEFAULT_PORTAL, token: Token = "") -> None:
    """Print the public keys, the one that signs first. Note them where the portal cannot reach."""
    with told(False):
        answer = ask(url, token, lambda portal: portal.get("/audit/key"))
        say(keys_in(answer))
