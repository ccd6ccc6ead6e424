"""The hub over HTTP: every router, listed by hand. Each is an APIRouter named ``router`` with full paths."""

from fastapi import APIRouter

from tocsin.hub.api import (
    alerts,
    audit,
    device,
    device_reports,
    devices,
    events,
    evidence,
    health,
    match,
    orders,
    people,
    reporting,
    reports,
    session,
    subjects,
)

ROUTERS: tuple[APIRouter, ...] = (
    device.router,
    device_reports.router,
    match.router,
    session.router,
    reports.router,
    alerts.router,
    reporting.router,
    evidence.router,
    subjects.router,
    orders.router,
    devices.router,
    people.router,
    audit.router,
    events.router,
    health.router,
)
