"""`sre-portal flags moves`: whom a change of a flag would move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import typer

from sre_portal.cli.ask import ask, part
from sre_portal.cli.document import read_document
from sre_portal.cli.exits import Code, CommandFailed, print_json, told
from sre_portal.cli.flags_written import parse_share, read_definition
from sre_portal.cli.option import DEFAULT_PORTAL, AsJson, PortalUrl, Token
from sre_portal.cli.plain import say

MOST_KEY_BYTES = 64 * 1024 * 1024
"""Of a file of keys, which is sent in parts."""
PART_CHARACTERS = 400_000
"""A part in JSON stays below what the portal takes, also where every character is escaped."""
PART_KEYS = 50_000
SLOW_SECONDS = 60.0


def moves(
    flag_set: Annotated[str, typer.Argument(metavar="SET", help="The set of flags.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key of the flag.")],
    definition: Annotated[
        str, typer.Option("--definition", metavar="FILE", help="What it is to be, as JSON without its key.")
    ] = "",
    share: Annotated[
        str, typer.Option("--share", metavar="VARIANT=PERCENT", help="Another share, such as on=25.")
    ] = "",
    epoch: Annotated[
        int | None, typer.Option("--epoch", min=1, max=3, help="Another generation of the hash.")
    ] = None,
    keys: Annotated[
        str, typer.Option("--keys", metavar="FILE", help="A targeting key in each line: exactly who moves.")
    ] = "",
    attribute: Annotated[
        str, typer.Option("--attribute", metavar="PATH", help="Where in the context the keys are put.")
    ] = "targetingKey",
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Say what share of people a change would move, and exactly which of those in a file. Changes nothing."""
    from sre_portal.cli.flags_seen import moves_lines, with_more

    with told(as_json):
        change = _change(definition, share, epoch)
        path = f"/flags/{part(flag_set)}/{part(key)}/moves"
        answer: object = None
        for some in _parts(keys) if keys else [None]:
            people = {} if some is None else {"keys": some, "attribute": attribute}
            more = _asked(portal, token, path, {**change, **people})
            answer = more if answer is None else with_more(answer, more)
        lines = moves_lines(answer)
        print_json(answer) if as_json else say(lines)


def _asked(portal: str, token: str, path: str, body: Mapping[str, object]) -> object:
    return ask(portal, token, lambda at: at.post(path, body, SLOW_SECONDS))


def _change(definition: str, share: str, epoch: int | None) -> Mapping[str, object]:
    given = [bool(definition), bool(share), epoch is not None]
    if sum(given) != 1:
        raise CommandFailed(Code.BAD_INPUT, "Give one of --definition, --share and --epoch.")
    if definition:
        return {"definition": read_definition(definition)}
    if share:
        return {"share": parse_share(share)}
    return {"epoch": epoch}


def _parts(name: str) -> Iterator[Sequence[str]]:
    """The keys of a file in parts that a request can hold; at least one, perhaps empty."""
    part: list[str] = []
    size = 0
    for line in read_document(name, MOST_KEY_BYTES).splitlines():
        if part and (len(part) >= PART_KEYS or size + len(line) > PART_CHARACTERS):
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line) + 4
    yield part
