"""A finding of a live stream as JSON: what the command prints, the API answers and the webhooks carry."""

from collections.abc import Mapping
from typing import Any

from tocsin.detectors.ladder import NAMES
from tocsin.gateway.streams.weighing import Event
from tocsin.model import utc_text


def event_json(event: Event, *, words: bool = True) -> dict[str, Any]:
    """Return a finding as JSON; without ``words`` nothing that quotes the stream's chat is in it."""
    finding = event.finding
    told: dict[str, Any] = {
        "id": finding.id,
        "stream": event.stream,
        "address": finding.title,
        "rung": NAMES.get(event.rung, ""),
        "category": str(finding.category),
        "severity": finding.severity,
        "confidence": finding.confidence,
        "found_at": utc_text(finding.at),
        "second": event.at,
        "latency_s": round(event.latency, 3) if event.latency is not None else None,
        "signals": [signal.name for signal in finding.signals],
        "directions": {signal.name: str(signal.direction) for signal in finding.signals},
        "refines": finding.refines,
        "matches": [
            {"list": m.list, "entry": m.entry, "by": m.by, "distance": m.distance, "category": m.category}
            | ({"stripped": True} if m.stripped else {})
            for m in finding.matches
        ],
        "detector": f"{finding.detector} {finding.version}",
    }
    if words:
        told["why"] = finding.why
    if event.sealed is not None:
        told["sealed"] = _plain(event.sealed)
    if event.missing:
        told["not_sealed"] = event.missing
    return told


def _plain(sealed: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sealed)
