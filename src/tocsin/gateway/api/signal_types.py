"""Signal and content types, as HMA offers them under ``/c``."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from starlette.responses import Response

from tocsin.gateway import audit
from tocsin.gateway.api.banks import Curator, Reader
from tocsin.gateway.banks_tables import SignalTypeRow
from tocsin.gateway.gateway import of
from tocsin.gateway.refusals import Refused
from tocsin.gateway.signals import CONTENT_TYPES, TYPES

router = APIRouter(tags=["curation"])


@router.get("/c/signal_type")
def list_types(request: Request, _: Reader) -> list[dict[str, Any]]:
    """Return the signal types and how far each is enabled."""
    return [{"name": name, "enabled_ratio": ratio} for name, ratio in of(request).catalogue.types().items()]


@router.get("/c/signal_type/index")
def index(request: Request, _: Reader, signal_type: str | None = None) -> dict[str, dict[str, Any]]:
    """Return, for each signal type, how much the lists hold and how much of that is searched: always all of it."""
    gateway = of(request)
    if signal_type is not None:
        gateway.catalogue.type_named(signal_type)
    told = {}
    for name in [signal_type] if signal_type is not None else list(gateway.catalogue.types()):
        found = gateway.catalogue.index_of(TYPES[name])
        told[name] = {
            "db_size": found["size"],
            "index_size": found["size"],
            "index_out_of_date": False,
            "newest_db_item": found["built_to"],
            "index_built_to": found["built_to"],
        }
    return told


@router.put("/c/signal_type/{name}", status_code=204)
def change_type(
    request: Request,
    caller: Curator,
    name: str,
    given: Annotated[dict[str, Any], Body(examples=[{"enabled_ratio": 1}])],
) -> Response:
    """Set how far a signal type is enabled, 0 to 1."""
    gateway = of(request)
    if name not in TYPES:
        raise Refused(404, f"There is no signal type {name[:40]!r}; there are: {', '.join(TYPES)}.")
    try:
        ratio = float(given["enabled_ratio"])
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(400, "enabled_ratio must be a number from 0 to 1.") from error
    if not 0 <= ratio <= 1:
        raise Refused(400, "enabled_ratio must be a number from 0 to 1.")
    with gateway.store.session() as session:
        session.merge(SignalTypeRow(name=name, enabled_ratio=ratio))
    gateway.catalogue.refresh()
    gateway.audit.write(caller, audit.SIGNAL_TYPE, name, enabled_ratio=str(ratio))
    return Response(status_code=204)


@router.get("/c/content_type")
def list_content_types(_: Reader) -> list[dict[str, Any]]:
    """Return the content types."""
    return [{"name": name, "enabled": True} for name in CONTENT_TYPES]
