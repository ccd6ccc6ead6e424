"""Is the hub well, and how busy is it: for monitors, without a sign-in, so numbers and words only."""

import shutil
import time
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import func, select

from tocsin.hub.hub import Hub, of_request
from tocsin.hub.store.schema import Alert, Device, Setting
from tocsin.hub.watch import Watch

router = APIRouter(tags=["health"])

LEAST_FREE: Final = 200 * 1024 * 1024
"""Bytes free on the data folder's disk below which the hub is not well."""
WATCH_LATE_S: Final = 30.0
_KEEP_S: Final = 2.0


@router.get("/healthz", responses={503: {"description": "Not well; the same body."}})
def healthz(request: Request, hub: Annotated[Hub, Depends(of_request)]) -> JSONResponse:
    """Say whether the store, the disk, the watch, the audit log and the hash lists are well."""
    kept: tuple[float, dict[str, Any]] | None = getattr(request.app.state, "health", None)
    if kept is None or time.monotonic() - kept[0] > _KEEP_S:
        kept = (time.monotonic(), check(hub, getattr(request.app.state, "watch", None)))
        request.app.state.health = kept
    checks = kept[1]
    well = all(checks.values())
    return JSONResponse({"status": "ok" if well else "failing", "checks": checks}, 200 if well else 503)


def check(hub: Hub, watch: Watch | None) -> dict[str, bool]:
    """Return each check and whether it passed."""
    age = watch.age_s() if watch is not None else None
    return {
        "store": _store_can_be_written(hub),
        "disk": shutil.disk_usage(hub.settings.data).free >= LEAST_FREE,
        "watch": watch is None or age is None or age < WATCH_LATE_S,
        "audit_log": not hub.log.refusal,
        "lists": not hub.lists.broken,
    }


@router.get("/metrics")
def metrics(request: Request, hub: Annotated[Hub, Depends(of_request)]) -> Response:
    """Return the hub's counters in Prometheus' text format."""
    watch: Watch | None = getattr(request.app.state, "watch", None)
    with hub.store.reading() as session:
        for status, n in session.execute(select(Device.status, func.count()).group_by(Device.status)):
            hub.metrics.devices.labels(status).set(n)
        hub.metrics.open_alerts.clear()
        counted = select(Alert.status, func.count()).where(Alert.status != "closed").group_by(Alert.status)
        for status, n in session.execute(counted):
            hub.metrics.open_alerts.labels(status).set(n)
    for state in ("verified", "unverified", "broken"):
        hub.metrics.lists.labels(state).set(sum(each.state == state for each in hub.lists.states))
    hub.metrics.list_entries.set(hub.lists.entries)
    hub.metrics.writer_waiting.set(hub.writer.waiting)
    hub.metrics.listeners.set(hub.bus.listeners)
    hub.metrics.watch_age.set((watch.age_s() if watch else None) or 0)
    return Response(hub.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _store_can_be_written(hub: Hub) -> bool:
    try:
        with hub.store.session() as session:
            session.merge(Setting(key="health", value={"at": hub.clock.now().isoformat()}))
    except Exception:  # any failure at all means: not well
        return False
    return True
