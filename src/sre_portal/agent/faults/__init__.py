"""One fault, one file. The table says which function applies which kind."""

from __future__ import annotations

from collections.abc import Mapping

from sre_portal.agent.faults import abort, error_exception, error_status, latency
from sre_portal.agent.faults.hit import Apply

APPLY: Mapping[str, Apply] = {
    "latency": latency.apply,
    "error_status": error_status.apply,
    "error_exception": error_exception.apply,
    "abort": abort.apply,
}
