"""Hashing, as HMA offers it under ``/h``."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from tocsin.gateway import audit
from tocsin.gateway.answering import answered, comparing, names
from tocsin.gateway.api.described import MULTIPART, described, query
from tocsin.gateway.api.matching import Handler
from tocsin.gateway.contents import Content, by_upload, by_url, hashed, types_of
from tocsin.gateway.gateway import Gateway, of
from tocsin.gateway.refusals import Refused

router = APIRouter(tags=["hashing"])

_TYPES = query("types", "Signal types joined by commas; all enabled ones without.")


async def hash_url(gateway: Gateway, request: Request) -> Response:
    """Hash the content of a URL."""
    caller = gateway.access.admit(request.scope, "lookup")
    url = request.query_params.get("url")
    if not url:
        raise Refused(400, "Give the content's url.")
    content = await by_url(gateway, url, request.query_params.get("content_type"))
    gateway.audit.write(caller, audit.HASH, content.kind)
    return await _hashed(gateway, request, content)


async def hash_upload(gateway: Gateway, request: Request) -> Response:
    """Hash an uploaded photo or video."""
    caller = gateway.access.admit(request.scope, "lookup")
    content = await by_upload(gateway, request)
    gateway.audit.write(caller, audit.HASH, content.kind)
    return await _hashed(gateway, request, content)


HOT: Mapping[tuple[str, str], Handler] = {("GET", "/h/hash"): hash_url, ("POST", "/h/hash"): hash_upload}
"""Handlers by method and path."""


@router.get(
    "/h/hash",
    openapi_extra=described(
        "Hashes by signal type", query("url", "Where to fetch it."), query("content_type", "photo or video"), _TYPES
    ),
)
async def get_hash(request: Request) -> Response:
    """Hash the content of a URL."""
    return await hash_url(of(request), request)


@router.post("/h/hash", openapi_extra=described("Hashes by signal type", _TYPES) | MULTIPART)
async def post_hash(request: Request) -> Response:
    """Hash an uploaded photo or video; the field's name says which it is."""
    return await hash_upload(of(request), request)


async def _hashed(gateway: Gateway, request: Request, content: Content) -> Response:
    """Answer one key for each type; a picture with too little in it has an empty hash, and a header says why.

    Content that cannot be decoded at all is refused: an empty hash would look like an answer.
    """
    types = types_of(gateway, names(request, "types"))
    made = await hashed(gateway, content, types, listing=True)
    for why in made.absent.values():
        if why["reason"] != "low-quality":
            raise Refused(400, f"The content cannot be hashed: {why['sentence']}")
    return answered(dict(made.signals), headers=comparing(made.unexamined))
