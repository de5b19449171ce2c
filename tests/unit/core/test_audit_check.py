"""Everything that is wrong with a log is a sentence, and retention is not wrong where the log states it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.audit import (
    Entry,
    event_of,
    forgotten,
    leaf_of_intent,
)
from sre_portal.core.audit_check import MOST_FINDINGS, Check, Checked, exported, parse_witness
from sre_portal.core.audit_proof import Proof
from sre_portal.core.checkpoint import NotGenuine, Signer
from sre_portal.core.merkle import inclusion_proof, leaf_hash
from tests.unit.core.audit_log import NOW, SIGNER, intent, log_of


def checked(entries: Sequence[Entry], signed: str, *witnesses: str) -> Checked:
    check = Check([parse_witness(one) for one in witnesses])
    check.take(entries)
    return check.finish(signed, SIGNER.keys)


@given(st.integers(0, 70))
def test_a_log_is_whole(size: int) -> None:
    entries, signed = log_of(size)
    witness = SIGNER.open(signed).witness
    found = checked(entries, signed, witness)
    assert (found.whole, found.size, found.witnesses) == (True, size, 1)
    assert witness == f"{found.size}:{found.root}"


@given(st.data(), st.integers(2, 60))
def test_texts_may_be_missing_below_a_stated_horizon_only(data: st.DataObject, size: int) -> None:
    stated_by = data.draw(st.integers(1, size - 1))
    horizon = data.draw(st.integers(0, stated_by))
    gone = data.draw(st.sets(st.integers(0, size - 1)))
    entries, signed = log_of(size, {stated_by: horizon})
    kept = [forgotten(one) if one.seq in gone else one for one in entries]
    found = checked(kept, signed)
    known = 0 if stated_by in gone else horizon
    assert (found.horizon, found.missing) == (known, len(gone))
    assert found.whole == all(seq < known for seq in gone)


@given(st.data(), st.integers(1, 60))
def test_a_forgotten_entry_is_still_proven(data: st.DataObject, size: int) -> None:
    entries, signed = log_of(size)
    seq = data.draw(st.integers(0, size - 1))

    def node(level: int, position: int) -> bytes:
        last = entries[((position + 1) << level) - 1]
        return bytes.fromhex((last.hash + last.nodes)[level * 64 : level * 64 + 64])

    path = tuple(inclusion_proof(seq, size, node))
    for entry in (entries[seq], forgotten(entries[seq])):
        assert Proof(entry, signed, path).holds
    assert not Proof(replace(entries[seq], leaf="{}"), signed, path).holds


@given(st.data(), st.integers(2, 60))
def test_a_horizon_above_a_younger_text_than_it_says_is_a_finding(data: st.DataObject, size: int) -> None:
    """Of the texts that are left: one a second, and an entry lets those go that were made before a second."""
    stated_by = data.draw(st.integers(1, size - 1))
    horizon, limit = data.draw(st.integers(0, stated_by)), data.draw(st.integers(0, size))
    gone = data.draw(st.integers(0, horizon))
    entries, signed = log_of(size, {stated_by: horizon}, NOW + timedelta(seconds=limit))
    kept = [forgotten(one) if one.seq < gone else one for one in entries]
    (*findings,) = checked(kept, signed).findings
    if young := [seq for seq in range(gone, horizon) if seq >= limit]:
        (finding,) = findings
        assert finding.startswith(f"Entry {stated_by}: it lets the texts below {horizon} go")
        assert finding.endswith(f"and entry {young[0]} was made later.")
    else:
        assert findings == []


@given(st.data(), st.integers(0, 40))
def test_of_a_longer_export_the_signed_part_is_checked(data: st.DataObject, size: int) -> None:
    entries, _ = log_of(40)
    head = SIGNER.open(log_of(size)[1])
    witness = data.draw(st.integers(0, 40))
    seen = SIGNER.open(log_of(witness)[1])
    check = Check([seen], columns=False, signed_size=size)
    check.take([exported(told(one)) for one in entries])
    found = check.finish(SIGNER.sign(head.size, head.root), SIGNER.keys)
    assert (found.findings, found.size, found.root, found.unchecked) == ((), size, head.root.hex(), 40 - size)
    check = Check(columns=False, signed_size=size)
    check.take([exported(told(replace(one, hash="0" * 64))) for one in entries])
    assert check.finish(SIGNER.sign(head.size, head.root), SIGNER.keys).whole == (size == 0)


def test_what_nobody_signed_explains_no_missing_text() -> None:
    entries, _ = log_of(6, {5: 4})
    kept = [forgotten(one) if one.seq < 2 else one for one in entries]
    check = Check(columns=False, signed_size=4)
    check.take(kept)
    assert len(check.finish(log_of(4)[1], SIGNER.keys).findings) == 2


def told(entry: Entry) -> str:
    return json.dumps({"seq": entry.seq, "hash": entry.hash, "leaf": entry.leaf})


def test_each_finding_is_a_sentence() -> None:
    entries, signed = log_of(4)

    def said(*changed: Entry, head: str = signed) -> str:
        return "\n".join(checked(changed, head).findings)

    first, second, third, fourth = entries
    assert "Where entry 1 should be there is entry 2." in said(first, third, fourth)
    assert "The log has 3 entries, 4 were signed: entries were removed." in said(*entries[:3])
    assert "The log has 4 entries, only 3 were signed: entries were added." in said(
        *entries, head=log_of(3)[1]
    )
    assert "Entry 1: its text was changed, it does not fit its hash." in said(
        first, replace(second, leaf="{}"), third, fourth
    )
    assert "Entry 1: actor beside the text does not say what the text says." in said(
        first, replace(second, actor="vera"), third, fourth
    )
    assert "Entry 1: the subtrees kept with it are not those it ends." in said(
        first, replace(second, nodes=""), third, fourth
    )
    assert "Entry 1: its hash is no hash." in said(first, replace(second, hash="zz"), third, fourth)
    assert "Entry 1: its text is gone, but not all that repeats it." in said(
        first, replace(second, leaf=None), third, fourth
    )
    assert "The checkpoint has no signature of a known key." in said(
        *entries, head=Signer("sre-portal/audit/test", b"z" * 32).sign(4, bytes(32))
    )
    assert "The root of the entries is not the signed root" in said(*entries, head=SIGNER.sign(4, bytes(32)))


def test_a_text_that_has_its_hash_and_is_no_entry_is_told() -> None:
    naive = (log_of(1)[0][0].leaf or "").replace('000Z"', '000"')
    for text in ("{}", "[]", "nothing", "null", '{"seq":0,"event":"0"}', naive):
        made = leaf_hash(text.encode()).hex()
        entry = replace(log_of(1)[0][0], leaf=text, hash=made)
        assert "Entry 0: its text is not an entry." in checked([entry], "").findings


def test_a_witness_finds_what_a_good_signature_hides() -> None:
    entries, signed = log_of(6)
    witness = SIGNER.open(signed).witness
    shorter, old = log_of(3)
    (finding,) = checked(shorter, old, witness).findings
    assert finding == "The log has 3 entries, a witness has seen 6: entries were removed."
    (finding,) = checked(entries, signed, "6:" + "0" * 64).findings
    assert finding.startswith("The first 6 entries are not those that a witness has seen")
    assert checked(entries, signed, SIGNER.open(old).witness).whole


def test_a_log_that_was_replaced_does_not_fill_the_memory_with_sentences() -> None:
    entries, signed = log_of(200)
    found = checked([replace(one, leaf="{}") for one in entries], signed)
    assert len(found.findings) == MOST_FINDINGS


@pytest.mark.parametrize("text", ["", "1", "1:", ":" + "0" * 64, "1:" + "0" * 63, "-1:" + "0" * 64, "x:y"])
def test_what_is_no_witness_is_told(text: str) -> None:
    with pytest.raises(NotGenuine, match="SIZE:ROOT"):
        parse_witness(text)


@pytest.mark.parametrize(
    "line", ["", "[]", "{}", '{"seq":0,"hash":"","leaf":1}', '{"seq":0,"hash":"","leaf":"","x":1}']
)
def test_what_is_no_line_of_an_export_is_told(line: str) -> None:
    with pytest.raises(ValueError, match=r"not a line|Expecting value"):
        exported(line)


def test_an_outcome_that_nobody_knows_is_no_event() -> None:
    leaf = leaf_of_intent(0, intent(0))
    with pytest.raises(KeyError):
        event_of(leaf, {**leaf, "outcome": "perhaps", "detail": ""})
