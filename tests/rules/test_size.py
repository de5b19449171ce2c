"""A file that needs a table of contents is two files, and so is a function."""

import ast
from collections.abc import Mapping
from pathlib import Path

from tests.rules.repository import texts

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60


def long_files(files: Mapping[Path, str]) -> list[str]:
    return [
        f"{path}: {lines} lines"
        for path, text in files.items()
        if (lines := text.count("\n")) > MAX_FILE_LINES
    ]


def long_functions(files: Mapping[Path, str]) -> list[str]:
    """Functions with too long a body. A signature is a table: a command has a row for each option."""
    return [
        f"{path}:{node.lineno} {node.name}: {lines} lines"
        for path, text in files.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.body[0].lineno + 1) > MAX_FUNCTION_LINES
    ]


def test_no_source_file_is_too_long() -> None:
    assert long_files(texts(under="src")) == []


def test_no_source_function_is_too_long() -> None:
    assert long_functions(texts(".py", under="src")) == []


def test_a_long_file_is_found() -> None:
    files = {Path("short.py"): "\n" * MAX_FILE_LINES, Path("long.css"): "\n" * (MAX_FILE_LINES + 1)}
    assert long_files(files) == ["long.css: 501 lines"]


def test_a_long_function_is_found_also_inside_a_class() -> None:
    def function(name: str, lines: int) -> str:
        return f"class Of_{name}:\n    async def {name}(self):\n" + "        pass\n" * lines

    files = {Path("a.py"): function("short", MAX_FUNCTION_LINES) + function("long", MAX_FUNCTION_LINES + 1)}
    assert long_functions(files) == ["a.py:64 long: 61 lines"]
