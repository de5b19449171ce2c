"""The secret key of an embedded portal: drawn once, kept in a file that only its owner reads."""

from __future__ import annotations

import os
import secrets
from base64 import b64encode
from contextlib import suppress
from pathlib import Path

from sre_portal.core.errors import InvalidInput, Problem

KEY_BYTES = 32


def read_or_draw(file: Path) -> str:
    """The text of the file; a new key in base64 where there is no file. Raises `InvalidInput`."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            with suppress(FileExistsError):  # somebody else was first
                _write(file, b64encode(secrets.token_bytes(KEY_BYTES)))
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as refused:
        why = refused.strerror if isinstance(refused, OSError) else "not base64"
        expected = "a file that can be read and written, or SRE_PORTAL_SECRET_KEY"
        raise InvalidInput([Problem("SRE_PORTAL_SECRET_KEY", f"{file}: {why}", expected)]) from None


def _write(file: Path, key: bytes) -> None:
    """Whole or not at all: another program never reads half a key."""
    part = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(key)
            opened.flush()
            os.fsync(opened.fileno())
        os.link(part, file)
    finally:
        part.unlink()
