"""The hub as a web application."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from tocsin.hub import refusals
from tocsin.hub.api import ROUTERS
from tocsin.hub.api.device import JournalFirst
from tocsin.hub.blobs import BlobError
from tocsin.hub.headers import SecurityHeaders
from tocsin.hub.hub import Hub
from tocsin.hub.settings import HubSettings
from tocsin.hub.store import StoreError
from tocsin.hub.watch import Watch

_log = logging.getLogger(__name__)
_WORDS = {404: "not-found", 405: "method", 400: "malformed", 413: "too-large"}


def create_app(settings: HubSettings) -> FastAPI:
    """Open the hub and return its application; the watch runs while its lifespan does.

    Raises StoreError, BlobError or KeyFileError, each a sentence, when the hub cannot be opened.
    """
    hub = Hub.open(settings)
    watch = Watch(hub, hub.started)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(watch.run(), name="hub-watch")
        hub.lists.follow()
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await asyncio.to_thread(_leave, hub)

    app = FastAPI(
        title="Tocsin hub",
        version=version("tocsin"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses={"4XX": refusals.RESPONSE, "503": refusals.RESPONSE},
    )
    app.state.hub = hub
    app.state.watch = watch
    app.add_middleware(JournalFirst, hub=hub)
    app.add_middleware(SecurityHeaders, tls=settings.tls)
    refusals.install(app)
    _answer_errors(app)
    for router in ROUTERS:
        app.include_router(router)
    return app


def _leave(hub: Hub) -> None:
    """Sign the log's last state and close."""
    try:
        hub.log.checkpoint(hub.store, hub.clock.now())
    except Exception:
        _log.exception("The last checkpoint of the audit log could not be signed")
    hub.close()


def _answer_errors(app: FastAPI) -> None:
    """Answer every error with ``{"error", "sentence"}``."""

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        where = ".".join(str(part) for part in error.errors()[0]["loc"][1:]) or "body"
        sentence = f"The field {where[:60]} is missing or out of bounds."
        return JSONResponse({"error": "malformed", "sentence": sentence}, 422)

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = _WORDS.get(error.status_code, "refused")
        sentence = str(error.detail).rstrip(".") + "."
        return JSONResponse({"error": code, "sentence": sentence}, error.status_code, error.headers)

    async def unstorable(_: Request, error: Exception) -> JSONResponse:
        _log.warning("A request held what the store cannot hold: %s", type(error).__name__)
        return JSONResponse({"error": "malformed", "sentence": refusals.UNSTORABLE}, 422)

    async def unavailable(_: Request, error: Exception) -> JSONResponse:
        _log.error("The store is not available: %s", error)
        return JSONResponse({"error": "unavailable", "sentence": str(error)}, 503, {"Retry-After": "10"})

    async def unexpected(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse(
            {"error": "internal", "sentence": "The hub met an error of its own; it is in the hub's log. Try again."},
            500,
        )

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(DataError, unstorable)
    app.add_exception_handler(StoreError, unavailable)
    app.add_exception_handler(BlobError, unavailable)
    app.add_exception_handler(Exception, unexpected)
