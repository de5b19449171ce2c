"""Where a demo keeps its database, and the lock that keeps a second demo out of it."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

NAME = "sre-portal-demo"


class FolderUnusable(Exception):
    """The data folder cannot be used. The message is for the person who chose it."""


def default_folder(environment: Mapping[str, str]) -> Path:
    """The data folder of this user; a new temporary one where the environment names no home."""
    if chosen := environment.get("XDG_DATA_HOME", ""):
        return Path(chosen) / NAME
    if home := environment.get("HOME", ""):
        return Path(home) / ".local" / "share" / NAME
    return Path(tempfile.mkdtemp(prefix=f"{NAME}-"))


class DataFolder:
    """A folder that one demo at a time uses. A context: the lock is held inside it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(self.path / "demo.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as refused:
            why = "it is a file" if isinstance(refused, FileExistsError) else refused.strerror
            raise FolderUnusable(
                f"The data folder {self.path} cannot be used: {why}. Give another one with --data-dir."
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise FolderUnusable(
                f"Another demo is running in {self.path}. Stop it, or give this one its own folder "
                f"with --data-dir."
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
