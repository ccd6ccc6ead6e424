"""Banks for partners, over StopNCII's wire (``/serve/stopncii/v1``) and NCMEC's (``/serve/ncmec/v2``).

A partner shows its gateway key (scope exchange): to the first as ``x-functions-key``, to the second as the password of
HTTP Basic, with its name. Every call is logged before it is answered.
"""

import base64
import binascii
import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tocsin.gateway.access import Caller
from tocsin.gateway.api.exchanges import desk_of
from tocsin.gateway.exchanges.partners import Reader
from tocsin.gateway.gateway import of
from tocsin.gateway.refusals import Refused

router = APIRouter(tags=["serving"])

STOPNCII = "/serve/stopncii/v1"
NCMEC = "/serve/ncmec/v2"
SERVED = "exchange-served"
_BASIC = {"WWW-Authenticate": 'Basic realm="hash sharing", charset="UTF-8"'}


@router.get(f"{STOPNCII}/FetchHashes")
def fetch_hashes(
    request: Request,
    start: Annotated[int, Query(alias="startTimestamp", ge=0, lt=2**40)] = 10,
    size: Annotated[int, Query(alias="pageSize", ge=1, le=100_000)] = 800,
    token: Annotated[str, Query(alias="nextPageToken", max_length=4096)] = "",
) -> dict[str, Any]:
    """Return one page of hashes that changed after a moment. From 10 on: all that are active, none that went."""
    caller, reader = _by_header(request)
    page = desk_of(request).sharing.fetch_hashes(reader, start, size, token)
    gone = sum(record["hashStatus"] != "Active" for record in page["hashRecords"])
    _log(request, caller, "FetchHashes", since=start, sent=page["count"], withdrawn=gone, more=page["hasMoreRecords"])
    return page


@router.post(f"{STOPNCII}/SubmitHashes")
async def submit_hashes(request: Request) -> dict[str, Any]:
    """Take hashes into the bank that was agreed for it; those that cannot be read are left out and named."""
    caller, reader = _by_header(request)
    done = await run_in_threadpool(desk_of(request).sharing.submit_hashes, reader, await _json(request))
    _log(request, caller, "SubmitHashes", taken=done["count"], left_out=len(done["rejected"]))
    return done


@router.post(f"{STOPNCII}/SubmitFeedback")
async def submit_feedback(request: Request) -> dict[str, Any]:
    """Take what a partner says of hashes; others are told. Withdrawn takes back what the partner itself submitted."""
    caller, reader = _by_header(request)
    done = await run_in_threadpool(desk_of(request).sharing.submit_feedback, reader, await _json(request))
    _log(request, caller, "SubmitFeedback", known=done["count"], left_out=len(done["rejected"]))
    return done


@router.get(f"{NCMEC}/status")
def status(request: Request) -> Response:
    """Return who the partner is."""
    caller, reader = _by_login(request)
    _log(request, caller, "status")
    address = request.client.host if request.client else ""
    return _xml(desk_of(request).sharing.status(reader, address))


@router.get(f"{NCMEC}/members")
def members(request: Request) -> Response:
    """Return the members: one for each bank that the partner reads, and the partner."""
    caller, reader = _by_login(request)
    _log(request, caller, "members")
    return _xml(desk_of(request).sharing.members(reader))


@router.get(f"{NCMEC}/entries")
def entries(request: Request) -> Response:
    """Return one page of entries that changed in a range of time, in no order of time."""
    caller, reader = _by_login(request)
    asked = {name: value[:4096] for name, value in request.query_params.items()}
    page = desk_of(request).sharing.entries(reader, asked)
    _log(
        request, caller, "entries", since=asked.get("from", "")[:20], start=asked.get("start", "1")[:12], size=len(page)
    )
    return _xml(page)


@router.get(f"{NCMEC}/feedback/{{kind}}/reasons")
def reasons(request: Request, kind: str) -> Response:
    """Return why one may disagree with a fingerprint."""
    caller, _ = _by_login(request)
    _log(request, caller, "reasons")
    return _xml(desk_of(request).sharing.reasons(kind))


@router.put(f"{NCMEC}/entries/{{member}}/{{entry}}/{{kind}}/feedback")
async def vote(request: Request, member: str, entry: str, kind: str) -> Response:
    """Take a partner's vote on one kind of fingerprint of an entry."""
    caller, reader = _by_login(request)
    if not (member.isascii() and member.isdigit() and len(member) < 12):
        raise Refused(404, "There is no such member.")
    body = await request.body()
    await run_in_threadpool(desk_of(request).sharing.vote, reader, int(member), entry, kind, body)
    _log(request, caller, "feedback")
    return Response(status_code=204)


def _by_header(request: Request) -> tuple[Caller, Reader]:
    """Return who calls with ``x-functions-key``. Raises Refused."""
    return _admitted(request, request.headers.get("x-functions-key", "").strip(), {})


def _by_login(request: Request) -> tuple[Caller, Reader]:
    """Return who calls with a name and a key as password. Raises Refused."""
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    try:
        user, _, key = base64.b64decode(text.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        user = key = ""
    if kind.lower() != "basic" or not key:
        raise Refused(401, "Sign in with HTTP Basic: your name here, and your key as the password.", _BASIC)
    caller, reader = _admitted(request, key, _BASIC)
    if user != reader.name:
        raise Refused(401, "The key is not the one of this name.", _BASIC)
    return caller, reader


def _admitted(request: Request, key: str, headers: dict[str, str]) -> tuple[Caller, Reader]:
    shown = {"type": "http", "headers": [(b"x-api-key", key.encode("utf-8", "replace"))]}
    try:
        caller = of(request).access.admit(shown, "exchange")
    except Refused as refused:
        if refused.status == 401:
            raise Refused(401, str(refused), headers) from refused
        raise
    return caller, desk_of(request).partners.named(caller.name)


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise Refused(400, "The body is not JSON.") from error


def _log(request: Request, caller: Caller, what: str, **detail: Any) -> None:
    of(request).audit.write(caller, SERVED, what, **detail)


def _xml(body: bytes) -> Response:
    return Response(body, media_type="application/xml")
