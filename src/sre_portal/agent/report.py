"""Writes a report onto the wire, and reads the portal's receipt."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass

from sre_portal.contract.report import AgentReport, ReportReceipt


def dump_report(report: AgentReport) -> bytes:
    """The JSON of a report."""
    return json.dumps(_wire(report), separators=(",", ":")).encode()


def _wire(value: object) -> object:
    # dataclasses.asdict copies every number of every histogram; here lists of numbers go by as they are
    if is_dataclass(value):
        return {field.name: _wire(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, list) and value and is_dataclass(value[0]):
        return [_wire(one) for one in value]
    return value


def parse_receipt(body: bytes) -> ReportReceipt:
    """The receipt in an answer. Raises `ValueError` for anything else."""
    wire = json.loads(body)
    try:
        receipt = ReportReceipt(int(wire["seq"]), float(wire["received_at"]), float(wire["sent_at"]))
    except (KeyError, TypeError, OverflowError):
        raise ValueError("not a receipt") from None
    if not 0 < receipt.received_at <= receipt.sent_at < 1e11:
        raise ValueError("a receipt with times that cannot be")
    return receipt
