"""The gateway as a web application."""

import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tocsin.evidence.call_log import CallLogError
from tocsin.gateway.api import HOT, ROUTERS
from tocsin.gateway.api.described import REFUSALS
from tocsin.gateway.front import OWN_FAULT, Front
from tocsin.gateway.gateway import Gateway
from tocsin.gateway.refusals import Refused
from tocsin.gateway.services import SERVICES
from tocsin.gateway.store import StoreError
from tocsin.matching.lists import ListError

_log = logging.getLogger(__name__)


def create_app(gateway: Gateway, more: Sequence[APIRouter] = ()) -> FastAPI:
    """Return the application of an opened gateway; its services run while its lifespan does, and it is closed then.

    ``more`` are routers beside those that every gateway has.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as running:
            running.callback(gateway.close)
            gateway.start()
            for service in SERVICES if gateway.core else ():
                await running.enter_async_context(service(gateway))
            yield

    app = FastAPI(
        title="Tocsin gateway",
        version=version("tocsin"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=REFUSALS,
    )
    app.state.gateway = gateway
    app.add_middleware(Front, gateway=gateway, hot=HOT)
    answer_errors(app)
    for router in (*ROUTERS, *more):
        app.include_router(router)
    return app


def answer_errors(app: FastAPI) -> None:
    """Answer every error with ``{"message": sentence}``, as HMA's clients expect."""

    async def refused(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refused)
        return JSONResponse(error.as_dict(), error.status, error.headers)

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return JSONResponse({"message": _said(error.errors()[0])}, 422)

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return JSONResponse({"message": str(error.detail).rstrip(".") + "."}, error.status_code, error.headers)

    async def unavailable(_: Request, error: Exception) -> JSONResponse:
        _log.error("The store is not available: %s", error)
        return JSONResponse({"message": str(error)}, 503, {"Retry-After": "5"})

    async def unlisted(_: Request, error: Exception) -> JSONResponse:
        _log.error("A list could not be read or changed: %s", error)
        return JSONResponse({"message": f"A list could not be read or changed: {error}"}, 503, {"Retry-After": "5"})

    async def unexpected(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse({"message": OWN_FAULT}, 500)

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(StoreError, unavailable)
    app.add_exception_handler(CallLogError, unavailable)
    app.add_exception_handler(ListError, unlisted)
    app.add_exception_handler(Exception, unexpected)


def _said(problem: Mapping[str, Any]) -> str:
    """Say what is wrong with a call, and where; never what was in it."""
    where, kind = ".".join(str(part) for part in problem["loc"][1:])[:60], problem["type"]
    if kind == "json_invalid":
        return "The body is no JSON that can be read."
    if kind == "missing":
        return f"The field {where} is missing." if where else "The body is missing."
    if kind == "extra_forbidden":
        return f"This call takes no field {where}."
    if not where and kind in ("model_attributes_type", "model_type", "dict_type"):
        return "The body must be a JSON object, sent as Content-Type: application/json."
    why = str(problem["msg"]).removeprefix("Value error, ").rstrip(".")[:300]
    return f"The field {where} is not as it must be: {why}." if where else f"The body is not as it must be: {why}."
