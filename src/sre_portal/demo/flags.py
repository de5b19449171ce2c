"""The flags the demo begins with, brought to its portal over the API, as anybody would."""

from __future__ import annotations

import json

from sre_portal.demo.client import Busy, Client, Unreachable
from sre_portal.demo.scene import EXAMPLES, Scene

FILE = EXAMPLES / "flags" / "shop.flagd.json"
SET = "shop"
KEPT = 409
"""The answer where the set is there: what people made of it stays."""


async def bring_flags(scene: Scene) -> str:
    """Imports the file unless the portal has the set. Why not, in a sentence; empty where it did or had."""
    told = {"document": FILE.read_text(encoding="utf-8"), "reason": "the demo begins", "version": 0}
    headers = {"content-type": "application/json", "authorization": f"Bearer {scene.token}"}
    client = Client(scene.portal.reachable_host, scene.portal.port)
    try:
        answer = await client.request(
            "POST", f"/api/v1/flag-sets/{SET}/import", headers, json.dumps(told).encode()
        )
    except (TimeoutError, Unreachable, Busy) as lost:
        return f"The flags of the shop could not be brought: {str(lost) or 'no answer in time'}."
    finally:
        client.close()
    if answer.status in {200, KEPT}:
        return ""
    return f"The flags of the shop could not be brought: the portal answered {answer.status}."
