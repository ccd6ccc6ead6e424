"""Health of a device, from the age of its evidence and never from liveness alone."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class HealthState(StrEnum):
    """What a heartbeat may say. *Blind* means: active for 30 s and nothing was seen."""

    OK = "ok"
    DEGRADED = "degraded"
    BLIND = "blind"
    IDLE = "idle"
    UNSUPPORTED = "unsupported"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One heartbeat's content. ``coverage`` is the share of active time really observed since the last one."""

    state: HealthState
    at: datetime
    last_evidence: datetime | None
    active: bool
    coverage: float
    cpu: float = 0.0
    memory_bytes: int = 0
    degradations: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
