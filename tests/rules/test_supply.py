"""What the portal is made of is listed, licensed, and asked about."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.audit import WEAK, Audit, audit_npm, audit_python, outcome
from scripts.licences import FIT, is_fit, unfit
from scripts.locked import Locked, npm_lock, python_lock, read_npm, read_python
from scripts.sbom import bill
from tests.rules.repository import ROOT

ONE = Locked("pypi", "one", "1.0", (("SHA-256", "00" * 32),), licence="MIT")
TWO = Locked("pypi", "two", "2.0", (("SHA-256", "11" * 32),), licence="MIT")


def listed() -> list[dict[str, object]]:
    found = bill([*read_python("run"), *read_npm()])["components"]
    assert isinstance(found, list)
    return found


def test_the_bill_lists_every_pin_of_both_locks() -> None:
    pins = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / "requirements/run.txt").read_text(), re.MULTILINE)
    npm = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    wanted = set(pins) | {
        (path.rpartition("node_modules/")[2], one["version"]) for path, one in npm.items() if path
    }
    assert {(one["name"], one["version"]) for one in listed()} == wanted


def test_every_component_has_a_version_a_hash_and_a_licence() -> None:
    for one in listed():
        assert one["version"], one
        assert one["licenses"], one
        hashes = one["hashes"]
        assert isinstance(hashes, list)
        assert hashes
        assert all(re.fullmatch("[0-9a-f]{64}|[0-9a-f]{128}", told["content"]) for told in hashes)


def test_the_bill_is_the_same_each_time_and_names_no_place() -> None:
    first, second = (json.dumps(bill([*read_python("run"), *read_npm()])) for _ in range(2))
    assert first == second
    assert str(ROOT) not in first
    assert "/root" not in first


def test_the_bill_has_the_form_of_cyclonedx() -> None:
    found = bill([ONE, TWO])
    assert (found["bomFormat"], found["specVersion"], found["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", str(found["serialNumber"]))
    refs = [one["bom-ref"] for one in listed()]
    assert len(refs) == len(set(refs))


def test_the_bill_says_who_needs_whom() -> None:
    jinja = next(one for one in read_python("run") if one.name == "jinja2")
    found = bill(read_python("run"))["dependencies"]
    assert isinstance(found, list)
    needs = {one["ref"]: one["dependsOn"] for one in found}
    assert any(ref.startswith("pkg:pypi/markupsafe@") for ref in needs[jinja.purl])


def test_what_only_builds_is_told_apart() -> None:
    scopes = {one["name"]: one["scope"] for one in listed()}
    assert scopes["fastapi"] == scopes["idiomorph"] == "required"
    assert scopes["hatchling"] == scopes["pathspec"] == scopes["esbuild"] == "excluded"


def test_every_licence_fits() -> None:
    assert unfit([*read_python("run"), *read_npm()]) == []


@pytest.mark.parametrize(
    "licence", ["", "GPL-3.0-only", "AGPL-3.0-or-later", "MIT AND GPL-2.0-only", "SSPL-1.0"]
)
def test_a_licence_that_does_not_fit_is_found(licence: str) -> None:
    assert unfit([Locked("pypi", "new", "1", (), licence=licence)])


@pytest.mark.parametrize("licence", ["MIT", "(MIT OR GPL-3.0-only)", "Apache-2.0 AND BSD-2-Clause"])
def test_one_side_of_a_choice_is_enough(licence: str) -> None:
    assert is_fit(licence, FIT)


def test_an_exception_is_for_one_package_only() -> None:
    assert unfit([Locked("pypi", "other", "1", (), licence="LGPL-3.0-only")])


def test_the_locks_are_read_with_markers_and_hashes() -> None:
    text = (
        f"a==1 ; sys_platform == 'win32' \\\n    --hash=sha256:{'00' * 32}\n    # via\n    #   b\n    #   c\n"
    )
    (one,) = python_lock(text)
    assert (one.name, one.version, one.marker, one.via) == ("a", "1", "sys_platform == 'win32'", ("b", "c"))
    assert one.hashes == (("SHA-256", "00" * 32),)
    (two,) = npm_lock(
        json.dumps({"packages": {"": {}, "node_modules/@x/y": {"version": "2", "integrity": "sha512-AAAA"}}})
    )
    assert (two.purl, two.hashes) == ("pkg:npm/%40x/y@2", (("SHA-512", "000000"),))


@contextmanager
def index(answers: Mapping[str, tuple[int, str]]) -> Iterator[str]:
    """A stand-in of PyPI's JSON API, with an advisory about what is known to be weak."""
    answers = {**CONTROL, **answers}

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            status, body = answers.get(self.path, (404, ""))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


def known(*advisories: dict[str, object]) -> tuple[int, str]:
    return 200, json.dumps({"vulnerabilities": advisories})


ADVISORY: dict[str, object] = {"id": "PYSEC-2026-1", "fixed_in": ["1.1"], "aliases": [], "withdrawn": None}
CONTROL = {f"/pypi/{WEAK}/json": known(ADVISORY)}


def test_a_known_weakness_fails_the_audit() -> None:
    with index({"/pypi/one/1.0/json": known(ADVISORY), "/pypi/two/2.0/json": known()}) as base:
        audit = audit_python([ONE, TWO], base)
    assert (audit.asked, audit.found) == (2, ["one 1.0: PYSEC-2026-1 fixed in ['1.1']"])
    assert outcome([audit]) == outcome([audit], where_reachable=True) == 1


def test_a_withdrawn_advisory_is_none() -> None:
    with index({"/pypi/one/1.0/json": known({**ADVISORY, "withdrawn": "2026-01-01"})}) as base:
        assert audit_python([ONE], base).found == []


def test_all_asked_and_nothing_found_is_green() -> None:
    with index({"/pypi/one/1.0/json": known(), "/pypi/two/2.0/json": known()}) as base:
        assert outcome([audit_python([ONE, TWO], base)]) == 0


@pytest.mark.parametrize("answer", [(404, ""), (500, "{}"), (200, "no json"), (200, "{}")])
def test_a_package_that_cannot_be_asked_about_is_never_green(
    answer: tuple[int, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with index({"/pypi/one/1.0/json": answer}) as base:
        audit = audit_python([ONE], base)
    assert outcome([audit]) == 2
    assert "NOT CHECKED" in capsys.readouterr().out


def test_a_source_that_gives_no_advisory_from_here_fails_only_a_strict_audit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with index({f"/pypi/{WEAK}/json": known(), "/pypi/one/1.0/json": known()}) as mirror:
        for audit in (audit_python([ONE], mirror), audit_python([ONE], "http://127.0.0.1:9")):
            assert not audit.asked
            assert outcome([audit]) == 2
            capsys.readouterr()
            assert outcome([audit], where_reachable=True) == 0
            told = capsys.readouterr().out
            assert "NOT CHECKED" in told
            assert "This is no audit" in told


def test_a_source_that_is_reached_has_to_know_every_package() -> None:
    with index({"/pypi/one/1.0/json": known()}) as base:
        assert outcome([audit_python([ONE, TWO], base)], where_reachable=True) == 2


def test_an_index_that_is_not_there_is_never_green() -> None:
    assert audit_python([ONE], "http://127.0.0.1:9").unchecked


def npm_that_says(folder: Path, text: str) -> str:
    script = folder / "npm"
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
    script.chmod(0o755)
    return os.fspath(script)


def test_what_npm_says_is_read(tmp_path: Path) -> None:
    told = json.dumps({"vulnerabilities": {"left-pad": {"severity": "high", "range": "<2"}}})
    assert audit_npm(1, npm_that_says(tmp_path, told)).found == ["left-pad: high, <2"]
    assert outcome([audit_npm(1, npm_that_says(tmp_path, '{"vulnerabilities": {}}'))]) == 0
    refused = audit_npm(1, npm_that_says(tmp_path, '{"message": "405"}'))
    assert (outcome([refused]), outcome([refused], where_reachable=True)) == (2, 0)
    for odd in ('{"error": {"code": "ENOLOCK"}}', "no json", '{"vulnerabilities": []}'):
        assert outcome([audit_npm(1, npm_that_says(tmp_path, odd))], where_reachable=True) == 2


def test_a_machine_without_npm_has_not_asked() -> None:
    assert outcome([audit_npm(1, "no-such-program")], where_reachable=True) == 2


def test_a_finding_counts_also_where_another_source_was_not_reached() -> None:
    audits = [Audit("a", 1, ["x"]), Audit("b", unchecked="down", reached=False)]
    assert outcome(audits, where_reachable=True) == 1


def test_what_a_change_must_pass_asks_where_it_can() -> None:
    """Not told beforehand that there is nobody to ask."""
    run = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "make audit ARGS=--where-reachable" in run
    assert "offline" not in run.lower()
