"""Reads a document a person named, or says in one sentence why it cannot be read."""

from __future__ import annotations

import sys
from pathlib import Path

from sre_portal.cli.exits import Code, CommandFailed

MOST_BYTES = 262_144
"""The portal takes documents up to this size."""


def read_document(name: str, most: int = MOST_BYTES) -> str:
    """The text of a file of at most so many bytes; `-` is the standard input."""
    if name == "-":
        return _decoded("the standard input", sys.stdin.buffer.read(most + 1), most)
    try:
        with Path(name).open("rb") as file:
            content = file.read(most + 1)
    except IsADirectoryError:
        raise CommandFailed(Code.BAD_INPUT, f"{name} is a folder; give one file.") from None
    except FileNotFoundError:
        raise CommandFailed(Code.BAD_INPUT, f"There is no file {name}.") from None
    except (OSError, ValueError) as refused:  # ValueError: a NUL in the name
        why = refused.strerror if isinstance(refused, OSError) else str(refused)
        raise CommandFailed(Code.BAD_INPUT, f"{name} cannot be read: {why}.") from None
    return _decoded(name, content, most)


def _decoded(name: str, content: bytes, most: int) -> str:
    if len(content) > most:
        raise CommandFailed(Code.BAD_INPUT, f"{name} is larger than {most // 1024} KiB.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise CommandFailed(Code.BAD_INPUT, f"{name} is not a text file in UTF-8.")
    return text
