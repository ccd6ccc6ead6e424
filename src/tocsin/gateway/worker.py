"""A process that answers lookups beside the core: ``python -m tocsin.gateway.worker``, started by ``workers``.

It maps the same lists, accepts on the same port, and hands everything that has a state on to the core.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from tocsin.gateway.api import HOT, hashing, matching, status
from tocsin.gateway.app import answer_errors
from tocsin.gateway.descriptors import most_connections
from tocsin.gateway.forwarding import Core
from tocsin.gateway.front import Front, Receive, Scope, Send
from tocsin.gateway.gateway import Gateway
from tocsin.gateway.settings import Settings
from tocsin.placement.memory import limit_arenas

_OURS = ("/h/", "/m/", "/status")
_PATHS = ("data", "tls_cert", "tls_key", "classifier", "ladder")


class Split:
    """Answers what a worker can, and hands the rest on."""

    def __init__(self, app: FastAPI, core: Core) -> None:
        self._app, self._core = app, core

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call to where it is answered."""
        if scope["type"] != "http" or scope["path"].startswith(_OURS):
            await self._app(scope, receive, send)
        else:
            await self._core.forward(scope, receive, send)


def create_worker_app(gateway: Gateway, core: Core | None = None) -> Front:
    """Return the application of a worker; without ``core`` the core process is on this machine."""
    core = core or Core(gateway.settings.core_socket)
    gateway.other_observer = core

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        gateway.start()
        try:
            yield
        finally:
            await core.close()
            gateway.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.gateway = gateway
    answer_errors(app)
    for router in (status.router, hashing.router, matching.router):
        app.include_router(router)
    return Front(Split(app, core), gateway, HOT)


def settings_as_json(settings: Settings) -> str:
    """Return what a worker is told at its start: one line, over its standard input, since it may hold a key."""
    told: dict[str, Any] = {name: getattr(settings, name) for name in Settings.__slots__ if name != "clock"}
    told |= {name: str(told[name]) if told[name] else None for name in _PATHS}
    return json.dumps(told | {"lists": [str(one) for one in settings.lists]})


def settings_of_json(text: str) -> Settings:
    """Return the settings that a worker was told."""
    told = json.loads(text)
    told |= {name: Path(told[name]) if told[name] else None for name in _PATHS}
    told |= {"lists": tuple(map(Path, told["lists"])), "fetch_hosts": tuple(told["fetch_hosts"])}
    told["list_urls"] = tuple(told["list_urls"])
    return Settings(**told)


def main() -> None:
    """Serve the socket whose number is the first argument, under the name that is the second."""
    import uvicorn

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_arenas()
    settings = settings_of_json(sys.stdin.readline())
    gateway = Gateway.open(settings, name=sys.argv[2])
    config = uvicorn.Config(
        create_worker_app(gateway),
        http="httptools",
        loop="uvloop",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
        limit_concurrency=most_connections(),
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._told)
            with contextlib.suppress(OSError):
                os.write(1, b"ready\n")

        def _told(self) -> None:
            """The core closes our standard input to end us, or has gone."""
            if not os.read(sys.stdin.fileno(), 1024):
                self.should_exit = True
                asyncio.get_running_loop().remove_reader(sys.stdin.fileno())

    Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])


if __name__ == "__main__":
    main()
