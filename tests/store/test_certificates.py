"""Certificates of drills are kept as they were issued."""

from __future__ import annotations

from datetime import timedelta

from sre_portal.core.certificate import Certificate
from sre_portal.core.run import Verdict
from sre_portal.store.database import SqlStore
from tests.store.samples import NOW


def certificate(
    run_id: int, flag: str = "a", verdict: Verdict = Verdict.PASSED, flag_set: str = "shop"
) -> Certificate:
    at = NOW + timedelta(seconds=run_id)
    return Certificate(run_id, flag_set, flag, verdict, at, f"text of {run_id}\n\n{chr(0x2014)} sig\n")


async def test_those_of_a_run_come_back_to_the_letter(store: SqlStore) -> None:
    both = [certificate(1, "a"), certificate(1, "b", Verdict.FAILED)]
    await store.certificates.add([both[1], both[0]])
    await store.certificates.add([certificate(2)])
    assert await store.certificates.of_run(1) == both
    assert await store.certificates.of_run(3) == []


async def test_those_of_a_flag_are_read_newest_first(store: SqlStore) -> None:
    kept = [certificate(1), certificate(2, verdict=Verdict.ABORTED), certificate(3)]
    await store.certificates.add([*kept, certificate(4, "b"), certificate(5, flag_set="pay")])
    assert await store.certificates.of_flag("shop", "a", 10) == kept[::-1]
    assert await store.certificates.of_flag("shop", "a", 1) == [kept[2]]


async def test_only_what_passed_counts_as_the_last_drill(store: SqlStore) -> None:
    await store.certificates.add([certificate(1), certificate(2), certificate(3, verdict=Verdict.FAILED)])
    await store.certificates.add([certificate(4, "b", Verdict.INVALID), certificate(5, flag_set="pay")])
    assert await store.certificates.last_passed("shop") == {"a": (2, NOW + timedelta(seconds=2))}
    assert await store.certificates.last_passed("none") == {}


async def test_one_that_was_issued_never_changes(store: SqlStore) -> None:
    await store.certificates.add([certificate(1)])
    await store.certificates.add([certificate(1, verdict=Verdict.FAILED)])
    assert await store.certificates.of_run(1) == [certificate(1)]
