"""Reports over the API, for a platform's own system: ask for one, see how each stands, take a request back.

A request makes a draft at the hub that waits for a person. Nothing is approved or sent from here.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from tocsin.exchange.cybertip.asked import Asked, persons_own
from tocsin.gateway.access import Caller, allow
from tocsin.gateway.gateway import Gateway, of_request
from tocsin.gateway.refusals import Refused
from tocsin.gateway.reports import Reports

router = APIRouter(tags=["reports"])

REPORT: Final = "report"
Allowed = Annotated[Caller, Depends(allow("reports"))]
Of = Annotated[Gateway, Depends(of_request)]
Id = Annotated[str, Path(min_length=1, max_length=32, pattern="^[A-Za-z0-9]+$")]
State = Annotated[str, Query(max_length=12, pattern="^[a-z]+$")]
_ERRORS: dict[int | str, dict[str, Any]] = {
    401: {}, 403: {}, 404: {}, 409: {}, 410: {}, 413: {}, 422: {}, 429: {}, 503: {},
}  # fmt: skip


async def by_persons_only(request: Request, _: Allowed) -> None:
    """Refuse what only a person may say, by its name, before the body is read for what it may say."""
    try:
        raw = await request.json()
    except (ValueError, RecursionError):
        return
    if name := persons_own(raw):
        raise Refused(422, f"{name} is said by a person who looked or chose in the console; no request can set it.")


@router.post("/v1/reports", status_code=201, responses=_ERRORS | {200: {}}, dependencies=[Depends(by_persons_only)])
def ask(body: Asked, caller: Allowed, gateway: Of, response: Response) -> dict[str, Any]:
    """Ask for a report about a finding or alert of this gateway: a draft that waits for a person at the hub.

    The same request under the same key is answered with the one report it made.
    """
    told, new = Reports(gateway.road.enrolment).ask(body)
    gateway.audit.write(caller, REPORT, str(told.get("id", ""))[:64], act="asked" if new else "asked-again")
    response.status_code = 201 if new else 200
    return told


@router.get("/v1/reports", responses=_ERRORS)
def listed(
    caller: Allowed,
    gateway: Of,
    state: Annotated[list[State] | None, Query(max_length=10)] = None,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> dict[str, Any]:
    """Return the reports about this gateway's findings, by number: ``next`` of an answer is ``after`` of the next."""
    gateway.audit.write(caller, REPORT, "", act="listed")
    return Reports(gateway.road.enrolment).listed(state or [], after)


@router.get("/v1/reports/{report}", responses=_ERRORS)
def one(report: Id, caller: Allowed, gateway: Of) -> dict[str, Any]:
    """Return how one report stands."""
    gateway.audit.write(caller, REPORT, report, act="read")
    return Reports(gateway.road.enrolment).one(report)


@router.delete("/v1/reports/{report}", responses=_ERRORS)
def take_back(report: Id, caller: Allowed, gateway: Of) -> dict[str, Any]:
    """Take a request back while it is a draft that no person has taken up."""
    gateway.audit.write(caller, REPORT, report, act="take-back")
    return Reports(gateway.road.enrolment).take_back(report)
