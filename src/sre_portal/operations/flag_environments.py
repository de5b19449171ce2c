"""The flags of a service in each of its environments, and copies from one into another."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sre_portal.core.access import Principal
from sre_portal.core.errors import NotFound, Problem, raise_if
from sre_portal.core.flag_change import FlagRow, fields_of
from sre_portal.core.flag_kept import live_fields
from sre_portal.core.flag_name import environment_of, service_of, set_of
from sre_portal.core.flag_plan import FlagPlan
from sre_portal.core.flag_rules_named import rules_needed
from sre_portal.core.flag_step import Put
from sre_portal.operations.flag_import import Imported, ImportOrder, export_flags
from sre_portal.operations.flag_plans import import_or_plan, make_or_plan
from sre_portal.operations.flags import FlagOrder, kept_now, kept_set
from sre_portal.operations.ports import Ports

LONGEST_COMPARED = 200
"""Places in which two definitions differ that are named; it is the same flag no more after that."""


@dataclass(frozen=True, slots=True)
class FlagPlace:
    """A flag in one environment; an empty name is the portal's own. `row` is None where it is not there."""

    flag_set: str
    environment: str
    row: FlagRow | None

    @property
    def fields(self) -> Mapping[str, object] | None:
        return None if self.row is None else fields_of(self.row)

    @property
    def is_on(self) -> bool:
        fields = self.fields
        return fields is not None and fields.get("state") == "ENABLED"


@dataclass(frozen=True, slots=True)
class FlagPlaces:
    """One flag in every environment of its service, in the order of `ServicePlaces.environments`."""

    key: str
    places: Sequence[FlagPlace]

    @property
    def differs(self) -> bool:
        """Whether it is not the same everywhere."""
        return len({None if one.row is None else one.row.definition for one in self.places}) > 1


@dataclass(frozen=True, slots=True)
class ServicePlaces:
    """All flags of a service: by key, and each by environment, the portal's own first."""

    service: str
    environments: Sequence[str]
    flags: Sequence[FlagPlaces]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One flag here and in another environment. `differs` names the parts that are not the same, by paths."""

    here: FlagPlace
    there: FlagPlace
    differs: Sequence[str]


def environments_of(ports: Ports, service: str) -> Sequence[str]:
    """By name, the portal's own first. Empty where the service has no set."""
    sets = ports.flag_book.all()
    return sorted(environment_of(one.name) for one in sets if service_of(one.name) == service)


def places_of(ports: Ports, service: str) -> ServicePlaces:
    """Every flag of a service in each of its environments. Raises `NotFound` where it has no set."""
    environments = environments_of(ports, service)
    if not environments:
        raise NotFound("flag set of the service", service[:80])
    sets = [kept_set(ports, set_of(service, one)) for one in environments]
    rows = [{row.key: row for row in kept.live_rows()} for kept in sets]
    keys = sorted({key for one in rows for key in one})
    flags = [
        FlagPlaces(
            key,
            [
                FlagPlace(kept.name, environment, found.get(key))
                for kept, environment, found in zip(sets, environments, rows, strict=True)
            ],
        )
        for key in keys
    ]
    return ServicePlaces(service, environments, flags)


def compare(ports: Ports, flag_set: str, key: str, environment: str) -> Comparison:
    """A flag here and in another environment, where it need not be there.

    Raises `NotFound` where it is not here, `InvalidInput` where both are one.
    """
    here = _place(ports, flag_set, key)
    if here.row is None:
        raise NotFound("flag", key[:80])
    raise_if(_same_place(flag_set, environment))
    there = _place(ports, set_of(service_of(flag_set), environment), key)
    return Comparison(here, there, _differing("", there.fields, here.fields)[:LONGEST_COMPARED])


async def copy_flag(
    ports: Ports, actor: Principal, order: FlagOrder, environment: str, *, with_rules: bool = False
) -> FlagRow | FlagPlan:
    """Makes the flag in another environment be as it is here; proposes that where it is protected there.

    `order` names the flag here; its version is the one that was seen there, 0 for none. `with_rules` brings
    the shared rules that it needs and are not there, first: where these have to be approved there, the answer
    is their plan, and the flag is not copied yet. Raises as `compare` and as `flag_plans.make_or_plan`, and
    `InvalidInput` with every rule that is not there.
    """
    raise_if(_same_place(order.flag_set, environment))
    fields = live_fields(kept_set(ports, order.flag_set), order.key)
    rules = missing_rules(ports, order.flag_set, order.key, environment)
    if rules and with_rules:
        there = await kept_now(ports, set_of(service_of(order.flag_set), environment))
        brought = await bring_rules(ports, actor, replace(order, version=there.version), environment)
        if isinstance(brought, FlagPlan):
            return brought
    elif rules:
        raise_if(_not_there(rules, set_of(service_of(order.flag_set), environment)))
    target = replace(order, flag_set=set_of(service_of(order.flag_set), environment))
    return await make_or_plan(ports, actor, target, Put(fields))


def missing_rules(ports: Ports, flag_set: str, key: str, environment: str) -> Mapping[str, object]:
    """The shared rules that the flag names, or one of those, and another environment has not; by name.

    Raises `NotFound` where the flag is not here.
    """
    kept = kept_set(ports, flag_set)
    there = ports.flag_book.get(set_of(service_of(flag_set), environment))
    has = {} if there is None else there.flags.definitions.evaluators
    needed = rules_needed(live_fields(kept, key).get("targeting"), kept.flags.definitions.evaluators)
    return {name: rule for name, rule in needed.items() if name not in has}


async def bring_rules(
    ports: Ports, actor: Principal, order: FlagOrder, environment: str
) -> Imported | FlagPlan:
    """Gives another environment the shared rules that a flag needs there; its flags stay as they are.

    `order` names the flag here; its version is that of the set there. Raises as `compare` and as
    `flag_plans.import_or_plan`.
    """
    raise_if(_same_place(order.flag_set, environment))
    rules = missing_rules(ports, order.flag_set, order.key, environment)
    target = set_of(service_of(order.flag_set), environment)
    document: dict[str, object] = {"flags": {}}
    if ports.flag_book.get(target) is not None:
        document = json.loads(export_flags(ports, target))
    held = document.get("$evaluators")
    document["$evaluators"] = {**(held if isinstance(held, dict) else {}), **rules}
    wanted = ImportOrder(target, order.reason, order.address, order.version)
    return await import_or_plan(ports, actor, wanted, document)


def _not_there(rules: Iterable[str], flag_set: str) -> list[Problem]:
    expected = (
        f"a shared rule of {flag_set}: bring it along (with_rules, --with-rules), or make it there first"
    )
    return [Problem(f"$evaluators.{name}", f"not in {flag_set}", expected) for name in rules]


def _place(ports: Ports, flag_set: str, key: str) -> FlagPlace:
    kept = ports.flag_book.get(flag_set)
    return FlagPlace(flag_set, environment_of(flag_set), None if kept is None else kept.live(key))


def _same_place(flag_set: str, environment: str) -> list[Problem]:
    if environment_of(flag_set) != environment:
        return []
    return [Problem("to_environment", repr(environment[:80]), f"another one than {flag_set} is of")]


def _differing(path: str, before: object, after: object) -> list[str]:
    """Where two values differ, each place by its path. Lists are compared as a whole."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = sorted({*before, *after})
        inner = [_differing(f"{path}.{name}", before.get(name), after.get(name)) for name in names]
        return [one for found in inner for one in found]
    same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)  # to Python 1 is true
    return [] if same else [path.removeprefix(".") or "all of it"]
