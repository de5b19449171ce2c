"""Keys made from the secret keys of the settings, one for each purpose. No key serves two purposes."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BadBase64
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sre_portal.core.checkpoint import Signer, origin_of

AUDIT_CHECKPOINT = b"audit checkpoint"
TOKENS_AT_REST = b"tokens at rest"
REPLICA_WORDS = b"words of replicas"
STREAM_TICKETS = b"tickets of flag streams"

_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The first secret signs and encrypts; the others only verify and decrypt, until they are taken away."""

    held: tuple[bytes, ...]

    @classmethod
    def drawn(cls) -> Keys:
        """Keys that nobody else has and that end with the process."""
        return cls((secrets.token_bytes(32),))

    def signer(self, environment: str) -> Signer:
        """What signs the checkpoints of an environment's audit log."""
        seed, *older = (derived(secret, AUDIT_CHECKPOINT) for secret in self.held)
        return Signer(origin_of(environment), seed, tuple(older))

    def seal(self, text: str, purpose: bytes = TOKENS_AT_REST) -> str:
        """A text encrypted and authenticated (AES-256-GCM), as URL-safe base64 of nonce and ciphertext."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = AESGCM(derived(self.held[0], purpose))
        return urlsafe_b64encode(nonce + cipher.encrypt(nonce, text.encode(), None)).decode()

    def unseal(self, sealed: str, purpose: bytes = TOKENS_AT_REST) -> str | None:
        """What `seal` was given; None where no secret fits or the text was changed."""
        try:
            raw = urlsafe_b64decode(sealed)
        except (BadBase64, ValueError):
            return None
        nonce, ciphertext = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
        for secret in self.held:
            try:
                return AESGCM(derived(secret, purpose)).decrypt(nonce, ciphertext, None).decode()
            except (InvalidTag, ValueError):
                continue
        return None

    def seal_alike(self, text: str, purpose: bytes) -> str:
        """As `seal`, but the same text gives the same seal (AES-SIV): for what is compared."""
        cipher = AESSIV(derived(self.held[0], purpose))
        return urlsafe_b64encode(cipher.encrypt(text.encode(), None)).decode()

    def unseal_alike(self, sealed: str, purpose: bytes) -> str | None:
        """What `seal_alike` was given; None where no secret fits or the text was changed."""
        try:
            raw = urlsafe_b64decode(sealed)
        except (BadBase64, ValueError):
            return None
        for secret in self.held:
            try:
                return AESSIV(derived(secret, purpose)).decrypt(raw, None).decode()
            except (InvalidTag, ValueError):
                continue
        return None


def derived(secret: bytes, purpose: bytes) -> bytes:
    """32 bytes for one purpose (HKDF-SHA256). Nothing about the secret follows from them."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"sre-portal " + purpose).derive(secret)
