"""What can go wrong, one class for each decision a caller can take. `web/errors.py` maps them to statuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input: where, what was seen, and what would be right.

    `path` is in the words of the document (`spec.target.share.percent`), `source` names the document, a file
    say, `line` counts from 1; 0 where no line is known.
    """

    path: str
    seen: str
    expected: str
    source: str = ""
    line: int = 0

    @property
    def place(self) -> str:
        """`experiments/latency.yaml:12`, or what of it is known."""
        if not self.line:
            return self.source
        return f"{self.source}:{self.line}" if self.source else f"line {self.line}"

    def __str__(self) -> str:
        what = f"{self.seen}; expected {self.expected}"
        return ": ".join(part for part in (self.place, self.path, what) if part)


@dataclass(frozen=True, slots=True)
class Objection:
    """One reason a guard gives for not starting a run. `guard` names the guard, `reason` is a sentence."""

    guard: str
    reason: str

    def __str__(self) -> str:
        return f"{self.guard}: {self.reason}"


class PortalError(Exception):
    """The root. Anything else that is raised is a bug."""


class InvalidInput(PortalError):
    """The input cannot be used. Carries every problem at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def raise_if(problems: Sequence[Problem]) -> None:
    """Raises `InvalidInput` where there is a problem."""
    if problems:
        raise InvalidInput(problems)


class NotAuthenticated(PortalError):
    """Nobody is logged in, or the token or session is unknown, expired or revoked."""


class NotPermitted(PortalError):
    """The principal lacks a permission. `hint` is a sentence about what would help, where there is one."""

    def __init__(self, permission: str, needs: str, hint: str = "") -> None:
        told = f"this needs the permission {permission}, which {needs} has"
        super().__init__(f"{told}. {hint}" if hint else told)
        self.permission = permission
        self.needs = needs


class NotFound(PortalError):
    """There is no such thing."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"no {what} {name!r}")
        self.what = what
        self.name = name


class Conflict(PortalError):
    """Somebody else was first: the row is not in the state the caller expected."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}, found {found}")
        self.expected = expected
        self.found = found


class Superseded(Conflict):
    """Somebody changed it since the caller looked. `current` is what it is now, as JSON."""

    def __init__(self, expected: str, found: str, current: Mapping[str, object]) -> None:
        super().__init__(expected, found)
        self.current = current


class Over(Conflict):
    """It has ended or was decided before, perhaps by the caller. `told` says how it stands."""

    def __init__(self, told: str) -> None:
        PortalError.__init__(self, told)
        self.expected, self.found = "one that has not ended", told


class Protected(PortalError):
    """A second person has to approve the change. `what` is a flag, or a set with several of them."""

    def __init__(self, what: str, paths: Sequence[str] = ()) -> None:
        named = f" ({', '.join(paths[:5])}{', ...' if len(paths) > 5 else ''})" if paths else ""
        super().__init__(f"{what} is protected{named}: a change by hand waits for a second person")
        self.what = what
        self.paths = tuple(paths)


class Refused(PortalError):
    """The guards object. Carries every objection."""

    def __init__(self, objections: Sequence[Objection]) -> None:
        super().__init__("\n".join(map(str, objections)))
        self.objections = tuple(objections)


class RateLimited(PortalError):
    """Too many requests."""

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(f"too many requests, try again in {retry_after_seconds:.0f} s")
        self.retry_after_seconds = retry_after_seconds


class StoreUnavailable(PortalError):
    """The database cannot be read or written. The message says which file or server, and why."""


class Untrusted(StoreUnavailable):
    """What lies in the database is not what was signed. The message says what, for a person."""


class Unconfirmed(PortalError):
    """What was asked for was passed on, and nobody has said yet that it is done."""


class LoginRefused(PortalError):
    """A login, or a logout that a provider told, is not believed.

    `reason` names the failed check and is for the log and the audit: `nonce: the ID token is of another
    login`. The message helps the honest person and is the same for every attack.
    """

    AGAIN = "The login was not accepted. Start it again from the login page, in this browser."

    def __init__(self, reason: str, sentence: str = AGAIN) -> None:
        super().__init__(sentence)
        self.reason = reason

    @property
    def check(self) -> str:
        """The name of the check that failed, `nonce`."""
        return self.reason.partition(":")[0]


class UpstreamFailed(PortalError):
    """A system that the portal asks did not answer, or not soundly.

    `reason` is one sentence for the log and for administrators: it may name inner addresses, so the message
    does not hold it. `retryable` says whether the same call may work later, with no setting changed.
    """

    def __init__(self, system: str, reason: str, *, retryable: bool = True) -> None:
        later = "now" if retryable else "as it is set up: tell an administrator"
        super().__init__(f"{system} cannot be asked {later}.")
        self.system = system
        self.reason = reason
        self.retryable = retryable


class ProviderUnavailable(UpstreamFailed):
    """A login provider cannot be asked, or does not do what its documents say."""
