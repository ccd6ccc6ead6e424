"""Sealed evidence for people: the reason was given before (POST /api/v1/alerts/ID/consult), each download is logged."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from tocsin.hub import consultation, visibility
from tocsin.hub.blobs import BlobError
from tocsin.hub.hub import Hub, of
from tocsin.hub.refusals import Refused
from tocsin.hub.sessions import Who, require

router = APIRouter(prefix="/api/v1", tags=["evidence"])

Hubs = Annotated[Hub, Depends(of)]
Consulting = Annotated[Who, Depends(require(*consultation.CONSULTING_ROLES))]


class Reason(BaseModel):
    """Why someone needs to see this; it goes into the audit log."""

    reason: str = Field(max_length=2000)


@router.get("/evidence/{digest}", response_class=Response)
def download(digest: Annotated[str, Path(pattern="^[0-9a-f]{64}$")], who: Consulting, hub: Hubs) -> Response:
    """Return one sealed piece of evidence (an age file). The log says so before the bytes leave."""
    with hub.store.session() as session:
        visibility.disclose_evidence(session, who, digest, hub.clock.now())
    try:
        data = hub.blobs.get(digest)
    except BlobError as error:
        raise Refused(500, "evidence-damaged", str(error)) from error
    name = f'attachment; filename="{digest[:16]}.age"'
    return Response(data, media_type="application/octet-stream", headers={"Content-Disposition": name})
