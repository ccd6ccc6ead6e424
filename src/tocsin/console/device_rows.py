"""A device as pages show it: its state in one word, from the age of its evidence and never from liveness alone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tocsin.console import words
from tocsin.evidence.keys import fingerprint
from tocsin.hub.store.schema import Device

_SENTENCES = {
    "ok": "Evidence arrives as it should.",
    "degraded": "It works at reduced strength, to stay within its limits.",
    "blind": "It was in use for 30 seconds or more and nothing was seen.",
    "idle": "Nobody is at the device.",
    "unsupported": "It cannot be observed as it is set up.",
    "stopped": "Collection was stopped. Not observed says nothing either way.",
    "silent": "Not heard from. Not observed says nothing either way: it may be switched off, offline or tampered with.",
    "removed": "It was taken out; nothing is taken from it any more.",
    "unheard": "It was enrolled and has not reported yet.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """What the device templates read."""

    id: str
    label: str
    reference: str
    subject_id: str
    order_id: str
    state: str
    sentence: str
    trouble: str
    last_evidence: datetime | None
    last_heartbeat: datetime | None
    coverage: float | None
    cpu: float | None
    memory: int
    degradations: list[str]
    software: str
    platform: str
    enrolled_at: datetime
    fingerprint: str
    last_seq: int
    last_hash: str

    @staticmethod
    def of(device: Device) -> "DeviceRow":
        """Read a device's row."""
        health = device.health
        state = state_of(device)
        steps = [step for step in health.get("degradations", []) if step != "normal"]
        heard = "state" in health and "coverage" in health
        return DeviceRow(
            id=device.id,
            label=device.label,
            reference=device.subject.reference,
            subject_id=device.subject_id,
            order_id=device.order_id,
            state=state,
            sentence=_SENTENCES.get(state, words.DEVICE_STATES.get(state, state)),
            trouble=_trouble(state, steps, health),
            last_evidence=device.last_evidence,
            last_heartbeat=device.last_heartbeat,
            coverage=float(health["coverage"]) if heard and health.get("active") else None,
            cpu=float(health["cpu"]) if "cpu" in health else None,
            memory=int(health.get("memory", 0)),
            degradations=steps,
            software=device.software,
            platform=device.platform,
            enrolled_at=device.enrolled_at,
            fingerprint=fingerprint(device.public_key),
            last_seq=device.last_seq,
            last_hash=device.last_hash,
        )


def state_of(device: Device) -> str:
    """Return a device's state in one word."""
    if device.status in ("removed", "stopped", "silent"):
        return device.status
    if device.silent_since is not None:
        return "silent"
    if device.last_heartbeat is None:
        return "unheard"
    state = str(device.health.get("state", "")) or "unheard"
    return state if state in words.DEVICE_STATES else "degraded"


def _trouble(state: str, steps: list[str], health: dict[str, Any]) -> str:
    if state == "stopped" and health.get("stopped"):
        return str(health["stopped"]).replace("-", " ")
    if state in ("silent", "stopped", "removed"):
        return "not observed"
    return "; ".join(words.STEPS.get(step, step) for step in steps)
