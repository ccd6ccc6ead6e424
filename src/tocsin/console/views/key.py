"""My key: the page where a person makes the age key that opens evidence, and lists its public half."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response

from tocsin.console import pages
from tocsin.console.visit import UNIT, Visit, visit
from tocsin.evidence.sealing import is_recipient
from tocsin.hub import audit
from tocsin.hub.refusals import Refused

router = APIRouter(include_in_schema=False)

At = Annotated[Visit, Depends(visit(*UNIT))]


@router.get("/key")
def shown(at: At, said: str = "") -> Response:
    """Show the page; the key itself is in the browser only."""
    sentence = "The hub lists this public half beside your name now." if said == "listed" else ""
    with at.hub.store.reading() as session:
        return at.page(session, "key.html", error="", said=sentence)


@router.post("/key")
def listed(at: At, recipient: Annotated[str, Form(max_length=200)]) -> Response:
    """List the public half beside the person's name, for whoever drafts orders."""
    if not is_recipient(recipient):
        raise Refused(422, "recipient", "This is not the public half of an age key; those begin with age1.")
    with at.hub.store.session() as session:
        at.person(session).age_recipient = recipient
        detail = {"age_recipient": recipient}
        audit.record(session, at.who.id, audit.CONFIGURATION, f"person:{at.who.id}", detail=detail, at=at.now)
    return pages.go("/key?said=listed")
