"""Fuzzes the whole API against its own description, as an administrator, an operator and a stranger.

`python -m benchmarks fuzz` takes ten minutes; FUZZ_SECONDS says otherwise.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure
from benchmarks.stage import ADMIN, Stage

SECONDS = int(os.environ.get("FUZZ_SECONDS", "600"))
ROOT = Path(__file__).parent.parent
OPERATOR = "benchmark-operator-token-0123456"
SHARES: Mapping[str, float] = {"admin": 0.4, "operator": 0.4, "stranger": 0.2}
TOKENS: Mapping[str, str] = {"admin": ADMIN, "operator": OPERATOR, "stranger": ""}
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "no_leak",
)
"""Whether wrong input is refused, and by whom, is the business of the tests."""


INSIDES = ("Traceback (most recent call last)", "site-packages", 'File "/', "sqlalchemy.exc", "sqlite3.")


def run() -> list[Figure]:
    """Requests and failures of each identity, and what the log of the portal says about bugs."""
    slos = "\n---\n".join(
        one.read_text(encoding="utf-8") for one in sorted((ROOT / "examples" / "slo").glob("*.yaml"))
    )
    figures = []
    with Stage(slos, ["shop", "payments"]) as stage:
        _give_token(stage, "fuzz-operator", OPERATOR, "operator")
        description = stage.home / "openapi.json"
        description.write_text(json.dumps(stage.get("/openapi.json")), encoding="utf-8")
        never = [*INSIDES, ADMIN, OPERATOR, *stage.tokens.split(","), str(stage.home)]
        (stage.home / "never").write_text("\n".join(never), encoding="utf-8")
        for identity, share in SHARES.items():
            told = _fuzz(stage, identity, max(int(SECONDS * share), 1))
            cases = told["test_cases"]
            figures.append(_figure(identity, cases["generated"], cases["unique_failures"] + cases["errored"]))
        alive = stage.client.get("/readyz").status_code
        figures.append(Figure("fuzz: ready afterwards", alive, "status", "200", alive == 200, ""))
    return figures


def _figure(identity: str, cases: int, failures: int) -> Figure:
    return Figure(
        f"fuzz as {identity}: failures", failures, "", "0", failures == 0 and cases > 0, f"{cases} requests"
    )


def _fuzz(stage: Stage, identity: str, seconds: int) -> Any:  # noqa: ANN401  # JSON
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    if program is None:
        raise FileNotFoundError("schemathesis is not installed")
    report = stage.home / f"{identity}.json"
    command = [program, "run", str(stage.home / "openapi.json"), "--url", stage.url, "--no-color"]
    command += [
        "--checks",
        ",".join(CHECKS),
        "--max-time",
        str(seconds),
        "--continue-on-failure",
        "--warnings",
        "off",
    ]
    command += ["--report", "json", "--report-json-path", str(report), "--request-timeout", "30"]
    if token := TOKENS[identity]:
        command += ["--header", f"authorization: Bearer {token}"]
    command += ["--generation-database", "none"]
    told = {
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "benchmarks.fuzz_checks",
        "FUZZ_NEVER": str(stage.home / "never"),
    }
    done = subprocess.run(
        command, cwd=stage.home, env={**os.environ, **told}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        print(done.stdout[done.stdout.find("= FAILURES") :][:20_000] or done.stderr)
    return json.loads(report.read_text(encoding="utf-8"))


def _give_token(stage: Stage, name: str, secret: str, role: str) -> None:
    """Puts a token into the database, as an administrator's order would."""
    row = {
        "name": name,
        "digest": hashlib.sha256(secret.encode()).hexdigest(),
        "role": role,
        "origin": "issued",
        "given_by": "benchmark",
        "created_at": int(time.time() * 1e6),
    }
    with sqlite3.connect(stage.home / "portal.sqlite3", timeout=30) as database:
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        database.execute(f"INSERT INTO token ({columns}) VALUES ({marks})", tuple(row.values()))  # noqa: S608
    database.close()
