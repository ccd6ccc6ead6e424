"""Banks, as HMA offers them under ``/c``, with what Tocsin adds: negative banks, radius, labels, whether it rings."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from tocsin.gateway import audit
from tocsin.gateway.access import Caller, allow, reading
from tocsin.gateway.catalogue import BankTerms
from tocsin.gateway.gateway import Gateway, of

router = APIRouter(tags=["curation"])

Curator = Annotated[Caller, Depends(allow("curate"))]
Reader = Annotated[Caller, Depends(reading("curate"))]


class _Terms(BaseModel):
    """What can be said of a bank. A ratio may come as text, as some callers send it."""

    model_config = ConfigDict(extra="ignore")

    enabled: bool | None = None
    enabled_ratio: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    matching_enabled_ratio: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    negative: bool | None = None
    radius: int | None = Field(None, ge=0, le=64)
    severity: int | None = Field(None, ge=1, le=5)
    rings: bool | None = None
    labels: list[Annotated[str, Field(max_length=100)]] | None = Field(None, max_length=50)

    def ratio(self) -> float | None:
        """Return the ratio that is meant: a bank that is not enabled has none, whatever else is said."""
        if self.enabled is False:
            return 0.0
        given = self.enabled_ratio if self.enabled_ratio is not None else self.matching_enabled_ratio
        return 1.0 if self.enabled and given is None else given

    def others(self) -> dict[str, Any]:
        """Return the rest of the terms."""
        return {name: getattr(self, name) for name in ("negative", "radius", "severity", "rings", "labels")}


class NewBank(_Terms):
    """A bank to make."""

    name: str = Field(max_length=255)
    scheme: str | None = Field(None, max_length=200)
    source: str | None = Field(None, max_length=200)


class BankChange(_Terms):
    """What is to change about a bank; what is left out stays."""

    name: str | None = Field(None, max_length=255)


@router.get("/c/banks")
def list_banks(request: Request, _: Reader) -> list[dict[str, Any]]:
    """Return every bank."""
    gateway = of(request)
    return [told_of(gateway, terms) for terms in gateway.catalogue.terms]


@router.post("/c/banks", status_code=201)
def create_bank(request: Request, caller: Curator, given: NewBank) -> dict[str, Any]:
    """Make a bank; ``enabled: false`` makes it disabled."""
    gateway = of(request)
    ratio = given.ratio()
    more: dict[str, Any] = {"scheme": given.scheme, "source": given.source}
    gateway.banks.create(given.name, enabled_ratio=1.0 if ratio is None else ratio, **given.others(), **more)
    gateway.audit.write(caller, audit.BANK, given.name, act="create")
    return told_of(gateway, gateway.catalogue.named(given.name))


@router.get("/c/bank/{name}")
def get_bank(request: Request, _: Reader, name: str) -> dict[str, Any]:
    """Return a bank."""
    gateway = of(request)
    return told_of(gateway, gateway.catalogue.named(name))


@router.put("/c/bank/{name}")
def change_bank(request: Request, caller: Curator, name: str, given: BankChange) -> dict[str, Any]:
    """Change a bank, also its name; entries stay."""
    gateway = of(request)
    ratio = given.ratio()
    more = {} if ratio is None else {"enabled_ratio": ratio}
    row = gateway.banks.change(name, new_name=given.name, **given.others(), **more)
    changed = sorted(given.model_dump(exclude_none=True))
    gateway.audit.write(caller, audit.BANK, name, act="change", fields=changed)
    return told_of(gateway, gateway.catalogue.named(row.name))


@router.delete("/c/bank/{name}")
def remove_bank(request: Request, caller: Curator, name: str) -> dict[str, str]:
    """Remove a bank with everything in it."""
    gateway = of(request)
    gateway.banks.remove(name)
    gateway.audit.write(caller, audit.BANK, name, act="remove")
    return {"message": "Done"}


def told_of(gateway: Gateway, terms: BankTerms) -> dict[str, Any]:
    """Return a bank as HMA tells of one, and what more there is to say."""
    bank = gateway.catalogue.bank(terms.name)
    told: dict[str, Any] = {"name": terms.name, "matching_enabled_ratio": terms.enabled_ratio}
    told |= {"negative": terms.negative, "rings": terms.rings, "labels": list(terms.labels)}
    told |= {"read_only": not terms.own, "entries": 0, "radius": terms.radius}
    if bank is not None:
        view = bank.list.view
        told |= {"entries": view.entries, "radius": view.terms.radius}
    if terms.exchange:
        told["exchange"] = terms.exchange
    return told
