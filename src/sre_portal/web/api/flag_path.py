"""Which flag a path names. Both parts are bounded before anything is looked up."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from sre_portal.core.flag_name import LONGEST_KEY, LONGEST_SET

SetName = Annotated[str, Path(max_length=LONGEST_SET)]
Key = Annotated[str, Path(max_length=LONGEST_KEY)]
SetAsked = Annotated[str, Query(alias="set", max_length=LONGEST_SET)]
