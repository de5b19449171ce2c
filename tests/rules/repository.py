"""What the rules look at: the files that git tracks or would track."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def tracked() -> tuple[Path, ...]:
    """Files in the repository, relative to its root, including new ones that are not ignored."""
    listing = subprocess.run(
        [
            "git",
            "-c",
            f"safe.directory={ROOT}",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    names = [name for name in listing.stdout.split("\0") if name]
    return tuple(sorted(Path(name) for name in names if (ROOT / name).is_file()))


def texts(*suffixes: str, under: str = ".") -> dict[Path, str]:
    """Tracked text files with one of these suffixes (all text files if none is given), by path."""
    found = {}
    for path in tracked():
        if (suffixes and path.suffix not in suffixes) or not path.is_relative_to(under):
            continue
        try:
            found[path] = (ROOT / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):  # a picture, or removed this instant
            continue
    return found
