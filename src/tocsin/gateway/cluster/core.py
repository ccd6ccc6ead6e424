"""The core's side of a cluster: a door that only its nodes can open, and what they ask for behind it."""

import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from tocsin.gateway.cluster.registry import digest_of, registry_of
from tocsin.gateway.forwarding import CLUSTER_KEY, INTERNAL
from tocsin.gateway.front import App, Receive, Scope, Send, refuse
from tocsin.gateway.gateway import of
from tocsin.gateway.refusals import Refused

REGISTRY: Final = f"{INTERNAL}registry"

router = APIRouter(include_in_schema=False)
"""``app.state.lists`` gives the lists of now: by key, where each is and the tag of its head; ``app.state.problem`` why
they may be older than what the core itself has, or nothing."""


class Guarded:
    """Answers only calls that carry the cluster's key; to all others there is nothing here."""

    def __init__(self, app: App, key: str) -> None:
        self._app, self._key = app, key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a node's call on."""
        if scope["type"] == "http":
            given = next((value for name, value in scope["headers"] if name == CLUSTER_KEY), b"")
            if not hmac.compare_digest(given, self._key):
                await refuse(Refused(404, "Not Found."), send)
                return
        await self._app(scope, receive, send)


@router.get(REGISTRY)
def registry(request: Request, known: str = "") -> Response:
    """Return banks, keys, what is disabled, and where the lists are; 304 while that is what a node knows."""
    lists: Callable[[], Mapping[str, Mapping[str, str]]] = request.app.state.lists
    problem = request.app.state.problem()
    told: dict[str, Any] = {"store": registry_of(of(request).store), "lists": lists(), "problem": problem}
    digest = digest_of(told)
    if digest == known:
        return Response(status_code=304)
    return Response(json.dumps(told | {"digest": digest}), media_type="application/json")
