"""The review queue: one item after the other, by keyboard, blurred until held, with breaks in between."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy.orm import Session

from tocsin.console import pages, queue, report_rows
from tocsin.console.detail import detail_of
from tocsin.console.frame import names
from tocsin.console.pace import pace
from tocsin.console.views.alerts import standing
from tocsin.console.visit import UNIT, Visit, visit
from tocsin.hub import alerts, confirming, consultation, contents, views, visibility
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import Alert
from tocsin.model import Category

router = APIRouter(include_in_schema=False)

At = Annotated[Visit, Depends(visit(*UNIT))]
Text = Annotated[str, Form(max_length=4000)]
_SAID: Final = {
    "taken": "You have it.",
    "closed": "Closed, with your verdict. This is the next one.",
    "confirmed": "Said. This is the next one.",
    "all": "Said, and nothing more waits.",
}


@router.get("/review")
def whole(at: At, show: str = "new", said: str = "") -> Response:
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


@router.post("/review/{alert_id}/contents/{number}")
def decide(at: At, alert_id: str, number: int, verdict: Text) -> Response:
    """Decide on one of several contents; the last one closes the item."""
    return _decide(
        at, alert_id, lambda s, a: contents.decide(s, at.hub, a, at.person(s), at.now, number, verdict)
    )  # fmt: skip


@router.post("/review/{alert_id}/contents/{number}/confirm")
def confirm_content(at: At, alert_id: str, number: int, agrees: Text) -> Response:
    """Confirm the verdict on one of several contents, as a second person, or take it back."""

    def act(session: Session, alert: Alert) -> None:
        confirming.confirm_content(session, at.hub, alert, at.person(session), at.now, number, agrees=agrees == "yes")

    return _decide(at, alert_id, act)


@router.post("/review/{alert_id}/undo")
def undo(at: At, alert_id: str) -> Response:
    """Take back the last verdict on a content."""
    return _decide(at, alert_id, lambda s, a: contents.undo(s, at.hub, a, at.person(s), at.now))


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

    return _act(at, alert_id, act, None, show="confirm", typed={"agrees": agrees, "reason": reason})


def _decide(at: Visit, alert_id: str, act: Any) -> Response:
    """Do something to an item's contents, which are shown in the place where they stood."""
    try:
        with at.hub.store.session() as session:
            act(session, visibility.alert(session, at.who, alert_id))
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        return _page(at, alert_id, status=refused.status, refused=str(refused))
    return pages.go(f"/review/{alert_id}")


def _act(
    at: Visit, alert_id: str, act: Any, to: str | None, show: str = "new", typed: dict[str, str] | None = None
) -> Response:
    try:
        with at.hub.store.session() as session:
            alert = visibility.alert(session, at.who, alert_id)
            show = "support" if alert.category == Category.SUPPORT else show
            act(session, alert)
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        return _page(at, alert_id, status=refused.status, error=str(refused), typed=typed)
    if to is not None:
        return pages.go(to)
    with at.hub.store.reading() as session:
        left = queue.rows(session, at.who, show)
    said = "confirmed" if show == "confirm" else "closed"
    queue_ = "/review?show=support&said=all" if show == "support" else "/review?said=all"
    return pages.go(f"/review/{left[0].id}?said={said}" if left else queue_)


def _page(
    at: Visit,
    alert_id: str | None,
    status: int = 200,
    show: str = "new",
    said: str = "",
    error: str = "",
    refused: str = "",
    typed: dict[str, str] | None = None,
) -> Response:
    with at.hub.store.reading() as session:
        alert = visibility.alert(session, at.who, alert_id) if alert_id else None
        waiting = queue.counts(session, at.who)
        two = "review-confirm" in waiting
        confirms = alert is not None and two and confirming.open_to(session, alert, at.who.id)
        held = contents.of_alert(session, alert) if alert is not None and two and alert.status == "closed" else []
        mine = any(each.confirmed is not None and each.confirmed.person_id == at.who.id for each in held)
        again = confirms or (two and show == "confirm") or mine
        show = "confirm" if again else "support" if show == "support" else "new"
        if alert is not None and alert.category == Category.SUPPORT:
            show = "support"
        rows = queue.rows(session, at.who, show)
        known = names(session)
        facts: dict[str, Any] = {"detail": None, "consultation": None, "looks": [], "position": 0, "dealt_with": ""}
        if alert is not None:
            given = standing(session, at, alert.id)
            detail, _ = detail_of(session, at, alert, given, known)
            seen = views.of_alert(session, alert)[-12:]
            looks = [(view.at, report_rows.look(view, known), view.reason) for view in seen]
            place = [each.id for each in rows].index(alert.id) + 1 if alert.id in {each.id for each in rows} else 0
            facts = {"detail": detail, "consultation": given, "looks": looks, "position": place}
            facts["dealt_with"] = "" if confirms or mine else queue.dealt_with(at.who, alert, known)
        limits = pace(session, at.who.id, at.now)
        answer = at.page(
            session,
            "review.html",
            status=status,
            rows=rows,
            most=queue.SHOWN,
            show=show,
            waiting=waiting,
            next=next((each.id for each in rows if alert is None or each.id != alert.id), ""),
            alert=alert,
            confirm=confirms,
            unconfirmed=alert is not None and two and confirming.awaits(session, alert),
            apart=confirms and bool(contents.waiting(held)),
            looked=confirms and alert is not None and confirming.looked(session, alert, at.who.id),
            typed=typed or {},
            names=known,
            pace=limits,
            said=said,
            error=error,
            refused=refused,
            **facts,
        )
        if limits.over and at.request.headers.get("HX-Target") == "contents":
            answer.headers["HX-Refresh"] = "true"  # the break takes the place of the whole item, not of its contents
        return answer
