"""What is changed in the database is found: by the portal, and by a verifier that shares no code with it."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from sre_portal.core.audit import forgotten
from sre_portal.core.audit_check import Check, parse_witness
from sre_portal.core.checkpoint import Signer, parse_checkpoint
from sre_portal.store.database import SqlStore
from tests.store.samples import KEYS, TRUST, done, intent
from tests.store.tamper import TAMPERINGS, Log, Rollback, Tampering, exported, write
from tests.store.verifier import SCRIPT, findings, load
from tests.unit.core.audit_log import NOW, SIGNER, log_of

EACH = 6
"""Draws of each kind of tampering; the benchmark makes ten thousand."""

KINDS: tuple[Tampering, ...] = (*TAMPERINGS, Rollback(TRUST.signer))


@pytest.fixture(scope="module")
def verifier() -> ModuleType:
    return load()


@pytest.fixture
async def log(store: SqlStore) -> Log:
    for number in range(20):
        await store.audit.conclude(await store.audit.intend(intent(number)), done(number))
    return Log(tuple(await store.audit.entries(None, 100)), await store.audit.checkpoint())


async def found_by_the_portal(store: SqlStore, witness: str) -> bool:
    check = Check([parse_witness(witness)] if witness else ())
    while page := await store.audit.entries(check.last, 17):
        check.take(page)
    return not check.finish(await store.audit.checkpoint(), TRUST.signer.keys).whole


def name_of(kind: Tampering) -> str:
    return getattr(kind, "__name__", type(kind).__name__)


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
async def test_tampering_is_found(
    kind: Tampering, store: SqlStore, log: Log, verifier: ModuleType, tmp_path: Path
) -> None:
    random = Random(name_of(kind))
    for _ in range(EACH):
        tampered = kind(log, random)
        assert tampered != log
        await store.database.write(lambda one, log=tampered: write(one, log))  # type: ignore[misc]
        assert await found_by_the_portal(store, tampered.witness), tampered
        if tampered.told != log.told:
            assert findings(verifier, tampered, str(TRUST.signer.keys[0]), tmp_path), tampered


async def test_the_log_itself_is_whole(
    store: SqlStore, log: Log, verifier: ModuleType, tmp_path: Path
) -> None:
    await store.database.write(lambda one: write(one, log))
    witness = parse_checkpoint(log.checkpoint).witness
    assert not await found_by_the_portal(store, witness)
    kept = Log(log.rows, log.checkpoint, witness)
    assert findings(verifier, kept, str(TRUST.signer.keys[0]), tmp_path) == []


def test_the_verifier_has_fewer_than_a_hundred_lines_and_needs_nothing_but_python() -> None:
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 100
    named = [line.split()[1] for line in lines if line.startswith(("import ", "from "))]
    assert set(named) <= sys.stdlib_module_names


async def test_the_verifier_takes_all_keys_that_were_noted(
    log: Log, verifier: ModuleType, tmp_path: Path
) -> None:
    older, own = str(Signer("sre-portal/audit/test", b"o" * 32).keys[0]), str(TRUST.signer.keys[0])
    for keys in (f"{own}\n{older}\n", f"{older}\n{own}", f"{older}, {own}"):
        assert findings(verifier, log, keys, tmp_path) == []
    named_otherwise = str(KEYS.signer("other").keys[0])
    for keys in (older, named_otherwise, ""):
        assert findings(verifier, log, keys, tmp_path) == [
            "the checkpoint is not signed with a key that was given"
        ]


def test_the_verifier_finds_a_horizon_that_lets_younger_texts_go(
    verifier: ModuleType, tmp_path: Path
) -> None:
    for seconds, wrong in ((4, False), (3, True), (2, True)):
        entries, checkpoint = log_of(6, {5: 4}, NOW + timedelta(seconds=seconds))
        told = findings(verifier, Log(tuple(entries), checkpoint), str(SIGNER.keys[0]), tmp_path)
        assert told == ["Entry 5: it lets younger texts go than it says."] * wrong
        kept = tuple(forgotten(one) if one.seq < 3 else one for one in entries)
        told = findings(verifier, Log(kept, checkpoint), str(SIGNER.keys[0]), tmp_path)
        assert told == ["Entry 5: it lets younger texts go than it says."] * wrong


async def test_the_verifier_says_what_is_wrong_and_exits_so(log: Log, tmp_path: Path) -> None:
    def told(text: str, *witnesses: str) -> tuple[int, str]:
        (tmp_path / "log").write_text(text)
        (tmp_path / "checkpoint").write_text(log.checkpoint)
        given = (str(tmp_path / "log"), str(tmp_path / "checkpoint"), str(TRUST.signer.keys[0]), *witnesses)
        command = [sys.executable, "-I", str(SCRIPT), *given]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.stderr == ""
        return ended.returncode, ended.stdout

    assert told(exported(log)) == (0, "The log is whole.\n")
    code, said = told(exported(log), "41:" + "0" * 64)
    assert (code, said) == (1, "The first 41 entries do not have the root that is known of them.\n")
    code, said = told(exported(log).replace("omar", "vera", 1))
    assert (code, said) == (1, "Entry 0: its text does not have its hash.\n")
    (tmp_path / "log").write_text(exported(log) + '{"seq":40,"hash":"' + "0" * 64 + '","leaf":"later"}\n')
    later = (tmp_path / "log").read_text()
    said = "The last 1 entries came after the checkpoint and are not checked.\nThe log is whole.\n"
    assert told(later) == (0, said)
    code, said = told("".join(exported(log).splitlines(keepends=True)[:-1]))
    assert (code, said.splitlines()[0]) == (1, "The log has 39 entries, 40 were signed.")
    code, said = told("not json")
    assert code == 1
    assert said.startswith("This cannot be checked: ")
