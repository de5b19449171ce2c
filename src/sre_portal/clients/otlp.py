"""The audit log as OpenTelemetry log records: OTLP over HTTP, in JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

import httpx2

from sre_portal import __version__
from sre_portal.core.audit import EPOCH, Entry
from sre_portal.core.errors import UpstreamFailed
from sre_portal.core.sink import SinkAddress

SECONDS = 10.0
"""So long a sink may take for everything it is told at once."""
ANSWER_BYTES = 64 * 1024
"""What is read of an answer. A sound one is a few bytes, or says what was refused."""

LONGEST = 500
"""Characters of a reason that a sink gives: it is kept and shown."""

INFO, WARN = 9, 13
"""Severity numbers of OpenTelemetry."""


class OtlpSink:
    """`core.sink.Sink`. The operator names the address, so no rule for outside addresses applies to it.

    Redirects are not followed, and proxies of the environment not used. An answer has bounds in time
    and size.
    """

    def __init__(self, address: SinkAddress, environment: str) -> None:
        self.name = address.name
        self._environment = environment
        self._url = f"{address.name.removeprefix('otlp+')}/v1/logs"

    async def tell(self, entries: Sequence[Entry]) -> None:
        body = request_of(entries, self._environment)
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self._posted(body)
        except TimeoutError:
            raise UpstreamFailed(self.name, f"{self.name} did not take it in {SECONDS:g} s") from None
        except httpx2.HTTPError as failed:
            raise UpstreamFailed(self.name, f"{self.name}: {str(failed) or type(failed).__name__}") from None
        if refused := _refused(answer):
            raise UpstreamFailed(self.name, f"{self.name} took only a part: {refused}")

    async def _posted(self, body: Mapping[str, object]) -> bytes:
        """The body of an answer that says yes."""
        headers, told = {"accept-encoding": "identity"}, bytearray()
        async with (
            httpx2.AsyncClient(timeout=SECONDS, trust_env=False) as client,
            client.stream("POST", self._url, json=body, headers=headers) as answer,
        ):
            if answer.status_code != 200:
                raise UpstreamFailed(self.name, f"{self.name} answered with status {answer.status_code}")
            if answer.headers.get("content-encoding", "identity").lower() != "identity":
                raise UpstreamFailed(
                    self.name, f"{self.name} sent a compressed answer, which was not asked for"
                )
            async for part in answer.aiter_raw():
                told += part
                if len(told) > ANSWER_BYTES:
                    raise UpstreamFailed(
                        self.name, f"{self.name} answered with more than {ANSWER_BYTES} bytes"
                    )
        return bytes(told)


def request_of(entries: Sequence[Entry], environment: str) -> Mapping[str, object]:
    """An `ExportLogsServiceRequest`: one record for each entry, its leaf the body."""
    resource = _attributes({"service.name": "sre-portal", "deployment.environment.name": environment})
    scope = {"name": "sre_portal.audit", "version": __version__}
    records = [_record(entry) for entry in entries]
    logs = {"resource": {"attributes": resource}, "scopeLogs": [{"scope": scope, "logRecords": records}]}
    return {"resourceLogs": [logs]}


def _record(entry: Entry) -> Mapping[str, object]:
    is_bad = entry.outcome in {"denied", "refused", "failed"}
    told = {
        "audit.action": entry.action,
        "audit.object": entry.object,
        "audit.outcome": entry.outcome,
        "audit.hash": entry.hash,
        "enduser.id": entry.actor_id or entry.actor,
    }
    numbers = {"audit.seq": entry.seq, "audit.event": entry.event}
    nanoseconds = (entry.at - EPOCH) // timedelta(microseconds=1) * 1000
    return {
        "timeUnixNano": str(nanoseconds),
        "observedTimeUnixNano": str(nanoseconds),
        "severityNumber": WARN if is_bad else INFO,
        "severityText": "WARN" if is_bad else "INFO",
        "eventName": f"audit.{entry.kind}",
        "body": {"stringValue": entry.leaf or ""},
        "attributes": [*_attributes(told), *_numbers(numbers)],
    }


def _attributes(values: Mapping[str, str]) -> list[Mapping[str, object]]:
    return [{"key": name, "value": {"stringValue": text}} for name, text in values.items() if text]


def _numbers(values: Mapping[str, int]) -> list[Mapping[str, object]]:
    return [{"key": name, "value": {"intValue": str(number)}} for name, number in values.items()]


def _refused(answer: bytes) -> str:
    """Why records were left out, where some were (`partialSuccess`)."""
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError):
        return ""
    partial = told.get("partialSuccess") if isinstance(told, dict) else None
    if not isinstance(partial, dict) or str(partial.get("rejectedLogRecords") or 0) == "0":
        return ""
    return (
        f"{partial['rejectedLogRecords']} records refused, {partial.get('errorMessage') or 'no reason given'}"
    )[:LONGEST]
