"""What is in a bank, as HMA offers it under ``/c/bank/<name>``: put in, shown, marked, removed.

A content belongs to its bank: under another bank's name it is not found.
"""

import asyncio
import json
import time
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import select

from tocsin.gateway import audit
from tocsin.gateway.access import Caller, allow
from tocsin.gateway.answering import flag, names
from tocsin.gateway.api.banks import Curator, Reader, told_of
from tocsin.gateway.api.described import MULTIPART, described, query
from tocsin.gateway.bank_jobs import NewContent
from tocsin.gateway.banks_tables import Content as Row
from tocsin.gateway.banks_tables import DisabledEntry
from tocsin.gateway.contents import Content, by_url, hashed, kind_of, types_of
from tocsin.gateway.gateway import Gateway, of
from tocsin.gateway.ids import FIRST_OF_LISTS, place_of
from tocsin.gateway.lookup import listed_signals
from tocsin.gateway.refusals import Refused
from tocsin.gateway.signals import TYPES
from tocsin.gateway.uploads import one_file

router = APIRouter(tags=["curation"])

MOST_AHEAD_S: Final = 5 * 365 * 86_400
_NOTE: Final = 255


class ContentChange(BaseModel):
    """``disable_until_ts``: 0 disabled, 1 enabled, else disabled until then (Unix time, at most five years ahead)."""

    disable_until_ts: int | None = Field(None, ge=0)
    note: str | None = Field(None, max_length=_NOTE)


@router.post(
    "/c/bank/{name}/content",
    openapi_extra=described(
        "The content's number, and its signals",
        query("url", "Where to fetch it; without, it comes as an upload."),
        query("content_type", "photo or video; without, what the other server says."),
        query("types", "Signal types joined by commas."),
        query("note", "At most 255 letters."),
        query("content_id", "The caller's own name of it."),
        query("content_uri", "Where the caller keeps it."),
        query("metadata", "JSON."),
    )
    | MULTIPART,
)
async def add_content(request: Request, caller: Curator, name: str) -> dict[str, Any]:
    """Put the content of a URL, or an upload, into a bank."""
    gateway = of(request)
    gateway.banks.own(name)
    given: dict[str, Any] = dict(request.query_params)
    if given.get("url"):
        given |= await _body(request)
        content = await by_url(gateway, given["url"], given.get("content_type"))
    else:
        upload, fields = await one_file(request, gateway.settings.max_bytes)
        given |= fields
        content = Content(upload.data, kind_of(upload.field), upload.name, upload.media_type)
    types = types_of(gateway, names(request, "types"))
    made = await hashed(gateway, content, types, listing=True)
    signals = {kind: signal for kind, signal in made.signals.items() if signal and kind not in made.partly}
    if not signals:
        why = next(iter(made.unexamined.values()), {"sentence": "No signal type here is made of it."})
        raise Refused(400, f"The content cannot be put into a bank: {why['sentence']}")
    new = _new(signals, given, content.url)
    told = await _added(gateway, caller, name, new)
    left_out = made.absent | {kind: why | {"sentence": _left_out(why)} for kind, why in made.partly.items()}
    return told | ({"not_comparable": left_out} if left_out else {})


@router.post("/c/bank/{name}/signal")
async def add_signal(
    request: Request, caller: Curator, name: str, given: Annotated[dict[str, Any], Body(examples=[{"pdq": "0" * 64}])]
) -> dict[str, Any]:
    """Put signals into a bank: ``{"pdq": "…", "note"?: "…"}``; several types are one entry."""
    gateway = of(request)
    signals = {}
    for kind, signal in given.items():
        if kind in ("note", "metadata", "content_id", "content_uri"):
            continue
        gateway.catalogue.type_named(kind)
        if not isinstance(signal, str):
            raise Refused(400, f"The {kind[:40]} hash must be text.")
        signals[kind] = signal.strip()
    return await _added(gateway, caller, name, _new(signals, given, ""))


@router.get("/c/bank/{name}/contents")
def list_contents(
    request: Request,
    _: Reader,
    name: str,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Return what was put into a bank by hand, page by page: give ``next`` as ``after`` for the next page."""
    gateway = of(request)
    bank = gateway.catalogue.named(name)
    with gateway.store.reading() as session:
        chosen = select(Row).where(Row.bank_id == bank.id, Row.id > after, Row.state != "removing")
        rows = list(session.scalars(chosen.order_by(Row.id).limit(limit + 1)))
    told = [_told(gateway, name, row, signals=False, metadata=True) for row in rows[:limit]]
    return {"contents": told, "next": rows[limit - 1].id if len(rows) > limit else None}


@router.get(
    "/c/bank/{name}/content/{number}",
    openapi_extra={"parameters": [query("include_signals", "false"), query("include_metadata", "true")]},
)
def get_content(
    request: Request, caller: Annotated[Caller, Depends(allow("curate"))], name: str, number: int
) -> dict[str, Any]:
    """Return a content of a bank; ``include_signals`` needs a key good for raw."""
    gateway = of(request)
    signals = flag(request, "include_signals")
    if signals and not caller.may("raw"):
        raise Refused(403, f"The key {caller.name} is not good for raw, which seeing listed hashes needs.")
    metadata = "include_metadata" not in request.query_params or flag(request, "include_metadata")
    gateway.audit.write(caller, audit.READ, f"{name}/{number}", signals=signals)
    return _shown(gateway, name, number, signals=signals, metadata=metadata)


@router.put("/c/bank/{name}/content/{number}")
def change_content(request: Request, caller: Curator, name: str, number: int, given: ContentChange) -> dict[str, Any]:
    """Disable or enable a content, for a while or until further notice; or note something."""
    gateway = of(request)
    _shown(gateway, name, number, signals=False, metadata=False)
    until = given.disable_until_ts
    if until is not None and until > time.time() + MOST_AHEAD_S:
        raise Refused(400, "disable_until_ts is more than five years ahead; 0 disables until further notice.")
    gateway.banks.mark(name, number, until, given.note, listed=number >= FIRST_OF_LISTS)
    gateway.audit.write(caller, audit.CONTENT, f"{name}/{number}", act="change", disable_until_ts=until)
    return _shown(gateway, name, number, signals=False, metadata=True)


@router.delete("/c/bank/{name}/content/{number}")
async def remove_content(request: Request, caller: Curator, name: str, number: int) -> dict[str, int]:
    """Take a content out of a bank."""
    gateway = of(request)
    if number >= FIRST_OF_LISTS:
        await asyncio.to_thread(_shown, gateway, name, number, signals=False, metadata=False)
        raise Refused(403, "This entry came from elsewhere and would come again; disable it with disable_until_ts 0.")
    gone = await asyncio.wrap_future(gateway.banks.take_out(name, number))
    if not gone:
        raise Refused(404, f"The bank {name} has no content {number}.")
    gateway.audit.write(caller, audit.CONTENT, f"{name}/{number}", act="remove")
    return {"deleted": gone}


def _left_out(why: dict[str, Any]) -> str:
    """Say why a signal of half a picture is not listed: it would match other halves, and not the whole."""
    return f"{why['sentence']} What was read of it is not put into the bank; send it whole."


async def _added(gateway: Gateway, caller: Caller, name: str, new: NewContent) -> dict[str, Any]:
    number = await asyncio.wrap_future(gateway.banks.add(name, new))
    gateway.audit.write(caller, audit.CONTENT, f"{name}/{number}", act="add", types=sorted(new.signals))
    return {"id": number, "signals": dict(new.signals)}


def _new(signals: dict[str, str], given: dict[str, Any], url: str) -> NewContent:
    """Return what to put in, from a query, a form or a body: metadata may be JSON text or an object, and may nest."""
    metadata = _object(given.get("metadata"))
    inner = _object(metadata.pop("json", None)) if "json" in metadata else {}
    note = str(given.get("note") or "")
    if len(note) > _NOTE:
        raise Refused(400, f"A note has at most {_NOTE} letters.")
    named = {key: str(given.get(key) or metadata.pop(key, "") or "") for key in ("content_id", "content_uri")}
    if len(named["content_id"]) > 255 or len(named["content_uri"]) > 2048 or len(url) > 2048:
        raise Refused(400, "content_id has at most 255 letters, content_uri and url 2,048.")
    rest = {key: value for key, value in metadata.items() if key not in named}
    return NewContent(signals=signals, note=note, media_uri=url, metadata=inner | rest, **named)


def _object(value: Any) -> dict[str, Any]:
    if value in (None, ""):
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise Refused(400, "metadata must be JSON.") from error
    if not isinstance(value, dict):
        raise Refused(400, "metadata must be a JSON object.")
    return dict(value)


async def _body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a body, if there is one."""
    data = await request.body()
    return _object(data.decode("utf-8", "replace")) if data.strip() else {}


def _shown(gateway: Gateway, name: str, number: int, *, signals: bool, metadata: bool) -> dict[str, Any]:
    bank = gateway.catalogue.named(name)
    if number >= FIRST_OF_LISTS:
        return _listed(gateway, name, number, signals=signals, metadata=metadata)
    with gateway.store.reading() as session:
        row = session.get(Row, number)
    if row is None or row.bank_id != bank.id or row.state == "removing":
        raise Refused(404, f"The bank {name} has no content {number}.")
    return _told(gateway, name, row, signals=signals, metadata=metadata)


def _told(gateway: Gateway, name: str, row: Row, *, signals: bool, metadata: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"id": row.id, "disable_until_ts": row.disable_until_ts}
    told |= {"original_media_uri": row.media_uri or None, "bank": told_of(gateway, gateway.catalogue.named(name))}
    if signals:
        told["signals"] = dict(row.signals)
    if metadata:
        told["metadata"] = {"content_id": row.content_id or None, "content_uri": row.content_uri or None}
        told["metadata"] |= {"json": dict(row.metadata_json), "collab": None}
    if row.note:
        told["note"] = row.note
    return told


def _listed(gateway: Gateway, name: str, number: int, *, signals: bool, metadata: bool) -> dict[str, Any]:
    """Return an entry that came from elsewhere, found by its number alone."""
    bank = gateway.catalogue.bank(name)
    place = place_of(bank.list.view, number) if bank is not None else None
    if bank is None or place is None:
        raise Refused(404, f"The bank {name} has no content {number}.")
    record = bank.list.view.record(place)
    with gateway.store.reading() as session:
        marked = session.get(DisabledEntry, (name, number))
    told: dict[str, Any] = {"id": number, "disable_until_ts": marked.disable_until_ts if marked else 1}
    told |= {"original_media_uri": None, "bank": told_of(gateway, bank.terms)}
    if signals:
        held = listed_signals(bank, record.entry)
        told["signals"] = {one.name: held[one.kind][0] for one in TYPES.values() if one.kind in held}
    if metadata:
        json_ = {"source": record.source, "scheme": record.scheme, "category": record.category}
        collab = bank.terms.exchange or bank.list.view.terms.name
        told["metadata"] = {"content_id": record.entry, "content_uri": None, "json": json_, "collab": collab}
    if marked is not None and marked.note:
        told["note"] = marked.note
    return told
