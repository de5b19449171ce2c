"""Making very many objects that stay, without the garbage collector looking at all of them again and again.

Ten thousand flags are half a million objects. None of them is garbage while they are made, and the
collector, which counts what is new, goes through everything a dozen times: most of the time went there.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Pause:
    """The collector is one for the whole process, so the last one who leaves switches it on again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._was_on = False

    @contextmanager
    def held(self) -> Iterator[None]:
        with self._lock:
            if not self._inside:
                self._was_on = gc.isenabled()
                gc.disable()
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside and self._was_on:
                    gc.enable()


_PAUSE = _Pause()


@contextmanager
def uncollected() -> Iterator[None]:
    """For a second of work at most, on any thread: garbage of others waits that long."""
    with _PAUSE.held():
        yield
