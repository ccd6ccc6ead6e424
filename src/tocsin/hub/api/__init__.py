"""The hub over HTTP: every router, listed by hand. Each is an APIRouter named ``router`` with full paths."""

from fastapi import APIRouter

from tocsin.hub.api import alerts, device, devices, events, health

ROUTERS: tuple[APIRouter, ...] = (
    device.router,
    alerts.router,
    devices.router,
    events.router,
    health.router,
)
