"""Signed checkpoints: how large the log is and what its root is, in the format of C2SP tlog-checkpoint.

    sre-portal/audit/production
    1042
    <root, base64>

    - sre-portal/audit/production <key id and Ed25519 signature, base64>

The text before the empty line is signed. The line of a signature begins with an em dash, here a hyphen.
A key is named by the log it signs, and identified by four bytes.
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

CARRIED = "sre-portal/audit/carried"
"""The name of a log that a migration made out of rows that nobody had signed."""

ED25519 = b"\x01"
"""How signed notes number the kind of signature."""

_BODY = re.compile(r"(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,15})\n(?P<root>[A-Za-z0-9+/]{43}=)\n")
_SIGNATURE = re.compile(f"{MARK} (?P<name>[^ +\\n]+) (?P<signature>[A-Za-z0-9+/]+={{0,2}})\\n")


class NotGenuine(ValueError):
    """A checkpoint, signature or key that cannot be believed. The message is a sentence for a person."""


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


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under the name of the log it signs, spelled `name+id+base64`."""

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
        key = _decoded(encoded)
        found = cls(name, key[1:])
        if key[:1] != ED25519 or len(key) != 33 or found.id.hex() != identity:
            raise NotGenuine("This is not a key of an audit log: name+id+base64, as `audit key` prints it.")
        return found


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """Signs checkpoints with the newest secret, and knows the public keys of the older ones. All Ed25519."""

    origin: str
    seed: bytes
    older: tuple[bytes, ...] = ()
    """Seeds of keys that signed before."""

    def sign(self, size: int, root: bytes) -> str:
        """The signed text of a checkpoint."""
        body = Checkpoint(self.origin, size, root).body
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(body.encode())
        return f"{body}\n{MARK} {self.origin} {b64encode(self.keys[0].id + signature).decode()}\n"

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """The public keys, the one that signs first."""
        return tuple(VerifierKey(self.origin, _public(seed)) for seed in (self.seed, *self.older))

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
    for name, signature in signatures:
        for key in keys:
            if name == key.name == checkpoint.origin and signature[:4] == key.id:
                _check(key, signature[4:], checkpoint.body)
                return checkpoint
    names = sorted({key.name for key in keys})
    if names and checkpoint.origin not in names:
        raise NotGenuine(f"The checkpoint is of the log {checkpoint.origin}, not of {', '.join(names)}.")
    raise NotGenuine("The checkpoint has no signature of a known key.")


def _check(key: VerifierKey, signature: bytes, body: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, body.encode())
    except InvalidSignature:
        raise NotGenuine("The signature of the checkpoint does not fit its text.") from None


def _parsed(text: str) -> tuple[Checkpoint, list[tuple[str, bytes]]]:
    body, gap, signed = text.partition("\n\n")
    found = _BODY.fullmatch(f"{body}\n" if gap else text)
    if found is None:
        raise NotGenuine("This is not a checkpoint of an audit log.")
    checkpoint = Checkpoint(found["origin"], int(found["size"]), _decoded(found["root"]))
    lines = [_SIGNATURE.fullmatch(line) for line in signed.splitlines(keepends=True)]
    return checkpoint, [
        (line["name"], _decoded(line["signature"])) if line else _no_signature() for line in lines
    ]


def _no_signature() -> tuple[str, bytes]:
    raise NotGenuine("A line of the checkpoint is not a signature.")


def _decoded(text: str) -> bytes:
    """Bytes of base64 that is written the one right way. Raises `NotGenuine`."""
    try:
        found = b64decode(text, validate=True)
    except (BadBase64, ValueError):
        raise NotGenuine("This is not base64.") from None
    if b64encode(found).decode() != text:
        raise NotGenuine("This is not base64 as it should be written.")
    return found


def _public(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
