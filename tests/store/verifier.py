"""The stand-alone verifier, as a module."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from tests.store.tamper import Log, exported

SCRIPT = Path(__file__).parents[2] / "scripts" / "verify_audit.py"


def load() -> ModuleType:
    spec = spec_from_file_location("verify_audit", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def findings(verifier: ModuleType, log: Log, key: str, folder: Path) -> list[str]:
    """What the verifier says about a log, exported into a folder."""
    (folder / "log.jsonl").write_text(exported(log), encoding="utf-8")
    (folder / "checkpoint").write_text(log.checkpoint, encoding="utf-8")
    witnesses = [log.witness] if log.witness else []
    try:
        return list(verifier.main(str(folder / "log.jsonl"), str(folder / "checkpoint"), key, *witnesses))
    except (ValueError, TypeError, KeyError, AttributeError) as unreadable:
        return [str(unreadable)]
