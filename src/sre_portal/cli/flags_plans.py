"""`sre-portal flags plans`, `plan`, `approve`, `refuse` and `cancel`: changes that wait.

The commands belong to `sre-portal flags`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import typer

from sre_portal.cli.ask import ask, part
from sre_portal.cli.exits import Code, print_json, told
from sre_portal.cli.option import DEFAULT_PORTAL, AsJson, PortalUrl, Token
from sre_portal.cli.plain import say

FlagSet = Annotated[str, typer.Argument(metavar="SET", help="The set of flags, such as shop@staging.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="The key of the flag.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the audit log.")]
Numbers = Annotated[list[int], typer.Argument(metavar="NUMBER...", min=1, help="The numbers of the plans.")]


def plans(
    number: Annotated[
        int | None, typer.Argument(metavar="NUMBER", min=1, help="Show this one, and what it would do.")
    ] = None,
    flag_set: Annotated[str, typer.Option("--set", metavar="SET", help="Only this set.")] = "",
    state: Annotated[
        Literal["waiting", "scheduled", "done", "failed", "refused", "cancelled"] | None,
        typer.Option("--state", help="Only those that stand so."),
    ] = None,
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """List planned changes, newest first; with a number, show one."""
    from sre_portal.cli.flags_plans_seen import detail_lines, plan_lines

    with told(as_json):
        if number is not None:
            answer = ask(portal, token, lambda at: at.get(f"/flag-plans/{number}"))
            lines = detail_lines(answer)
        else:
            query = {name: value for name, value in (("set", flag_set), ("state", state)) if value}
            answer = ask(portal, token, lambda at: at.get("/flag-plans", **query))
            lines = plan_lines(answer)
        print_json(answer) if as_json else say(lines)


def plan(
    flag_set: FlagSet,
    key: Key,
    reason: Reason,
    step: Annotated[
        list[str],
        typer.Option(
            "--step",
            metavar="STEP",
            help="[INSTANT] on, off, share VARIANT PERCENT, put FILE VERSION, or remove VERSION. The instant "
            "is in UTC: 14:30, 2026-12-01 14:30, or +45m, +2h, +1d from now; without one the step is made "
            "at once. Several, in their order.",
        ),
    ],
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Plan steps of a flag: a rollout, say. On a protected flag each waits for a second person first."""
    from sre_portal.cli.flags_plans_seen import parse_step, plan_lines

    with told(as_json):
        body = {"reason": reason, "steps": [parse_step(one) for one in step]}
        path = f"/flags/{part(flag_set)}/{part(key)}/plans"
        answer = ask(portal, token, lambda at: at.post(path, body))
        lines = plan_lines(answer)
        print_json(answer) if as_json else say(lines)


def approve(
    numbers: Numbers,
    reason: Reason,
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Let planned changes of somebody else happen. Exits 1 where one of them could not be made."""
    _decide("approve", numbers, reason, portal, token, as_json=as_json)


def refuse(
    numbers: Numbers,
    reason: Reason,
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Say no to planned changes of somebody else."""
    _decide("refuse", numbers, reason, portal, token, as_json=as_json)


def cancel(
    numbers: Numbers,
    reason: Reason,
    portal: PortalUrl = DEFAULT_PORTAL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Take planned changes back, one's own and others': this stops a rollout."""
    _decide("cancel", numbers, reason, portal, token, as_json=as_json)


def tell_held_up(answer: object, *, as_json: bool) -> None:
    """Where a change became a plan: prints it and exits 3, because nothing has changed yet."""
    from sre_portal.cli.flags_plans_seen import held_up_lines

    if lines := held_up_lines(answer):
        print_json(answer) if as_json else say(lines)
        raise typer.Exit(Code.UNDECIDED.value)


def _decide(verb: str, numbers: list[int], reason: str, portal: str, token: str, *, as_json: bool) -> None:
    from sre_portal.cli.flags_plans_seen import ended_line, parse_plan

    with told(as_json):
        body, answers = {"reason": reason}, list[object]()
        for number in numbers:
            answers.append(_decided(f"/flag-plans/{number}/{verb}", body, portal, token))
            if not as_json:
                say([ended_line(answers[-1])])
        if as_json:
            print_json(answers)
        if any(parse_plan(one).state == "failed" for one in answers):
            raise typer.Exit(Code.FAILED.value)


def _decided(path: str, body: Mapping[str, object], portal: str, token: str) -> object:
    return ask(portal, token, lambda at: at.post(path, body))
