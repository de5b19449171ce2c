"""A secret key is changed in rounds: every replica reads the new one before any of them signs with it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sre_portal.core.errors import StoreUnavailable
from sre_portal.operations.keys import REPLICA_WORDS, Keys
from sre_portal.store.audit_tree import Trust
from sre_portal.store.database import open_store
from tests.store.samples import done, intent

OLD, NEW = b"o" * 32, b"n" * 32
ROUNDS = ((OLD,), (OLD, NEW), (NEW, OLD), (NEW,))


def trust(*held: bytes) -> Trust:
    return Trust(Keys(held).signer("test"))


@pytest.mark.parametrize(("before", "after"), [*pairwise(ROUNDS)])
async def test_replicas_of_two_neighbouring_rounds_write_one_log(
    url: str, before: tuple[bytes, ...], after: tuple[bytes, ...]
) -> None:
    """Each goes on where the other has signed: `old,new` takes what `new` has signed."""
    async with (
        await open_store(url, trust=trust(*before)) as one,
        await open_store(url, trust=trust(*after)) as other,
    ):
        for number in range(3):
            for store in (one, other):
                await store.audit.conclude(await store.audit.intend(intent(number)), done(number))
        assert one.audit.standing().broken == other.audit.standing().broken == ""


async def test_a_portal_with_the_old_key_and_the_new_one_goes_on_with_a_log_that_the_new_one_signed(
    url: str,
) -> None:
    async with await open_store(url, trust=trust(NEW)) as store:
        await store.audit.intend(intent())
    async with await open_store(url, trust=trust(OLD, NEW)) as store:
        await store.audit.intend(intent())
        assert store.audit.standing().broken == ""


async def test_a_round_that_is_left_out_makes_the_other_replicas_refuse(url: str) -> None:
    async with (
        await open_store(url, trust=trust(NEW, OLD)) as hasty,
        await open_store(url, trust=trust(OLD)) as other,
    ):
        await hasty.audit.intend(intent())
        with pytest.raises(StoreUnavailable):
            await other.audit.intend(intent())


@pytest.mark.parametrize(("before", "after"), [*pairwise(ROUNDS)])
def test_replicas_of_two_neighbouring_rounds_understand_each_other(
    before: tuple[bytes, ...], after: tuple[bytes, ...]
) -> None:
    one, other = Keys(before), Keys(after)
    assert other.unseal(one.seal("stop", REPLICA_WORDS), REPLICA_WORDS) == "stop"
    assert one.unseal(other.seal("stop", REPLICA_WORDS), REPLICA_WORDS) == "stop"
