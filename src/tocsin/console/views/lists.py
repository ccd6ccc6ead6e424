"""Hash lists: what this hub matches against and how each list is, for administrators. Never a hash."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from tocsin.console.visit import Visit, visit

router = APIRouter(include_in_schema=False)

At = Annotated[Visit, Depends(visit("administrator"))]

STATES: Final = {
    "verified": "verified",
    "unverified": "in use; being verified",
    "broken": "broken, not used",
}


@router.get("/lists")
def shown(at: At) -> Response:
    """Show every list with its source, size and state."""
    lists = at.hub.lists
    with at.hub.store.reading() as session:
        return at.page(
            session,
            "lists.html",
            rows=lists.states,
            states=STATES,
            entries=lists.entries,
            folder=str(at.hub.settings.own_lists),
        )
