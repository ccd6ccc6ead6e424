"""The hub over HTTP: every router, listed by hand. Each is an APIRouter named ``router`` with full paths."""

from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = ()
