"""The provider: what OpenFeature asks, answered from definitions that lie here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import Self, TypeVar

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from sre_portal.agent.alone import LoneAgent
from sre_portal.agent.asgi import FaultMiddleware
from sre_portal.agent.clock import SECOND
from sre_portal.agent.flags.context import plain_context
from sre_portal.agent.flags.known import Known
from sre_portal.agent.flags.standing import Standing
from sre_portal.agent.flags.stream import FlagStream
from sre_portal.agent.flags.use import Uses
from sre_portal.contract.flags import DEFAULT_SET, MAX_SETS
from sre_portal.core.flag.resolution import ExpectedType, Resolution

WAIT_SECONDS = 5.0
STOP_SECONDS = 0.5
NAME = "SRE Portal"

T = TypeVar("T")
Structure = Sequence[FlagValueType] | Mapping[str, FlagValueType]

_CODES = {code.value: code for code in ErrorCode}
_REASONS = {reason.value: reason for reason in Reason}


class PortalProvider(AbstractProvider):
    """Evaluates flags in this process, with the definitions that the portal streams.

        app = FaultMiddleware(app, service="shop", portal_url="https://portal.internal", token=token)
        api.set_provider(PortalProvider(app))

    An evaluation does no input or output and waits for nothing. While the portal is away the last known
    definitions answer, with reason STALE after five seconds; before the first ones came, the defaults in the
    code do. Whatever fails here gives the default in the code, and is counted.

    Args:
        agent: whose thread, connections and reports are shared.
        sets: the sets of flags, in the order in which they are asked for a key; the service's own and
            `default` where none are named.
        wait_seconds: how long `initialize` waits for the first definitions.
    """

    def __init__(
        self,
        agent: FaultMiddleware | LoneAgent,
        *,
        sets: Sequence[str] = (),
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        super().__init__()
        self._sync = agent.sync
        self._is_alone = isinstance(agent, LoneAgent)
        names = tuple(dict.fromkeys(sets or (self._sync.service, DEFAULT_SET)))
        if len(names) > MAX_SETS:
            raise ValueError(f"{len(names)} sets, at most {MAX_SETS}")
        self._now = self._sync.clock.monotonic_ns
        self._portal_clock = self._sync.portal_clock
        self._known = Known(names, self._now)
        self._uses = Uses()
        self._wait_seconds = wait_seconds
        self._standing = Standing(self, self._known, self._now)
        self._stream = FlagStream(self._sync, names, self._known, self._uses)
        self._stream.listen(self._standing)

    @classmethod
    def alone(
        cls,
        *,
        service: str,
        portal_url: str,
        token: str,
        instance: str | None = None,
        sets: Sequence[str] = (),
    ) -> Self:
        """A provider for a program that serves nothing: a worker, a script. It reports, and takes no lease.

        Arguments are as for `FaultMiddleware`. `shutdown` sends the last report.
        """
        agent = LoneAgent(service=service, portal_url=portal_url, token=token, instance=instance)
        return cls(agent, sets=sets)

    def get_metadata(self) -> Metadata:
        return Metadata(name=NAME)

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Returns once the definitions are there. Raises `ProviderNotReadyError` if they are not in time.

        Then they are awaited further, and the event READY tells of them.
        """
        self._sync.add(self._stream)
        self._sync.start()
        if not self._standing.await_first(self._wait_seconds):
            raise ProviderNotReadyError(f"no definitions yet: {self._standing.why or 'the portal is silent'}")

    def shutdown(self) -> None:
        """Follows no longer. What is known still answers."""
        self._standing.rest()
        if self._is_alone:
            stopped = Event()
            self._sync.stop(stopped.set)
            stopped.wait(STOP_SECONDS)
        self._sync.remove(self._stream)

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        return self._resolve(flag_key, default_value, evaluation_context, "boolean")

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return self._resolve(flag_key, default_value, evaluation_context, "string")

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return self._resolve(flag_key, default_value, evaluation_context, "integer")

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        return self._resolve(flag_key, default_value, evaluation_context, "float")

    def resolve_object_details(
        self, flag_key: str, default_value: Structure, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Structure]:
        return self._resolve(flag_key, default_value, evaluation_context, "object", _copied)

    def _resolve(
        self,
        key: str,
        default: T,
        context: EvaluationContext | None,
        expected: ExpectedType,
        hand_out: Callable[[object], object] | None = None,
    ) -> FlagResolutionDetails[T]:
        try:
            for one in self._known.answering:
                if key in one.flags:
                    now_ns = self._now()
                    at = (now_ns + self._portal_clock.offset_ns) // SECOND
                    found = one.flags.evaluate(
                        key, plain_context(context), expected_type=expected, facts=one.facts, at=at
                    )
                    if found.error_code is not None:
                        return _failed(default, found)
                    self._uses.count(one.name, key, found.variant or "")
                    value = default if found.variant is None else found.value
                    return FlagResolutionDetails(
                        value if hand_out is None else hand_out(value),  # type: ignore[arg-type]  # `expected`
                        None,
                        None,
                        Reason.STALE if self._known.is_stale(now_ns) else _REASONS[found.reason],
                        found.variant,
                        found.metadata,
                    )
            return self._unknown(key, default)
        except Exception as problem:  # noqa: BLE001  # fail open: the host gets what its own code says
            self._sync.misfire()
            return FlagResolutionDetails(default, ErrorCode.GENERAL, type(problem).__name__, Reason.ERROR)

    def _unknown(self, key: str, default: T) -> FlagResolutionDetails[T]:
        if self._known.is_complete:
            return FlagResolutionDetails(default, ErrorCode.FLAG_NOT_FOUND, f"no flag {key!r}", Reason.ERROR)
        told = "the portal has told no definitions yet"
        return FlagResolutionDetails(default, ErrorCode.PROVIDER_NOT_READY, told, Reason.ERROR)


def _failed(default: T, found: Resolution) -> FlagResolutionDetails[T]:
    code = _CODES.get(found.error_code or "", ErrorCode.GENERAL)
    return FlagResolutionDetails(default, code, found.error_details, Reason.ERROR, None, found.metadata)


def _copied(value: object) -> object:
    """The definitions are everybody's: what a caller changes is its own."""
    if isinstance(value, dict):
        return {name: _copied(item) for name, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value
