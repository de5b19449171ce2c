"""An example that no test uses is a promise that nobody keeps."""

from collections.abc import Iterable
from pathlib import Path

from tests.rules.repository import texts, tracked

EXAMPLES = "examples"


def unused(examples: Iterable[Path], tests: Iterable[str]) -> list[Path]:
    """Examples that no test names by file, and whose own folder no test names as one of the examples."""
    sources = [source for source in tests if EXAMPLES in source]

    def used(path: Path) -> bool:
        return any(path.name in source or f'"{path.parent.name}"' in source for source in sources)

    return [path for path in examples if not used(path)]


def test_every_example_is_used_by_a_test() -> None:
    examples = [
        path for path in tracked() if path.parts[0] == EXAMPLES and path.suffix in {".yaml", ".yml", ".json"}
    ]
    tests = [text for path, text in texts(".py", under="tests").items() if path.parts[1] != "rules"]
    assert unused(examples, tests) == []


def test_an_unused_example_is_found() -> None:
    used, walked, forgotten = (
        Path("examples/a.yaml"),
        Path("examples/slo/b.yaml"),
        Path("examples/old/c.yaml"),
    )
    tests = ['load(ROOT / "examples" / "a.yaml")', '(ROOT / "examples" / "slo").glob("*.yaml")', '"old"']
    assert unused([used, walked, forgotten], tests) == [forgotten]
