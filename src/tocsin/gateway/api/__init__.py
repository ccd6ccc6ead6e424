"""The gateway over HTTP: every router, listed by hand. Each is an APIRouter named ``router`` with full paths."""

from collections.abc import Mapping

from fastapi import APIRouter

from tocsin.gateway.api import (
    banks,
    contents,
    exchanges,
    hashing,
    matching,
    messages,
    payments,
    reports,
    serving,
    signal_types,
    status,
    streams,
    webhooks,
)

ROUTERS: tuple[APIRouter, ...] = (
    status.router,
    hashing.router,
    matching.router,
    banks.router,
    contents.router,
    signal_types.router,
    messages.router,
    payments.router,
    streams.router,
    webhooks.router,
    reports.router,
    exchanges.router,
    serving.router,
)

HOT: Mapping[tuple[str, str], matching.Handler] = {**hashing.HOT, **matching.HOT}
"""What is answered before any route is looked for."""
