"""Reasoned access to sealed evidence: first the reason, then the bytes, each on the record."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from tocsin.hub import consultation, visibility
from tocsin.hub.blobs import BlobError
from tocsin.hub.hub import Hub, of
from tocsin.hub.refusals import Refused
from tocsin.hub.sessions import Who, require
from tocsin.model import utc_text

router = APIRouter(prefix="/api/v1", tags=["evidence"])

Hubs = Annotated[Hub, Depends(of)]
Consulting = Annotated[Who, Depends(require(*consultation.CONSULTING_ROLES))]


class Reason(BaseModel):
    """Why someone needs to see this; it goes into the audit log."""

    reason: str = Field(max_length=2000)


@router.post("/alerts/{alert_id}/consult")
def consult(alert_id: str, given: Reason, who: Consulting, hub: Hubs) -> dict[str, Any]:
    """Record the reason and return the alert's evidence, downloadable in this session for 15 minutes."""
    now = hub.clock.now()
    with hub.store.session() as session:
        alert = visibility.alert(session, who, alert_id)
        made = consultation.consult(session, who, alert, given.reason, now)
        found = [
            {
                "digest": each.digest,
                "url": f"/api/v1/evidence/{each.digest}",
                "at": utc_text(each.declared_at),
                "kinds": each.kinds,
                "size": each.size,
                "status": each.status,
            }
            for each in visibility.evidence(session, made)
        ]
        return {"evidence": found, "until": utc_text(made.expires_at)}


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
