"""Which keys of a provider are used for a token, and when they are asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from sre_portal.clients.jwks import KeySet
from sre_portal.core.errors import LoginRefused, ProviderUnavailable
from sre_portal.core.jwt import Header
from tests.clients.conftest import Watch
from tests.providers.forge import ELLIPTIC, SIGNING, sign, sign_bytes

CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
CLAIMS = {"sub": "alice"}

Json = Mapping[str, object]


@dataclass
class Shelf:
    """A provider that shows these keys, and counts who asks."""

    keys: object
    asked: int = 0
    down: bool = False
    watch: Watch = field(default_factory=Watch)

    async def fetch(self) -> object:
        self.asked += 1
        if self.down:
            raise ProviderUnavailable("idp", "down")
        return {"keys": self.keys}

    def set(self) -> KeySet:
        return KeySet("idp", self.fetch, self.watch)


def public(key: RSAKey | ECKey | OKPKey, **changes: object) -> Json:
    return {**key.as_dict(private=False), **changes}


async def refused(keys: object, token: str, algorithm: str, key_id: str | None) -> str:
    with pytest.raises(LoginRefused) as error:
        await Shelf(keys).set().verified(token, Header(algorithm, key_id))
    return error.value.reason


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
async def test_every_rsa_algorithm_is_verified(algorithm: str) -> None:
    token = sign(CLAIMS, SIGNING, algorithm)
    shelf = Shelf([public(SIGNING)])
    assert await shelf.set().verified(token, Header(algorithm, "signing")) == CLAIMS


@pytest.mark.parametrize("algorithm", CURVES)
async def test_every_elliptic_algorithm_is_verified_with_its_own_curve(algorithm: str) -> None:
    keys = {name: ECKey.generate_key(curve, {"kid": name}) for name, curve in CURVES.items()}
    token = sign(CLAIMS, keys[algorithm], algorithm)
    shown = [public(key) for key in keys.values()]
    assert await Shelf(shown).set().verified(token, Header(algorithm, algorithm)) == CLAIMS
    assert await Shelf(shown).set().verified(token, Header(algorithm, None)) == CLAIMS
    others = [public(key, kid=algorithm) for name, key in keys.items() if name != algorithm]
    reason = await refused(others, token, algorithm, algorithm)
    assert reason == f"key: that of the token is not one for signatures with {algorithm}"


@pytest.mark.parametrize("algorithm", ["Ed25519", "EdDSA"])
async def test_an_edwards_key_is_verified(algorithm: str) -> None:
    key = OKPKey.generate_key("Ed25519", {"kid": "edwards"})
    header = f'{{"alg": "{algorithm}", "kid": "edwards"}}'.encode()
    token = sign_bytes(header, b'{"sub": "alice"}', key, "Ed25519")
    assert await Shelf([public(key)]).set().verified(token, Header(algorithm, "edwards")) == CLAIMS


@pytest.mark.parametrize(
    "changes",
    [
        {"use": "enc"},
        {"alg": "RS512"},
        {"kty": "oct"},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
    ],
)
async def test_a_key_that_is_meant_for_something_else_is_not_used(changes: Json) -> None:
    keys = [{**public(SIGNING), **changes}]
    reason = await refused(keys, sign(CLAIMS), "RS256", "signing")
    assert reason == "key: that of the token is not one for signatures with RS256"


@pytest.mark.parametrize("changes", [{"n": "!" * 400}, {"e": ""}, {"e": 65537}])
async def test_a_key_that_cannot_be_read_is_refused(changes: Json) -> None:
    reason = await refused([{**public(SIGNING), **changes}], sign(CLAIMS), "RS256", "signing")
    assert reason == "key: that of the token cannot be read"


async def test_what_is_no_key_stands_in_nobodys_way() -> None:
    shelf = Shelf(["no key", 7, {}, {"kty": "AKP", "kid": "new"}, public(SIGNING)])
    assert await shelf.set().verified(sign(CLAIMS), Header("RS256", "signing")) == CLAIMS


@pytest.mark.parametrize("keys", [None, {}, "keys", [{}] * 101])
async def test_a_key_set_that_is_none_makes_the_provider_unavailable(keys: object) -> None:
    with pytest.raises(ProviderUnavailable) as failed:
        await Shelf(keys).set().verified(sign(CLAIMS), Header("RS256", "signing"))
    assert failed.value.reason == "its keys are not a list of at most 100"


async def test_keys_serve_on_while_the_provider_is_down_and_it_is_not_asked_at_every_token() -> None:
    shelf = Shelf([public(SIGNING)])
    keys = shelf.set()
    await keys.verified(sign(CLAIMS), Header("RS256", "signing"))
    shelf.watch.move(3600)
    shelf.down = True
    for _ in range(3):
        assert await keys.verified(sign(CLAIMS), Header("RS256", "signing")) == CLAIMS
    assert shelf.asked == 2


async def test_a_new_key_is_found_right_after_the_old_ones_were_fetched() -> None:
    shelf = Shelf([public(ELLIPTIC)])
    keys = shelf.set()
    await keys.verified(sign(CLAIMS, ELLIPTIC, "ES256"), Header("ES256", "elliptic"))
    shelf.keys = [public(SIGNING)]
    assert await keys.verified(sign(CLAIMS), Header("RS256", "signing")) == CLAIMS


async def test_keys_of_one_name_are_not_guessed_among() -> None:
    twins: Sequence[Json] = [public(SIGNING), public(RSAKey.generate_key(2048), kid="signing")]
    assert (await refused(twins, sign(CLAIMS), "RS256", "signing")).startswith("kid: ")
