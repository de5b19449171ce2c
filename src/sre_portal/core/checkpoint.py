"""Signed checkpoints: how large the log is and what its root is, in the format of C2SP tlog-checkpoint.

    sre-portal/audit/production
    1042
    <root, base64>

That is the text of a signed note.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from sre_portal.core.signed_note import (
    ED25519,
    MARK,
    NotGenuine,
    Signature,
    VerifierKey,
    decoded,
    parted,
    require_signature,
    sign_note,
)

__all__ = [
    "CARRIED",
    "ED25519",
    "MARK",
    "Checkpoint",
    "NotGenuine",
    "Signer",
    "VerifierKey",
    "open_checkpoint",
    "origin_of",
    "parse_checkpoint",
]

CARRIED = "sre-portal/audit/carried"
"""The name of a log that a migration made out of rows that nobody had signed."""

WHAT = "checkpoint"

_BODY = re.compile(r"(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,15})\n(?P<root>[A-Za-z0-9+/]{43}=)\n")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The first `size` entries of the log `origin` have the root `root` (32 bytes)."""

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @property
    def witness(self) -> str:
        """`SIZE:ROOT`, the root in hexadecimal: short enough for a notification."""
        return f"{self.size}:{self.root.hex()}"


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """Signs with the newest secret, and knows the public keys of the older ones. All Ed25519."""

    origin: str
    seed: bytes
    older: tuple[bytes, ...] = ()
    """Seeds of keys that signed before."""

    def sign(self, size: int, root: bytes) -> str:
        """The signed text of a checkpoint."""
        return self.note(Checkpoint(self.origin, size, root).body)

    def note(self, body: str) -> str:
        """A signed note. Its text has to say what it is: none may pass for one of another kind."""
        return sign_note(self.origin, self.seed, body)

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """The public keys, the one that signs first."""
        return tuple(VerifierKey.of(self.origin, seed) for seed in (self.seed, *self.older))

    def open(self, text: str) -> Checkpoint:
        """The checkpoint of a text that one of these keys signed for this log. Raises `NotGenuine`.

        Logs of several environments may be signed with one key; each is believed under its own name only.
        """
        return open_checkpoint(text, self.keys)


def origin_of(environment: str) -> str:
    """The name of the log of an environment. A name of a key holds no space and no plus."""
    return f"sre-portal/audit/{re.sub('[^A-Za-z0-9._-]+', '-', environment) or 'unnamed'}"


def parse_checkpoint(text: str) -> Checkpoint:
    """What a text claims, whoever signed it. Raises `NotGenuine`."""
    return _parsed(text)[0]


def open_checkpoint(text: str, keys: Sequence[VerifierKey]) -> Checkpoint:
    """The checkpoint of a text that one of the keys signed. Raises `NotGenuine`."""
    checkpoint, signatures = _parsed(text)
    names = sorted({key.name for key in keys})
    if names and checkpoint.origin not in names:
        raise NotGenuine(f"The checkpoint is of the log {checkpoint.origin}, not of {', '.join(names)}.")
    own = [key for key in keys if key.name == checkpoint.origin]
    require_signature(checkpoint.body, signatures, own, WHAT)
    return checkpoint


def _parsed(text: str) -> tuple[Checkpoint, list[Signature]]:
    body, gap, _ = text.partition("\n\n")
    found = _BODY.fullmatch(f"{body}\n" if gap else text)
    if found is None:
        raise NotGenuine("This is not a checkpoint of an audit log.")
    checkpoint = Checkpoint(found["origin"], int(found["size"]), decoded(found["root"]))
    return checkpoint, parted(text, WHAT)[1]
