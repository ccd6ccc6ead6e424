"""Known media over HTTP: a device asks whether what it saw is on a list. Signed by the device, answered at once."""

import math
import time
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from tocsin.hub import fingerprints, matching, wire
from tocsin.hub.hub import Hub, of_request

router = APIRouter(prefix="/api/v1", tags=["devices' own"])


@router.post("/match")
async def match(request: Request, hub: Annotated[Hub, Depends(of_request)]) -> Response:
    """Answer which entries of which lists the given fingerprints match; what matched nothing is forgotten."""
    began = time.perf_counter()
    body = await wire.read(request, wire.MAX_WIRE)
    try:
        answer = await run_in_threadpool(
            _answer, hub, {name: value for name, value in request.headers.items() if name in _HEADERS}, body
        )
    except matching.TooFast as refused:
        return JSONResponse(refused.as_dict(), refused.status, {"Retry-After": str(math.ceil(refused.wait))})
    hub.metrics.match_seconds.observe(time.perf_counter() - began)
    return JSONResponse(answer)


_HEADERS = ("x-tocsin-device", "x-tocsin-nonce", "x-tocsin-signature", "content-encoding")


def _answer(hub: Hub, headers: dict[str, str], body: bytes) -> dict[str, object]:
    device, nonce, signature = (headers.get(f"x-tocsin-{name}", "") for name in ("device", "nonce", "signature"))
    asker = matching.admit(hub, device, nonce, signature, body)
    asked = wire.parse(body, headers.get("content-encoding", "identity"))
    return matching.answer(hub, asker, fingerprints.items(asked))
