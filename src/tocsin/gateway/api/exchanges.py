"""Exchanges, as HMA offers them under ``/c``; besides: reading now, verdicts, and partners who read here."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Body, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from tocsin.gateway.access import Caller, allow, reading
from tocsin.gateway.exchanges.apis import APIS, api_named
from tocsin.gateway.exchanges.desk import Desk
from tocsin.gateway.exchanges.partners import Reader
from tocsin.gateway.exchanges.tables import Exchange
from tocsin.gateway.gateway import of
from tocsin.gateway.ids import place_of
from tocsin.gateway.refusals import Refused
from tocsin.matching.lists import HashList

router = APIRouter(tags=["exchanges"])

EXCHANGE = "exchange"
Curator = Annotated[Caller, Depends(allow("curate"))]
Admin = Annotated[Caller, Depends(allow("admin"))]
Reading = Annotated[Caller, Depends(reading("curate"))]


def desk_of(request: Request) -> Desk:
    """Return what exchanges are kept with. Raises Refused (503) in a process that answers lookups only."""
    desk = of(request).desk
    if desk is None:
        raise Refused(503, "Exchanges are kept by the gateway's core process.")
    return desk


class Credentials(BaseModel):
    """An api's credentials; an empty object forgets them."""

    model_config = ConfigDict(extra="forbid")
    credential_json: dict[str, Any]


class NewExchange(BaseModel):
    """A new exchange, and the bank of the same name."""

    model_config = ConfigDict(extra="forbid")
    bank: str = Field(max_length=255)
    api: str = Field(max_length=40)
    api_json: dict[str, Any] = {}
    interval_s: int = 0


class Change(BaseModel):
    """What is changed of an exchange."""

    model_config = ConfigDict(extra="forbid")
    enabled: bool | None = None
    interval_s: int | None = None
    hub_feedback: bool | None = None


class Said(BaseModel):
    """A person's verdict on a match: of which entry (its number, its name in matches, or its hash), true or false."""

    model_config = ConfigDict(extra="forbid")
    verdict: Literal["true", "false"]
    bank_content_id: int | None = None
    entry: str = Field("", max_length=500)
    signal_type: str = Field("", max_length=40)
    by: str = Field("", max_length=200)


class Pushing(BaseModel):
    """Which bank is given to an exchange, with which tags; ``held`` settles what waits for a person's word."""

    model_config = ConfigDict(extra="forbid")
    bank: str = Field(max_length=255)
    tags: list[str] = []
    held: Literal["", "again", "leave"] = ""


class Sharing(BaseModel):
    """What a partner may read, what others read as its name, and the bank that takes what it submits."""

    model_config = ConfigDict(extra="forbid")
    banks: list[str] = []
    title: str = Field("", max_length=200)
    inbox: str = Field("", max_length=255)


@router.get("/c/exchanges/apis")
def apis(_: Reading) -> list[str]:
    """Return the kinds of exchange that can be read."""
    return list(APIS)


@router.get("/c/exchanges/api/{api}")
def api_facts(request: Request, api: str, _: Reading) -> dict[str, bool]:
    """Tell whether an api takes credentials, and whether they are set."""
    return _authentication(desk_of(request), api)


@router.post("/c/exchanges/api/{api}")
def set_credentials(
    request: Request, api: str, body: Annotated[Credentials, Body()], caller: Curator
) -> dict[str, bool]:
    """Set an api's credentials; they are sealed, and never told again."""
    desk = desk_of(request)
    desk.exchanges.set_credentials(api, body.credential_json)
    of(request).audit.write(caller, EXCHANGE, api, what="credentials", given=bool(body.credential_json))
    return _authentication(desk, api)


@router.get("/c/exchanges/api/{api}/schema")
def api_schema(api: str, _: Reading) -> dict[str, Any]:
    """Return what an exchange of this kind must be told."""
    kind = api_named(api)
    credentials = {"fields": [field.as_dict() for field in kind.credentials]} if kind.credentials else None
    return {"config_schema": {"fields": [field.as_dict() for field in kind.config]}, "credentials_schema": credentials}


@router.get("/c/exchanges")
def names(request: Request, _: Reading) -> list[str]:
    """Return the names of all exchanges."""
    return desk_of(request).exchanges.names()


@router.post("/c/exchanges", status_code=201)
def create(request: Request, body: Annotated[NewExchange, Body()], caller: Curator) -> dict[str, str]:
    """Make an exchange, and the bank of the same name that it feeds."""
    if any(terms.name == body.bank and not terms.own for terms in of(request).catalogue.terms):
        raise Refused(403, f"There is a list attached as {body.bank} already; choose another name.")
    desk_of(request).exchanges.create(body.bank, body.api, body.api_json, interval_s=body.interval_s)
    of(request).catalogue.refresh()
    of(request).audit.write(caller, EXCHANGE, body.bank, what="created", api=body.api)
    return {"message": "Created successfully"}


@router.get("/c/exchange/{name}")
def show(request: Request, name: str, _: Reading) -> dict[str, Any]:
    """Return how an exchange is set."""
    return _config(desk_of(request).exchanges.get(name))


@router.put("/c/exchange/{name}")
def change(request: Request, name: str, body: Annotated[Change, Body()], caller: Curator) -> dict[str, Any]:
    """Pause or resume an exchange, change how often it is read, or whether it hears what is decided at the hub."""
    if body.hub_feedback is not None:
        desk_of(request).exchanges.feedback(name, body.hub_feedback)
    row = desk_of(request).exchanges.change(name, enabled=body.enabled, interval_s=body.interval_s)
    of(request).audit.write(caller, EXCHANGE, name, what="changed", **body.model_dump(exclude_none=True))
    return _config(row)


@router.delete("/c/exchange/{name}")
def remove(request: Request, name: str, caller: Curator) -> dict[str, str]:
    """Forget an exchange; its bank, and what it holds, stays until it is deleted itself."""
    desk_of(request).remove(name)
    of(request).catalogue.refresh()
    of(request).audit.write(caller, EXCHANGE, name, what="removed")
    return {"message": "Done"}


@router.get("/c/exchange/{name}/status")
def status(request: Request, name: str, _: Reading) -> dict[str, Any]:
    """Return how far an exchange has been read, and with what success."""
    return desk_of(request).status(name)


@router.post("/v1/exchanges/{name}/run", status_code=202)
def run(request: Request, name: str, caller: Curator) -> dict[str, str]:
    """Read an exchange at once: within a second it is begun."""
    desk_of(request).exchanges.read_now(name)
    of(request).audit.write(caller, EXCHANGE, name, what="run")
    return {"message": "It is read within a second; see its status."}


@router.post("/v1/exchanges/{name}/verdicts", status_code=202)
def say(request: Request, name: str, body: Annotated[Said, Body()], caller: Curator) -> dict[str, Any]:
    """Tell an exchange what a person decided about a match; it is kept until the exchange has acknowledged it."""
    desk = desk_of(request)
    kind = {"video_md5": "md5"}.get(body.signal_type, body.signal_type)
    by = body.by or caller.name
    if body.bank_content_id is not None:
        view = HashList.open(desk.exchanges.folder(name)).view
        place = place_of(view, body.bank_content_id)
        if place is None:
            raise Refused(404, f"{name} has no such entry now; it may have been withdrawn.")
        made = desk.verdicts.say_of(name, view, place, body.verdict == "true", kind=kind, said_by=by)
    elif body.entry:
        made = desk.verdicts.say(name, body.entry, body.verdict == "true", kind=kind, said_by=by)
    else:
        raise Refused(400, "Say which entry: its bank_content_id, or entry with its name or hash.")
    of(request).audit.write(caller, EXCHANGE, name, what="verdict", verdict=body.verdict, verdicts=made)
    return {"verdicts": made}


@router.get("/v1/exchanges/{name}/verdicts")
def verdicts(request: Request, name: str, _: Reading) -> list[dict[str, Any]]:
    """Return the verdicts told to an exchange, or waiting to be; never a hash."""
    desk_of(request).exchanges.get(name)
    return desk_of(request).verdicts.listed(name)


@router.put("/v1/exchanges/{name}/push")
def push(request: Request, name: str, body: Annotated[Pushing, Body()], caller: Admin) -> list[dict[str, Any]]:
    """Give a bank to an exchange from now on, or settle what is held for a person."""
    desk = desk_of(request)
    if body.held:
        settled = desk.pushes.decide(name, body.bank, again=body.held == "again")
        of(request).audit.write(caller, EXCHANGE, name, what="held", bank=body.bank, held=body.held, settled=settled)
    else:
        desk.pushes.set(name, body.bank, tags=body.tags)
        of(request).audit.write(caller, EXCHANGE, name, what="pushed", bank=body.bank, tags=body.tags)
    return desk.pushes.status(name)


@router.delete("/v1/exchanges/{name}/push")
def stop_pushing(
    request: Request, name: str, bank: str, caller: Admin, take_back: bool = False
) -> list[dict[str, Any]]:
    """Stop giving a bank to an exchange; with ``take_back`` withdraw what was given."""
    desk = desk_of(request)
    desk.pushes.stop(name, bank, take_back=take_back)
    of(request).audit.write(caller, EXCHANGE, name, what="no longer pushed", bank=bank, take_back=take_back)
    return desk.pushes.status(name)


@router.get("/v1/partners")
def partners(request: Request, _: Annotated[Caller, Depends(reading("admin"))]) -> list[dict[str, Any]]:
    """Return who reads which banks here."""
    return [_reader(one) for one in desk_of(request).partners.all()]


@router.put("/v1/partners/{name}")
def grant(request: Request, name: str, body: Annotated[Sharing, Body()], caller: Admin) -> dict[str, Any]:
    """Share banks with whoever holds the key of this name (scope exchange)."""
    reader = desk_of(request).partners.grant(name, body.banks, title=body.title, inbox=body.inbox)
    of(request).audit.write(caller, EXCHANGE, name, what="shared", banks=body.banks, inbox=body.inbox)
    return _reader(reader)


@router.delete("/v1/partners/{name}")
def stop_sharing(request: Request, name: str, caller: Admin, bank: str = "") -> JSONResponse:
    """Stop sharing a bank with a partner, or (without ``bank``) everything."""
    desk_of(request).partners.withdraw(name, bank)
    of(request).audit.write(caller, EXCHANGE, name, what="no longer shared", bank=bank)
    return JSONResponse({"message": "Done"})


def _authentication(desk: Desk, api: str) -> dict[str, bool]:
    kind = api_named(api)
    return {
        "supports_authentification": bool(kind.credentials),
        "has_set_authentification": desk.exchanges.has_credentials(api),
    }


def _config(row: Exchange) -> dict[str, Any]:
    """Return an exchange's settings; an address is shown without its query, which may hold a signature."""
    held = dict(row.config)
    if "url" in held:
        held["url"] = urlsplit(held["url"])._replace(query="").geturl()
    return {"name": row.name, "api": row.api, "enabled": row.enabled, "interval_s": row.interval_s, **held}


def _reader(reader: Reader) -> dict[str, Any]:
    banks = [bank for bank, _ in reader.banks]
    return {"name": reader.name, "title": reader.title, "member": reader.member, "banks": banks, "inbox": reader.inbox}
