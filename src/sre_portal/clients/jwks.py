"""A provider's public keys, and whether a token is signed with one of them."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from sre_portal.core.complaint import shown
from sre_portal.core.errors import LoginRefused, ProviderUnavailable
from sre_portal.core.jwt import ALGORITHMS, Claims, Header, read_claims
from sre_portal.core.ports import Clock

KEPT = timedelta(hours=1)
"""Keys this old are asked for again before they are used; old ones serve on where the provider is down."""

ASKED_AGAIN = timedelta(seconds=10)
"""At most this often the keys are asked for because of a `kid` that nobody knows: anybody can invent one."""

SHORTEST_RSA = 2048
"""Bits."""

MOST_KEYS = 100

_CURVES: Mapping[str, str] = {
    "ES256": "P-256",
    "ES384": "P-384",
    "ES512": "P-521",
    "EdDSA": "Ed25519",
    "Ed25519": "Ed25519",
}

PublicKey = RSAKey | ECKey | OKPKey

Fetch = Callable[[], Awaitable[object]]
"""Asks the provider for its key set. Raises `ProviderUnavailable`."""


@dataclass(slots=True)
class KeySet:
    """The keys of one provider, fetched when they are needed."""

    system: str
    fetch: Fetch
    clock: Clock
    _keys: Sequence[Mapping[str, object]] = ()
    _fetched_at: datetime | None = None
    _tried_at: datetime | None = None
    _searched_at: datetime | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def verified(self, token: str, header: Header) -> Claims:
        """The claims of a token that is signed with a key of the provider.

        Raises `LoginRefused`, and `ProviderUnavailable` where there never were keys.
        """
        await self._renew()
        candidates = self._named(header.key_id)
        if not candidates:
            await self._search()
            candidates = self._named(header.key_id)
        if not candidates:
            raise LoginRefused(f"kid: the provider has no key {shown(header.key_id)}")
        fitting = [one for one in candidates if _fits(one, header.algorithm)]
        if not fitting:
            raise LoginRefused(f"key: that of the token is not one for signatures with {header.algorithm}")
        if len(fitting) > 1:
            raise LoginRefused("kid: the token names no key, and the provider has several")
        return _checked(token, header.algorithm, _imported(fitting[0], header.algorithm))

    def _named(self, key_id: str | None) -> Sequence[Mapping[str, object]]:
        return [key for key in self._keys if key_id is None or key.get("kid") == key_id]

    async def _renew(self) -> None:
        """Fetches keys that are missing or old."""
        async with self._lock:
            now = self.clock.now()
            if self._fetched_at is not None and now - self._fetched_at < KEPT:
                return
            if self._keys and self._tried_at is not None and now - self._tried_at < ASKED_AGAIN:
                return
            await self._fetch(now)

    async def _search(self) -> None:
        """Fetches the keys for the sake of one that is not among them, unless that was done just now."""
        async with self._lock:
            now = self.clock.now()
            if self._searched_at is None or now - self._searched_at >= ASKED_AGAIN:
                self._searched_at = now
                await self._fetch(now)

    async def _fetch(self, now: datetime) -> None:
        self._tried_at = now
        try:
            self._keys = tuple(_read(await self.fetch(), self.system))
            self._fetched_at = now
        except ProviderUnavailable:
            if not self._keys:
                raise


def _read(value: object, system: str) -> Iterator[Mapping[str, object]]:
    keys = value.get("keys") if isinstance(value, Mapping) else None
    if not isinstance(keys, list) or len(keys) > MOST_KEYS:
        raise ProviderUnavailable(system, f"its keys are not a list of at most {MOST_KEYS}")
    yield from (key for key in keys if isinstance(key, Mapping))


def _fits(key: Mapping[str, object], algorithm: str) -> bool:
    """Whether a key is meant for signatures with an algorithm. Others of the set are none of our business."""
    operations = key.get("key_ops")
    return (
        key.get("kty") == ALGORITHMS[algorithm]
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (operations is None or (isinstance(operations, list) and "verify" in operations))
        and (algorithm not in _CURVES or key.get("crv") == _CURVES[algorithm])
    )


def _imported(key: Mapping[str, object], algorithm: str) -> PublicKey:
    kinds: Mapping[str, type[PublicKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    public: dict[str, str | list[str]] = {
        name: value
        for name, value in key.items()
        if name in {"kty", "n", "e", "crv", "x", "y"} and isinstance(value, str)
    }
    if len(str(public.get("n", ""))) * 6 < SHORTEST_RSA and public["kty"] == "RSA":
        raise LoginRefused(f"key: that of the token has fewer than {SHORTEST_RSA} bits")
    try:
        return kinds[ALGORITHMS[algorithm]].import_key(public)
    except (JoseError, ValueError, KeyError, TypeError):
        raise LoginRefused("key: that of the token cannot be read") from None


def _checked(token: str, algorithm: str, key: PublicKey) -> Claims:
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    try:
        # joserfc warns of the name EdDSA, which leaves the curve open; `_fits` has held it to Ed25519.
        with warnings.catch_warnings(action="ignore", category=SecurityWarning):
            signed = jws.deserialize_compact(token, key, registry=registry)
    except (JoseError, ValueError, TypeError):
        raise LoginRefused("signature: it is not the provider's") from None
    return read_claims(signed.payload)
