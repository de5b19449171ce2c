"""Whether the provider is ready, stale or refused, and the events of OpenFeature that say so."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from openfeature.event import ProviderEvent, ProviderEventDetails
from openfeature.exception import ErrorCode
from openfeature.provider import AbstractProvider

from sre_portal.agent.flags.known import Known


class Standing:
    """`stream.Listener`. The first READY is the SDK's own, when `initialize` returns."""

    def __init__(self, provider: AbstractProvider, known: Known, now: Callable[[], int]) -> None:
        self.why = ""
        """Why the portal does not let this agent in; empty where it does."""
        self._provider = provider
        self._known = known
        self._now = now
        self._first = Event()
        self._is_waiting = True
        self._told: ProviderEvent | None = None
        """What was told last; None where nothing was."""

    def await_first(self, seconds: float) -> bool:
        """Waits for the first definitions. Whether they came in time."""
        self._is_waiting = True
        came = self._first.wait(seconds)
        self._told = ProviderEvent.PROVIDER_READY if came else ProviderEvent.PROVIDER_ERROR
        self._is_waiting = False
        return came

    def rest(self) -> None:
        """Tells nothing any more."""
        self._is_waiting = True

    def heard(self, changed: list[str] | None) -> None:
        self.why = ""
        if not self._known.is_complete:
            return
        if changed is not None and self._first.is_set() and not self._is_waiting:
            details = ProviderEventDetails(flags_changed=changed)
            self._provider.emit(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, details)
        self._first.set()
        self.look()

    def refused(self, why: str) -> None:
        self.why = why
        if self._told is not ProviderEvent.PROVIDER_ERROR:
            self._tell(ProviderEvent.PROVIDER_ERROR, why)

    def look(self) -> None:
        if self._known.is_stale(self._now()):
            if self._told is ProviderEvent.PROVIDER_READY:
                self._tell(ProviderEvent.PROVIDER_STALE, "the portal is silent; what was known last answers")
        elif self._first.is_set() and not self.why and self._told is not ProviderEvent.PROVIDER_READY:
            self._tell(ProviderEvent.PROVIDER_READY, "definitions are up to date")

    def _tell(self, event: ProviderEvent, message: str) -> None:
        if self._is_waiting:
            return
        self._told = event
        code = ErrorCode.GENERAL if event is ProviderEvent.PROVIDER_ERROR else None
        self._provider.emit(event, ProviderEventDetails(message=message, error_code=code))
