"""The four programs of the demo, and what each is told."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from sre_portal.demo.address import Address
from sre_portal.demo.probe import answers
from sre_portal.demo.program import Program

_PACKAGED = Path(__file__).parent / "examples"
EXAMPLES = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[3] / "examples"
"""In a wheel the examples lie beside this file; in a checkout they are the folder of that name."""


class Links:
    """The addresses the portal tells through its ready file, once it answers.

    The file holds a login link, so it is removed as soon as it is read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.portal = ""
        self.login = ""

    def forget(self) -> None:
        """Before the portal starts: what an earlier one told is not true any more."""
        self.path.unlink(missing_ok=True)

    async def arrived(self) -> bool:
        """Whether the portal has told its links."""
        try:
            told = json.loads(self.path.read_text(encoding="utf-8"))
            self.portal, self.login = str(told["portal"]), str(told["login"])
        except (OSError, ValueError, KeyError, TypeError):
            return False
        self.forget()
        return True


@dataclass(frozen=True)
class Scene:
    """What the four programs need to find each other."""

    portal: Address
    shop: Address
    payments: Address
    rate: float
    seed_history: bool
    data_dir: Path
    token: str
    agent_tokens: Mapping[str, str]

    @cached_property
    def links(self) -> Links:
        return Links(self.data_dir / "ready.json")


def programs(scene: Scene, environment: Mapping[str, str]) -> Sequence[Program]:
    """In the order of dependence. They start at once and stop in the reverse order."""
    # What this shell holds for another portal must not reach the demo's.
    clean = {name: value for name, value in environment.items() if not name.startswith("SRE_PORTAL_")}
    clean["PYTHONUNBUFFERED"] = "1"
    return (
        _portal(scene, clean),
        _workload(scene, clean, "payments", scene.payments),
        _workload(scene, clean, "shop", scene.shop),
        _traffic(scene, clean),
    )


def _portal(scene: Scene, environment: Mapping[str, str]) -> Program:
    tokens = ",".join(f"{service}={token}" for service, token in scene.agent_tokens.items())
    return Program(
        name="portal",
        argv=_python(
            "sre_portal.cli.app",
            *("serve", "--host", scene.portal.host, "--port", str(scene.portal.port)),
            *("--data-dir", str(scene.data_dir)),
            *("--slo-dir", str(EXAMPLES / "slo"), "--experiment-dir", str(EXAMPLES)),
            *(["--seed-history"] if scene.seed_history else []),
        ),
        environment={
            **environment,
            "SRE_PORTAL_ADMIN_TOKEN": scene.token,
            "SRE_PORTAL_AGENT_TOKENS": tokens,
            "SRE_PORTAL_ENVIRONMENT": "demo",
            "SRE_PORTAL_LOGIN_LINKS": "on",
            **({} if scene.portal.is_loopback else {"SRE_PORTAL_PLAIN_HTTP": "true"}),
            "SRE_PORTAL_READY_FILE": str(scene.links.path),
        },
        answers=scene.links.arrived,
        before_start=scene.links.forget,
    )


def _workload(scene: Scene, environment: Mapping[str, str], name: str, place: Address) -> Program:
    return Program(
        name=name,
        argv=_python(
            "sre_portal.demo.workload",
            *(name, "--host", place.host, "--port", str(place.port)),
            *("--portal", scene.portal.url, "--payments", scene.payments.url),
        ),
        environment={**environment, "SRE_PORTAL_AGENT_TOKEN": scene.agent_tokens[name]},
        answers=partial(answers, place),
    )


def _traffic(scene: Scene, environment: Mapping[str, str]) -> Program:
    return Program(
        name="traffic",
        argv=_python(
            "sre_portal.demo.traffic",
            *("--shop", scene.shop.url, "--rate", str(scene.rate)),
            *("--wait-for", scene.shop.url, "--wait-for", scene.payments.url),
        ),
        environment=environment,
    )


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    # -P: a module of the same name in the current folder must not be taken for ours.
    return (sys.executable, "-P", "-m", module, *arguments)
