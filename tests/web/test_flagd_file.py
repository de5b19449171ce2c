"""A set that was exported to a file gives the same answers from flagd's own provider as over OFREP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails

from sre_portal.core.flag.bucket import Epoch
from sre_portal.core.flag_step import Toggle
from sre_portal.operations.flag_import import ImportOrder, import_flags
from sre_portal.operations.flags import FlagOrder, change_flag
from tests.operations.world import OMAR, World
from tests.providers.served import served
from tests.web.door import SECRETS, Door

SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
HALVES = {"fractional": [["on", 50], ["off", 50]]}
SHARES = {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "city"}]}, ["on", 3], ["off", 7]]}
STAFF = {"if": [{"$ref": "is-staff"}, "on", "off"]}
NEWER = {"if": [{"sem_ver": [{"var": "version"}, ">=", "2.0.0"]}, "on", "off"]}
FLAGS = {
    "bool-plain": SWITCH,
    "bool-staff": {**SWITCH, "targeting": STAFF},
    "bool-half": {**SWITCH, "targeting": HALVES},
    "bool-by-city": {**SWITCH, "targeting": SHARES},
    "bool-version": {**SWITCH, "targeting": NEWER},
    "float-limit": {**SWITCH, "variants": {"low": 10.0, "high": 20.5}, "defaultVariant": "low"},
    "int-retries": {**SWITCH, "variants": {"few": 3, "many": 9}, "defaultVariant": "few"},
    "str-theme": {**SWITCH, "variants": {"a": "färbung", "b": "plain"}, "defaultVariant": "a"},
    "obj-theme": {**SWITCH, "variants": {"a": {"sizes": [1, 2.5], "of": {"x": None}}}, "defaultVariant": "a"},
}
DOCUMENT = {
    "metadata": {"owner": "shop"},
    "$evaluators": {"is-staff": {"ends_with": [{"var": "email"}, "@shop.example"]}},
    "flags": FLAGS,
}
PEOPLE = [
    EvaluationContext(f"user-{number}", {"email": f"u@{domain}", "city": city, "version": version})
    for number, city in enumerate(["Bern", "Ulm", "Graz", "Köln", "Lyon", "Oslo", "Riga", "Brno"])
    for domain, version in (("shop.example", "2.1.0"), ("else.example", "1.9.9"))
]
ASK: Mapping[str, tuple[str, object]] = {
    "bool": ("resolve_boolean_details", False),
    "float": ("resolve_float_details", 0.5),
    "int": ("resolve_integer_details", 1),
    "str": ("resolve_string_details", ""),
    "obj": ("resolve_object_details", {}),
}
"""By the first part of a key: how a provider is asked, and the default of the caller."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path, agents=[]).open()
    order = ImportOrder("default", "test", epoch=Epoch.V3)
    await import_flags(opened.ports, OMAR, order, DOCUMENT)
    yield opened
    await opened.close()


def answers(provider: FlagdProvider | OFREPProvider) -> list[tuple[str, object, str | None, str]]:
    """Every flag for everybody."""
    found: list[tuple[str, FlagResolutionDetails[object]]] = []
    for someone in PEOPLE:
        for key in FLAGS:
            method, default = ASK[key.partition("-")[0]]
            found.append((key, getattr(provider, method)(key, default, someone)))
    return [(key, one.value, one.variant, str(one.reason)) for key, one in found]


def write(file: Path, document: object) -> None:
    part = file.with_suffix(".part")
    part.write_text(json.dumps(document), encoding="utf-8")
    part.replace(file)


async def exported(door: Door, file: Path) -> FlagdProvider:
    """Flagd's provider over what the portal exports."""
    answer = await door.client("vera").get("/api/v1/flag-sets/default/export")
    write(file, answer.json())
    provider = FlagdProvider(
        resolver_type=ResolverType.FILE, offline_flag_source_path=str(file), deadline_ms=10
    )
    await asyncio.to_thread(provider.initialize, EvaluationContext())
    return provider


async def test_an_exported_file_gives_the_same_answers_from_flagd_s_own_provider(
    door: Door, tmp_path: Path
) -> None:
    flagd = await exported(door, tmp_path / "flags.json")
    async with served(door.app) as url:
        key = {"X-API-Key": SECRETS["vera"][0]}
        ofrep = OFREPProvider(url, headers_factory=lambda: key)
        theirs, ours = await asyncio.to_thread(answers, flagd), await asyncio.to_thread(answers, ofrep)
        ofrep.session.close()
    flagd.shutdown()
    assert theirs == ours
    given = [key for key, _ in {(key, variant) for key, _, variant, _ in ours}]
    assert {key for key in given if given.count(key) == 2} == {
        key for key in FLAGS if "targeting" in FLAGS[key]
    }


async def test_the_provider_takes_in_a_newer_file(door: Door, world: World, tmp_path: Path) -> None:
    file = tmp_path / "flags.json"
    flagd = await exported(door, file)
    assert flagd.resolve_boolean_details("bool-plain", False).value is True
    await change_flag(world.ports, OMAR, FlagOrder("default", "bool-plain", "test"), Toggle(False))
    told = (await door.client("vera").get("/api/v1/flag-sets/default/export")).json()
    write(file, told)
    async with asyncio.timeout(20):
        while flagd.resolve_boolean_details("bool-plain", False).value:  # noqa: ASYNC110  # it polls
            await asyncio.sleep(0.01)
    flagd.shutdown()
