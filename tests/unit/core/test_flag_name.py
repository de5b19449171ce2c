"""What the name of a set says."""

from __future__ import annotations

import pytest

from sre_portal.core.flag_name import asked_of


@pytest.mark.parametrize(
    ("flag_set", "service"),
    [
        ("shop", "shop"),
        ("shop@staging", "shop"),
        ("shop@a@b", "shop"),
        ("default", None),
        ("default@staging", None),
        ("defaults", "defaults"),
        ("@default", ""),
        ("", ""),
    ],
)
def test_who_asks_for_a_set_is_permitted_on_its_service_or_for_the_default_one_on_any(
    flag_set: str, service: str | None
) -> None:
    assert asked_of(flag_set) == service
