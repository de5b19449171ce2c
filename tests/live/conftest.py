from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.running import RunningDemo, running_demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """The real demo with sample history, shared by the tests of a module."""
    folder: Path = tmp_path_factory.mktemp("demo")
    with running_demo(folder, "--seed-history") as running:
        yield running
