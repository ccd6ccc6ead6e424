"""The hub as a web application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from tocsin.hub import refusals
from tocsin.hub.api import ROUTERS
from tocsin.hub.headers import SecurityHeaders
from tocsin.hub.hub import Hub
from tocsin.hub.settings import HubSettings


def create_app(settings: HubSettings) -> FastAPI:
    """Open the hub and return its application; the watch and the writer run while its lifespan does."""
    hub = Hub.open(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            hub.close()

    app = FastAPI(title="Tocsin hub", version=version("tocsin"), lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.hub = hub
    app.add_middleware(SecurityHeaders, tls=settings.tls)
    refusals.install(app)
    for router in ROUTERS:
        app.include_router(router)
    return app
