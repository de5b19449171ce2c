"""Nothing in the portal turns text into a shell, into code, or into objects of any class."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.rules.repository import texts

FORBIDDEN = {
    "os.system": "starts a shell",
    "os.popen": "starts a shell",
    "subprocess.getoutput": "starts a shell",
    "subprocess.getstatusoutput": "starts a shell",
    "asyncio.create_subprocess_shell": "starts a shell",
    "eval": "runs text as code",
    "exec": "runs text as code",
    "compile": "makes code of text",
    "__import__": "imports what text names",
    "yaml.load": "makes objects of any class; yaml.safe_load and core.yaml_text do not",
    "yaml.unsafe_load": "makes objects of any class",
    "yaml.full_load": "makes objects of many classes",
    "jinja2.Template": "is a template without escaping",
}
UNFIT_MODULES = ("pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle", "pty")
RUNNERS = ("run", "call", "check_call", "check_output", "Popen", "create_subprocess_exec")


def dangers(files: Mapping[Path, str]) -> list[str]:
    """Every place where text could become a shell, code or an object."""
    return [
        f"{path}:{line} {what}"
        for path, text in files.items()
        for line, what in sorted(set(_dangers_in(ast.parse(text))))
    ]


def _dangers_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    names = _imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((node.lineno, f"imports {one}") for one in _unfit(node))
        elif isinstance(node, ast.Call):
            yield from ((node.lineno, what) for what in _call_dangers(node, names))


def _imported(tree: ast.Module) -> Mapping[str, str]:
    """What each name stands for: `sp` -> `subprocess`, `run` -> `subprocess.run`."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                top = one.name.partition(".")[0]
                found[one.asname or top] = one.name if one.asname else top
        elif isinstance(node, ast.ImportFrom):
            found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return found


def _unfit(node: ast.Import | ast.ImportFrom) -> list[str]:
    named = [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    return [name for name in named if name.split(".")[0] in UNFIT_MODULES]


def _call_dangers(node: ast.Call, names: Mapping[str, str]) -> Iterator[str]:
    called = _full_name(node.func, names)
    if called in FORBIDDEN:
        yield f"{called} {FORBIDDEN[called]}"
    for keyword in node.keywords:
        is_off = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        if keyword.arg == "shell" and not is_off:
            yield "shell= starts a shell"
    module, _, name = called.rpartition(".")
    if module in {"subprocess", "asyncio", "asyncio.subprocess"} and name in RUNNERS and node.args:
        first = node.args[0]
        is_text = isinstance(first, ast.JoinedStr | ast.BinOp) or (
            isinstance(first, ast.Constant) and isinstance(first.value, str)
        )
        if is_text and name != "create_subprocess_exec":
            yield f"{called} takes a list of arguments, not a text"


def _full_name(node: ast.expr, names: Mapping[str, str]) -> str:
    match node:
        case ast.Name(id=name):
            return names.get(name, name)
        case ast.Attribute(value=value, attr=attr):
            return f"{_full_name(value, names)}.{attr}"
        case _:
            return ""


def test_no_text_becomes_a_shell_code_or_an_object() -> None:
    assert dangers(texts(".py", under="src")) == []


@pytest.mark.parametrize(
    "planted",
    [
        "import subprocess\nsubprocess.run(f'kill {name}', shell=True)",
        "import subprocess as sp\nsp.Popen(command, shell=wanted)",
        "from subprocess import run\nrun('ls -l')",
        "import subprocess\nsubprocess.check_output('tc ' + rule)",
        "import os\nos.system(command)",
        "from os import popen\npopen(command)",
        "import asyncio\nasync def f():\n    await asyncio.create_subprocess_shell(command)",
        "eval(text)",
        "exec(text)",
        "import pickle",
        "from pickle import loads",
        "import yaml\nyaml.load(text, Loader=yaml.Loader)",
        "import yaml\nyaml.unsafe_load(text)",
        "from jinja2 import Template\nTemplate(text)",
    ],
)
def test_a_planted_danger_is_found(planted: str) -> None:
    assert dangers({Path("planted.py"): planted})


@pytest.mark.parametrize(
    "harmless",
    [
        "import subprocess\nsubprocess.run([program, name])",
        "import subprocess\nsubprocess.run(command, shell=False)",
        "import re\nre.compile('a')",
        "import yaml\nyaml.safe_load(text)",
        "model.eval()",
    ],
)
def test_a_list_of_arguments_is_no_danger(harmless: str) -> None:
    assert dangers({Path("harmless.py"): harmless}) == []
