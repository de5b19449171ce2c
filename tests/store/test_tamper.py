"""What is changed in the database is found: by the portal, and by a verifier that shares no code with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from sre_portal.core.audit_check import Check, parse_witness
from sre_portal.core.checkpoint import parse_checkpoint
from sre_portal.store.database import SqlStore
from tests.store.samples import TRUST, done, intent
from tests.store.tamper import TAMPERINGS, Log, Rollback, Tampering, exported, write
from tests.store.verifier import SCRIPT, findings, load

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
    code, said = told("not json")
    assert code == 1
    assert said.startswith("This cannot be checked: ")
