"""Texts with signatures below them, in the format of C2SP signed-note.

    <the text, which ends with a line feed>

    - sre-portal/audit/production <key id and Ed25519 signature, base64>

The text before the empty line is signed. The line of a signature begins with an em dash, here a hyphen.
A key is named by the log it signs for, and identified by four bytes.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MARK = chr(0x2014)
"""An em dash: begins the line of a signature."""

ED25519 = b"\x01"
"""How signed notes number the kind of signature."""

_SIGNATURE = re.compile(f"{MARK} (?P<name>[^ +\\n]+) (?P<signature>[A-Za-z0-9+/]+={{0,2}})\\n")

Signature = tuple[str, bytes]
"""The name of a key; its id and the signature."""


class NotGenuine(ValueError):
    """A note, signature or key that cannot be believed. The message is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under the name of the log it signs for, spelled `name+id+base64`."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Raises `NotGenuine`."""
        name, _, rest = text.strip().partition("+")
        identity, _, encoded = rest.partition("+")
        key = decoded(encoded)
        found = cls(name, key[1:])
        if key[:1] != ED25519 or len(key) != 33 or found.id.hex() != identity:
            raise NotGenuine("This is not a key of an audit log: name+id+base64, as `audit key` prints it.")
        return found

    @classmethod
    def of(cls, name: str, seed: bytes) -> VerifierKey:
        """The public half of a secret."""
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw())


def sign_note(name: str, seed: bytes, body: str) -> str:
    """The text with one signature. It has to end with a line feed and hold no empty line."""
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(body.encode())
    signed = b64encode(VerifierKey.of(name, seed).id + signature).decode()
    return f"{body}\n{MARK} {name} {signed}\n"


def parted(text: str, what: str) -> tuple[str, list[Signature]]:
    """The text that is signed, and the signatures below it, unchecked. Raises `NotGenuine`."""
    body, gap, below = text.partition("\n\n")
    lines = [_SIGNATURE.fullmatch(line) for line in below.splitlines(keepends=True)]
    return f"{body}\n" if gap else text, [
        (line["name"], decoded(line["signature"])) if line else _no_signature(what) for line in lines
    ]


def require_signature(
    body: str, signatures: Sequence[Signature], keys: Sequence[VerifierKey], what: str
) -> VerifierKey:
    """The key that signed a text. Raises `NotGenuine` where none did, or the signature is wrong."""
    for name, signature in signatures:
        for key in keys:
            if name == key.name and signature[:4] == key.id:
                try:
                    Ed25519PublicKey.from_public_bytes(key.public).verify(signature[4:], body.encode())
                except InvalidSignature:
                    raise NotGenuine(f"The signature of the {what} does not fit its text.") from None
                return key
    raise NotGenuine(f"The {what} has no signature of a known key.")


def decoded(text: str) -> bytes:
    """Bytes of base64 that is written the one right way. Raises `NotGenuine`."""
    try:
        found = b64decode(text, validate=True)
    except (BadBase64, ValueError):
        raise NotGenuine("This is not base64.") from None
    if b64encode(found).decode() != text:
        raise NotGenuine("This is not base64 as it should be written.")
    return found


def _no_signature(what: str) -> Signature:
    raise NotGenuine(f"A line of the {what} is not a signature.")
