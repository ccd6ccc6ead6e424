"""The console's pages, one file a room of the menu; every router is listed by hand."""

from fastapi import APIRouter

from tocsin.console.views import (
    alerts,
    audit,
    devices,
    key,
    lists,
    live,
    orders,
    people,
    quality,
    reporting,
    reports,
    review,
    session,
    subjects,
)

ROUTERS: tuple[APIRouter, ...] = (
    session.router,
    live.router,
    alerts.router,
    subjects.router,
    devices.router,
    orders.router,
    review.router,
    reports.router,
    reporting.router,
    quality.router,
    key.router,
    people.router,
    lists.router,
    audit.router,
)
