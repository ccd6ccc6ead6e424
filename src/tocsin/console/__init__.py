"""The hub's pages. :func:`mount` adds them to the hub's application; the hub itself knows nothing of them."""

from fastapi import FastAPI

from tocsin.console import pages
from tocsin.console.views import ROUTERS
from tocsin.console.visit import install_errors

__all__ = ["mount"]


def mount(app: FastAPI) -> None:
    """Add the console's pages, static files and error pages to a hub's application."""
    app.include_router(pages.router)
    for router in ROUTERS:
        app.include_router(router)
    install_errors(app)
