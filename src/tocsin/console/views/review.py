"""The review queue: one item after the other, by keyboard, blurred until held, with breaks in between."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy.orm import Session

from tocsin.console import pages, report_rows
from tocsin.console.detail import detail_of
from tocsin.console.frame import AWAITING, names
from tocsin.console.pace import pace
from tocsin.console.views.alerts import standing
from tocsin.console.visit import UNIT, Visit, visit
from tocsin.hub import alerts, confirming, consultation, views, visibility
from tocsin.hub.refusals import Refused
from tocsin.hub.reports import settings
from tocsin.hub.store.schema import Alert
from tocsin.model import Category

router = APIRouter(include_in_schema=False)

SHOWN: Final = 50
At = Annotated[Visit, Depends(visit(*UNIT))]
Text = Annotated[str, Form(max_length=4000)]
_SAID: Final = {
    "taken": "You have it.",
    "closed": "Closed, with your verdict. This is the next one.",
    "confirmed": "Said. This is the next one.",
    "all": "Said, and nothing more waits.",
}


@router.get("/review")
def queue(at: At, show: str = "new", said: str = "") -> Response:
    """Show the queue without an item."""
    return _page(at, None, show=show, said=_SAID.get(said, ""))


@router.get("/review/{alert_id}")
def item(at: At, alert_id: str, said: str = "") -> Response:
    """Show one item beside the queue."""
    return _page(at, alert_id, said=_SAID.get(said, ""))


@router.post("/review/{alert_id}/acknowledge")
def acknowledge(at: At, alert_id: str) -> Response:
    """Take the item on."""
    return _act(
        at,
        alert_id,
        lambda s, a: alerts.acknowledge(s, at.hub, a, at.person(s), at.now),
        f"/review/{alert_id}?said=taken",
    )


@router.post("/review/{alert_id}/consult")
def consult(at: At, alert_id: str, reason: Text) -> Response:
    """Record why the item is looked at; from then on the page offers to unseal it."""

    def act(session: Session, alert: Alert) -> None:
        consultation.consult(session, at.who, alert, reason, at.now)

    return _act(at, alert_id, act, f"/review/{alert_id}")


@router.post("/review/{alert_id}/close")
def close(at: At, alert_id: str, verdict: Text, note: Text) -> Response:
    """Close with a verdict and go on to the next."""

    def act(session: Session, alert: Alert) -> None:
        alerts.close(session, at.hub, alert, at.person(session), at.now, verdict=verdict, note_text=note)

    return _act(at, alert_id, act, None)


@router.post("/review/{alert_id}/confirm")
def confirm(at: At, alert_id: str, agrees: Text, reason: Text) -> Response:
    """Confirm or dispute, as a second person, and go on to the next."""

    def act(session: Session, alert: Alert) -> None:
        confirming.confirm(session, at.hub, alert, at.person(session), at.now, agrees=agrees == "yes", why=reason)

    return _act(at, alert_id, act, None, show="confirm")


def _act(at: Visit, alert_id: str, act: Any, to: str | None, show: str = "new") -> Response:
    try:
        with at.hub.store.session() as session:
            alert = visibility.alert(session, at.who, alert_id)
            show = "support" if alert.category == Category.SUPPORT else show
            act(session, alert)
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        return _page(at, alert_id, status=refused.status, error=str(refused))
    if to is not None:
        return pages.go(to)
    with at.hub.store.reading() as session:
        left = _rows(session, at, show)
    said = "confirmed" if show == "confirm" else "closed"
    queue_ = "/review?show=support&said=all" if show == "support" else "/review?said=all"
    return pages.go(f"/review/{left[0].id}?said={said}" if left else queue_)


def _rows(session: Session, at: Visit, show: str) -> list[Alert]:
    """Return what waits: by severity, then the longest waiting; or what others found true and nobody confirmed."""
    apart = Alert.category == Category.SUPPORT  # people who may need help are never shown among what is reviewed
    query = visibility.alerts(at.who).where(apart if show == "support" else ~apart)
    query = query.where(Alert.category != Category.CONDITION)  # a silent device is no item to look at
    if show == "confirm":
        closed = query.where(Alert.status == "closed", Alert.closed_by != at.who.id)
        found = session.scalars(closed.order_by(Alert.closed_at.desc()).limit(4 * SHOWN)).unique()
        return [each for each in found if confirming.awaits(session, each)][:SHOWN]
    mine = (Alert.status == "acknowledged") & (Alert.acknowledged_by == at.who.id)
    waiting = query.where(Alert.status.in_(AWAITING) | mine)
    return list(session.scalars(waiting.order_by(Alert.severity.desc(), Alert.number).limit(SHOWN)).unique())


def _page(
    at: Visit, alert_id: str | None, status: int = 200, show: str = "new", said: str = "", error: str = ""
) -> Response:
    with at.hub.store.reading() as session:
        alert = visibility.alert(session, at.who, alert_id) if alert_id else None
        two = settings.review(session).two_person
        to_confirm = _rows(session, at, "confirm") if two else []
        confirms = alert is not None and two and alert.closed_by != at.who.id and confirming.awaits(session, alert)
        show = "confirm" if confirms or (show == "confirm" and two) else "support" if show == "support" else "new"
        if alert is not None and alert.category == Category.SUPPORT:
            show = "support"
        rows = to_confirm if show == "confirm" else _rows(session, at, show)
        known = names(session)
        facts: dict[str, Any] = {"detail": None, "consultation": None, "looks": [], "position": 0}
        if alert is not None:
            given = standing(session, at, alert.id)
            detail, _ = detail_of(session, at, alert, given, known)
            looks = [(view.at, report_rows.look(view, known)) for view in views.of_alert(session, alert)[-12:]]
            place = [each.id for each in rows].index(alert.id) + 1 if alert.id in {each.id for each in rows} else 0
            facts = {"detail": detail, "consultation": given, "looks": looks, "position": place}
        return at.page(
            session,
            "review.html",
            status=status,
            rows=rows,
            show=show,
            waiting=len(_rows(session, at, "new")),
            to_confirm=len(to_confirm),
            support=len(_rows(session, at, "support")),
            two=two,
            alert=alert,
            confirm=confirms,
            names=known,
            pace=pace(session, at.who.id, at.now),
            said=said,
            error=error,
            **facts,
        )
