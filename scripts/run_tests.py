"""Runs the tests, and says last which groups did not run.

    scripts/run_tests.py [--only browser|postgres] [pytest arguments]

Two groups of tests need programs from Debian: `browser` needs Chromium, `postgres` needs PostgreSQL.
As root, or with sudo that asks no password, they are installed. Elsewhere the rest runs and the last
lines name what did not run and the command that would enable it. With CI=true that is a failure.
TEST_CHROMIUM and TEST_POSTGRES_BIN name programs in places of their own.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

NO_TESTS = 5
"""How pytest ends when it found none of the tests that were asked for."""

CREATE_CLUSTER = Path("/etc/postgresql-common/createcluster.conf")


@dataclass(frozen=True)
class Group:
    """A pytest marker whose tests need a program that no Python package brings."""

    marker: str
    variable: str
    package: str
    candidates: tuple[str, ...]

    def find(self) -> Path | None:
        """The program, or None."""
        if told := os.environ.get(self.variable):
            return Path(told) if Path(told).exists() else None
        for candidate in self.candidates:
            if "/" in candidate:
                found = sorted(Path("/").glob(candidate.lstrip("/")), key=_version)
                if found:
                    return found[-1]
            elif on_path := shutil.which(candidate):
                return Path(on_path)
        return None


def _version(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in path.parts if part.isdigit())


BROWSER = Group(
    "browser",
    "TEST_CHROMIUM",
    "chromium",
    ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome"),
)
POSTGRES = Group(
    "postgres",
    "TEST_POSTGRES_BIN",
    "postgresql",
    ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/pgsql/bin"),
)
GROUPS = (BROWSER, POSTGRES)


def _may_install() -> list[str] | None:
    """What to put before apt-get, or None where nothing may be installed."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True).returncode == 0
    ):
        return ["sudo", "-n"]
    return None


def _install(groups: Iterable[Group]) -> None:
    packages = [group.package for group in groups]
    prefix = _may_install()
    if not packages or prefix is None:
        return
    print(f"Installing from Debian for the tests: {' '.join(packages)}", flush=True)
    as_root = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive"]
    if "postgresql" in packages and not CREATE_CLUSTER.exists():
        # The tests start their own server in a temporary folder; the machine needs none.
        script = f"mkdir -p {CREATE_CLUSTER.parent} && echo 'create_main_cluster = false' >{CREATE_CLUSTER}"
        subprocess.run([*prefix, "sh", "-c", script], check=False)
    apt = [
        *as_root,
        "apt-get",
        "-qq",
        "-o",
        "DPkg::Lock::Timeout=120",
        "-o",
        "Dpkg::Options::=--force-confold",
    ]
    for command in ([*apt, "update"], [*apt, "install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(
            command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode != 0:
            print(f"{' '.join(command)} failed:\n{done.stdout}", flush=True)


def _missing(groups: Iterable[Group]) -> list[Group]:
    return [group for group in groups if group.find() is None]


def _pytest(only: str | None, missing: list[Group], arguments: list[str]) -> int:
    """Most tests side by side; those of a browser and those of real runs after them, undisturbed.

    One more than there are processors: many wait for a clock or a server. A browser gets a process of its
    own: its driver keeps an event loop running. Real runs are two at a time: they nearly always wait.
    """
    chosen = [only] if only else []
    chosen += [f"not {group.marker}" for group in missing]
    side_by_side = ["-n", str(1 + (os.cpu_count() or 1)), "--dist", "loadgroup"]
    statuses = [
        _pass([*chosen, "not live", "not browser"], side_by_side, arguments),
        _pass([*chosen, "browser"], [], arguments),
        _pass([*chosen, "live", "not browser"], ["-n", "2", "--dist", "worksteal"], arguments),
    ]
    # Some of the passes may hold none of the tests that were asked for; not all of them.
    return max((one for one in statuses if one != NO_TESTS), default=NO_TESTS)


def _pass(chosen: list[str], how: list[str], arguments: list[str]) -> int:
    own = any(argument.startswith(("-n", "--pdb")) for argument in arguments)
    command = [sys.executable, "-m", "pytest", *([] if own else how), "-m", " and ".join(chosen), *arguments]
    return subprocess.run(command, check=False).returncode


def _report(missing: list[Group]) -> None:
    markers = " and ".join(group.marker for group in missing)
    packages = " ".join(group.package for group in missing)
    print(f"NOT RUN: the tests marked {markers}. To enable them:", flush=True)
    print(f"  sudo apt-get install --no-install-recommends {packages}", flush=True)


def main(arguments: list[str]) -> int:
    """Install, run, report."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--only", choices=[group.marker for group in GROUPS])
    options, rest = parser.parse_known_args(arguments)
    wanted = [group for group in GROUPS if options.only in {None, group.marker}]
    _install(_missing(wanted))
    missing = _missing(wanted)
    status = 0
    if options.only is None or not missing:
        status = _pytest(options.only, missing, rest)
    if missing:
        _report(missing)
        if os.environ.get("CI") == "true" or options.only:
            return status or 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
