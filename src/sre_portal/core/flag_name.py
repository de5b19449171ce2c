"""Names of sets and keys of flags, as they stand in addresses; and the service and environment in a set's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sre_portal.contract.flags import DEFAULT_SET
from sre_portal.core.errors import Problem

OWN = "own"
"""How people call the portal's own environment. No other one has this name."""
LONGEST_KEY = 200
LONGEST_SET = 96
_SET_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?(@[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?)?")
_KEY = re.compile(rf"(?!\.\.?\Z)[^\s/?#\\%]{{1,{LONGEST_KEY}}}")


def service_of(flag_set: str) -> str:
    """The service whose flags a set holds: `shop` of `shop` and of `shop@staging`."""
    return flag_set.partition("@")[0]


def asked_of(flag_set: str) -> str | None:
    """The service on which `flag:ask` is needed for a set. None: on any, the default set is everybody's."""
    service = service_of(flag_set)
    return None if service == DEFAULT_SET else service


def environment_of(flag_set: str) -> str:
    """The environment of a set: `staging` of `shop@staging`; empty for the portal's own."""
    return flag_set.partition("@")[2]


def set_of(service: str, environment: str) -> str:
    """The set of a service in an environment; an empty one is the portal's own."""
    return f"{service}@{environment}" if environment else service


def name_problems(flag_set: str, keys: Sequence[str] = ()) -> list[Problem]:
    """What is wrong with the name of a set and with keys: both are parts of addresses."""
    found = []
    if not _SET_NAME.fullmatch(flag_set):
        expected = (
            "lower case letters, digits, dots and dashes, at most 63, with a letter or digit at both ends; "
            "then, for another environment, @ and its name, at most 32 without dots"
        )
        found.append(Problem("flag_set", repr(flag_set[:80]), expected))
    if environment_of(flag_set) == OWN:
        expected = f"another name: {OWN} is what the portal's own environment is called, which has no @"
        found.append(Problem("flag_set", repr(flag_set[:80]), expected))
    expected = (
        f"a key of at most {LONGEST_KEY} printable characters, without spaces and / ? # % \\, "
        "and not . or .., as it is in addresses"
    )
    found += [Problem(f"flags.{key[:80]}", "this key", expected) for key in keys if not _is_key(key)]
    return found


def _is_key(key: str) -> bool:
    """What nobody sees would make two keys look like one, or turn the text around them."""
    return key.isprintable() and _KEY.fullmatch(key) is not None
