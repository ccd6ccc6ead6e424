"""The gateway over HTTP: every router, listed by hand. Each is an APIRouter named ``router`` with full paths."""

from fastapi import APIRouter

from tocsin.gateway.api import status

ROUTERS: tuple[APIRouter, ...] = (status.router,)
