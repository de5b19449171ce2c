"""`sre-portal audit` believes no portal: it checks what it is given."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sre_portal.core.audit import Entry
from sre_portal.core.checkpoint import Signer
from sre_portal.core.merkle import inclusion_proof
from tests.cli.conftest import Invoke
from tests.cli.stub import Reply, StubPortal, in_turn
from tests.unit.core.audit_log import SIGNER, log_of

KEY = str(SIGNER.keys[0])


def line(entry: Entry) -> dict[str, object]:
    return {"seq": entry.seq, "hash": entry.hash, "leaf": entry.leaf}


@dataclass
class Told:
    """A log, and a portal that answers about it."""

    portal: StubPortal
    entries: list[Entry]
    checkpoint: str

    def answer(self, key: str = KEY, findings: tuple[str, ...] = ()) -> None:
        size = len(self.entries)
        self.portal.on("GET /audit/key", Reply(200, {"keys": [key]}))
        self.portal.on("GET /audit/checkpoint", Reply(200, {"checkpoint": self.checkpoint}))
        self.portal.on("GET /audit/entries?limit=1000", Reply(200, [line(one) for one in self.entries]))
        self.portal.on(f"GET /audit/entries?from={size}&limit=1000", Reply(200, []))
        self.portal.on("GET /audit/verify", Reply(200, {"findings": list(findings)}))

    def write(self, folder: Path) -> tuple[str, ...]:
        """Files for an offline check, as options."""
        (folder / "log.jsonl").write_text("".join(f"{json.dumps(line(one))}\n" for one in self.entries))
        (folder / "checkpoint").write_text(self.checkpoint)
        return "--file", str(folder / "log.jsonl"), "--checkpoint", str(folder / "checkpoint")


@pytest.fixture
def log(portal: StubPortal) -> Told:
    entries, checkpoint = log_of(5)
    found = Told(portal, entries, checkpoint)
    found.answer()
    return found


def test_a_whole_log_is_told_with_its_witness(invoke: Invoke, log: Told) -> None:
    result = invoke("audit", "verify")
    witness = SIGNER.open(log.checkpoint).witness
    assert result.stdout == f"The log is whole: 5 entries.\nKeep it as a witness: {witness}\n"
    assert result.exit_code == 0
    assert json.loads(invoke("audit", "verify", "--json").stdout)["whole"] is True


def test_every_finding_is_told_those_here_and_those_there(invoke: Invoke, log: Told) -> None:
    log.entries[2] = replace(log.entries[2], leaf="{}")
    log.answer(findings=("Entry 1: actor beside the text does not say what the text says.",))
    result = invoke("audit", "verify")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "Entry 2: its text was changed, it does not fit its hash.",
        "Entry 1: actor beside the text does not say what the text says.",
    ]
    document = json.loads(invoke("audit", "verify", "--json").stdout)
    assert (document["whole"], len(document["findings"])) == (False, 2)


def test_a_portal_that_lies_about_its_key_is_found_by_the_key_that_was_noted(
    invoke: Invoke, log: Told
) -> None:
    liar = Signer(SIGNER.origin, b"l" * 32)
    head = SIGNER.open(log.checkpoint)
    log.checkpoint = liar.sign(head.size, head.root)
    log.answer(key=str(liar.keys[0]))
    assert invoke("audit", "verify").exit_code == 0
    result = invoke("audit", "verify", "--key", KEY)
    assert (result.exit_code, result.stdout) == (1, "The checkpoint has no signature of a known key.\n")


def test_a_witness_finds_what_was_cut_off(invoke: Invoke, log: Told, tmp_path: Path) -> None:
    later = log_of(9)[1]
    (tmp_path / "kept").write_text(later)
    for witness in (SIGNER.open(later).witness, str(tmp_path / "kept")):
        result = invoke("audit", "verify", "--witness", witness)
        assert result.exit_code == 1
        assert result.stdout == "The log has 5 entries, a witness has seen 9: entries were removed.\n"
    earlier = SIGNER.open(log_of(3)[1]).witness
    assert invoke("audit", "verify", "--witness", earlier).exit_code == 0


def test_an_export_is_checked_without_a_portal(invoke: Invoke, log: Told, tmp_path: Path) -> None:
    files = log.write(tmp_path)
    result = invoke("audit", "verify", *files, "--key", KEY)
    assert (result.exit_code, log.portal.asked) == (0, [])
    log.entries.pop(1)
    result = invoke("audit", "verify", *log.write(tmp_path), "--key", KEY)
    assert result.exit_code == 1
    assert "Where entry 1 should be there is entry 2." in result.stdout


def test_an_export_is_printed_line_by_line(invoke: Invoke, log: Told) -> None:
    assert [json.loads(one) for one in invoke("audit", "export").stdout.splitlines()] == [
        *map(line, log.entries)
    ]
    log.portal.on("GET /audit/entries?from=4&limit=1000", Reply(200, [line(log.entries[4])]))
    assert len(invoke("audit", "export", "--from", "4").stdout.splitlines()) == 1


def test_an_export_comes_with_the_checkpoint_that_fits_it(invoke: Invoke, log: Told, tmp_path: Path) -> None:
    """While it is read, somebody acts: the checkpoint is of what was printed, and the pair is whole."""
    later, newer = log_of(7)
    heads = [Reply(200, {"checkpoint": one}) for one in (log.checkpoint, newer)]
    log.portal.on("GET /audit/checkpoint", in_turn(*heads))
    log.portal.on("GET /audit/entries?limit=1000", Reply(200, [line(one) for one in later[:6]]))
    log.portal.on("GET /audit/entries?from=5&limit=1000", Reply(200, [line(one) for one in later[5:]]))
    log.portal.on("GET /audit/entries?from=6&limit=1000", Reply(200, [line(one) for one in later[6:]]))
    file = tmp_path / "checkpoint"
    result = invoke("audit", "export", "--checkpoint", str(file))
    assert [json.loads(one)["seq"] for one in result.stdout.splitlines()] == list(range(7))
    assert file.read_bytes() == newer.encode()
    (tmp_path / "log").write_text(result.stdout)
    checked = invoke(
        "audit", "verify", "--file", str(tmp_path / "log"), "--checkpoint", str(file), "--key", KEY
    )
    assert checked.stdout.startswith("The log is whole: 7 entries.\n")
    result = invoke("audit", "export", "--checkpoint", str(tmp_path / "nowhere" / "checkpoint"))
    assert (result.exit_code, "cannot be written" in result.stderr) == (2, True)


def test_an_export_of_a_log_without_a_head_has_no_checkpoint(
    invoke: Invoke, log: Told, tmp_path: Path
) -> None:
    log.portal.on("GET /audit/checkpoint", Reply(200, {"checkpoint": ""}))
    result = invoke("audit", "export", "--checkpoint", str(tmp_path / "checkpoint"))
    assert (result.exit_code, "Export without one" in result.stderr) == (1, True)
    assert not (tmp_path / "checkpoint").exists()


def test_of_a_longer_export_what_the_checkpoint_signs_is_checked(
    invoke: Invoke, log: Told, tmp_path: Path
) -> None:
    log.entries = log_of(8)[0]
    result = invoke("audit", "verify", *log.write(tmp_path), "--key", KEY)
    witness = SIGNER.open(log.checkpoint).witness
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            "The log is whole: 5 entries.",
            f"Keep it as a witness: {witness}",
            "The last 3 entries came after the checkpoint and were not checked.",
        ],
    )
    log.entries[2] = replace(log.entries[2], leaf="{}")
    assert invoke("audit", "verify", *log.write(tmp_path), "--key", KEY).exit_code == 1


def test_all_keys_that_were_noted_are_taken(invoke: Invoke, log: Told, tmp_path: Path) -> None:
    older = str(Signer(SIGNER.origin, b"o" * 32).keys[0])
    files = log.write(tmp_path)
    for keys in (f"{KEY}\n{older}\n", f"{older}, {KEY}"):
        assert invoke("audit", "verify", *files, "--key", keys).exit_code == 0
        assert invoke("audit", "verify", "--key", keys).exit_code == 0
    assert invoke("audit", "verify", *files, "--key", older).exit_code == 1


def test_a_checkpoint_is_printed_byte_for_byte(invoke: Invoke, log: Told) -> None:
    assert invoke("audit", "checkpoint").stdout_bytes == log.checkpoint.encode()
    assert invoke("audit", "key").stdout == f"{KEY}\n"


def test_a_proof_is_checked_here(invoke: Invoke, log: Told) -> None:
    def node(level: int, position: int) -> bytes:
        last = log.entries[((position + 1) << level) - 1]
        return bytes.fromhex((last.hash + last.nodes)[level * 64 : level * 64 + 64])

    path = [one.hex() for one in inclusion_proof(3, 5, node)]
    told = {"entry": line(log.entries[3]), "path": path, "checkpoint": log.checkpoint, "holds": True}
    log.portal.on("GET /audit/3/proof", Reply(200, told))
    result = invoke("audit", "prove", "3")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "The entry is in the signed log.")
    log.portal.on("GET /audit/3/proof", Reply(200, {**told, "path": path[:-1]}))
    result = invoke("audit", "prove", "3")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "Not proven. The path does not lead to the signed root."
    forged = {**told, "checkpoint": log.checkpoint.replace("\n5\n", "\n6\n")}
    log.portal.on("GET /audit/3/proof", Reply(200, forged))
    result = invoke("audit", "prove", "3", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["why"] == "The signature of the checkpoint does not fit its text."


@pytest.mark.parametrize("line", [{}, {"seq": 0}, {"seq": "0", "hash": "", "leaf": ""}])
def test_a_portal_that_talks_nonsense_is_told(invoke: Invoke, log: Told, line: dict[str, object]) -> None:
    log.portal.on("GET /audit/entries?limit=1000", Reply(200, [line]))
    log.portal.on("GET /audit/0/proof", Reply(200, {"entry": line, "path": [], "checkpoint": ""}))
    for command in ("verify", "export", "prove 0"):
        result = invoke("audit", *command.split())
        assert result.exit_code == 1
        assert "What the portal tells is no" in result.stderr


def test_a_portal_that_repeats_itself_is_not_asked_for_ever(invoke: Invoke, log: Told) -> None:
    again = Reply(200, [line(one) for one in log.entries])
    log.portal.on("GET /audit/entries?from=5&limit=1000", again)
    assert invoke("audit", "verify").exit_code == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--witness", "x"), "The witness x: A witness is SIZE:ROOT"),
        (("--key", "x"), "not a key of an audit log"),
        (("--key", ""), "not a key of an audit log"),
        (("--key", f"{KEY},x"), "not a key of an audit log"),
        (("--file", "nowhere"), "checked with its --checkpoint and a --key"),
        (("--file", "nowhere", "--checkpoint", "nowhere", "--key", KEY), "nowhere cannot be read"),
    ],
)
def test_bad_options_are_told(invoke: Invoke, log: Told, options: tuple[str, ...], said: str) -> None:
    result = invoke("audit", "verify", *options)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_file_that_is_no_export_is_told(invoke: Invoke, log: Told, tmp_path: Path) -> None:
    files = log.write(tmp_path)
    (tmp_path / "log.jsonl").write_text("no json\n")
    result = invoke("audit", "verify", *files, "--key", KEY)
    assert result.exit_code == 1
    assert f"Line 1 of {tmp_path / 'log.jsonl'} is not an entry" in result.stderr
