"""The collector rests while very much is made, and is as it was afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from sre_portal.operations.uncollected import uncollected


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    was = gc.isenabled()
    yield
    (gc.enable if was else gc.disable)()


def test_the_collector_rests_until_the_last_one_is_done() -> None:
    gc.enable()
    with uncollected():
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_works_again_after_a_failure() -> None:
    gc.enable()
    with pytest.raises(ValueError, match="x"), uncollected():
        raise ValueError("x")
    assert gc.isenabled()


def test_where_it_was_off_it_stays_off() -> None:
    gc.disable()
    with uncollected():
        assert not gc.isenabled()
    assert not gc.isenabled()


def test_threads_that_overlap_leave_it_on() -> None:
    gc.enable()
    together = Barrier(4)

    def work() -> bool:
        with uncollected():
            together.wait(10)
            return gc.isenabled()

    with ThreadPoolExecutor(4) as pool:
        assert [one.result() for one in [pool.submit(work) for _ in range(4)]] == [False] * 4
    assert gc.isenabled()
