"""The live board and the alert page."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import Response
from sqlalchemy import ColumnElement, Select, String, cast, or_, select
from sqlalchemy.orm import Session

from tocsin.console import pages
from tocsin.console.detail import detail_of
from tocsin.console.frame import AWAITING, names
from tocsin.console.visit import UNIT, Visit, visit
from tocsin.hub import alerts, consultation, visibility
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import Alert, Consultation, Device, Subject
from tocsin.model import CATEGORIES, SIGNALS

router = APIRouter(include_in_schema=False)

PAGE: Final = 50
SHOWS: Final = ("open", "mine", "closed")
At = Annotated[Visit, Depends(visit(*UNIT))]
Before = Annotated[int | None, Query(ge=0, lt=2**31)]
Text = Annotated[str, Form(max_length=4000)]

_SAID = {
    "acknowledged": "You have it. It no longer escalates.",
    "assigned": "Given to your colleague, who finds it under Mine.",
    "escalated": "It went to the next person.",
    "closed": "Closed, with your verdict.",
    "reopened": "Open again, and yours.",
}


@dataclass(frozen=True, slots=True)
class Board:
    """What the list shows: which alerts, of which severities, matching what, and the page after."""

    show: str
    levels: tuple[int, ...]
    search: str
    rows: list[Alert]
    older: int | None

    def toggled(self, level: int) -> str:
        """Return the severities as an address carries them, with one switched over."""
        kept = [each for each in (5, 4, 3, 2, 1) if (each in self.levels) != (each == level)]
        return ",".join(map(str, kept))


@router.get("/alerts")
def board(at: At, show: str = "open", sev: str = "", q: str = "", before: Before = None) -> Response:
    """Show the board, without an alert open beside it."""
    with at.hub.store.reading() as session:
        oldest = session.scalars(
            visibility.alerts(at.who).where(Alert.status.in_(AWAITING)).order_by(Alert.number).limit(1)
        ).first()
        handover = {"oldest": oldest, "key": bool(at.who.person.age_recipient)}
        return at.page(
            session, "alerts.html", **_listed(session, at, show, sev, q, before), alert=None, handover=handover
        )


@router.get("/alerts/{alert_id}")
def show_alert(at: At, alert_id: str, said: str = "") -> Response:
    """Show one alert, beside the open ones."""
    return _alert_page(at, alert_id, said=_SAID.get(said, ""))


@router.post("/alerts/{alert_id}/acknowledge")
def acknowledge(at: At, alert_id: str) -> Response:
    """Take the alert on."""
    return _act(at, alert_id, "acknowledged", lambda s, a: alerts.acknowledge(s, at.hub, a, at.person(s), at.now))


@router.post("/alerts/{alert_id}/escalate")
def escalate(at: At, alert_id: str, reason: Text) -> Response:
    """Hand the alert to the next person."""
    return _act(at, alert_id, "escalated", lambda s, a: alerts.escalate(s, at.hub, a, at.person(s), at.now, reason))


@router.post("/alerts/{alert_id}/assign")
def assign(at: At, alert_id: str, to: Text) -> Response:
    """Give the alert to a colleague of the unit."""
    return _act(at, alert_id, "assigned", lambda s, a: alerts.assign(s, at.hub, a, at.person(s), at.now, to))


@router.post("/alerts/{alert_id}/close")
def close(
    at: At,
    alert_id: str,
    verdict: Text,
    note: Text,
    category: Text = "",
    severity: Annotated[int | None, Form(ge=1, le=5)] = None,
) -> Response:
    """Close with a verdict, the corrected category and severity, and a note."""

    def act(session: Session, alert: Alert) -> None:
        alerts.close(
            session,
            at.hub,
            alert,
            at.person(session),
            at.now,
            verdict=verdict,
            note_text=note,
            category=category or None,
            severity=severity,
        )

    return _act(at, alert_id, "closed", act)


@router.post("/alerts/{alert_id}/reopen")
def reopen(at: At, alert_id: str, reason: Text = "Opened again from the alert's page.") -> Response:
    """Open a closed alert again; this is also how a verdict is undone."""
    return _act(at, alert_id, "reopened", lambda s, a: alerts.reopen(s, at.hub, a, at.person(s), at.now, reason))


@router.post("/alerts/{alert_id}/consult")
def consult(at: At, alert_id: str, reason: Text) -> Response:
    """Record why the words are opened; from then on the page offers to unseal them."""
    try:
        with at.hub.store.session() as session:
            alert = visibility.alert(session, at.who, alert_id)
            consultation.consult(session, at.who, alert, reason, at.now)
    except Refused as refused:
        return _refused(at, alert_id, refused)
    return pages.go(f"/alerts/{alert_id}")


def standing(session: Session, at: Visit, alert_id: str) -> Consultation | None:
    """Return this session's consultation of an alert, if there is one."""
    try:
        return consultation.standing(session, at.who, [alert_id], at.now)
    except consultation.ReasonNeeded:
        return None


def _act(at: Visit, alert_id: str, done: str, act: Any) -> Response:
    try:
        with at.hub.store.session() as session:
            act(session, visibility.alert(session, at.who, alert_id))
    except Refused as refused:
        return _refused(at, alert_id, refused)
    return pages.go(f"/alerts/{alert_id}?said={done}")


def _refused(at: Visit, alert_id: str, refused: Refused) -> Response:
    if refused.status not in (409, 422):
        raise refused
    return _alert_page(at, alert_id, status=refused.status, error=str(refused))


def _alert_page(at: Visit, alert_id: str, status: int = 200, said: str = "", error: str = "") -> Response:
    with at.hub.store.reading() as session:
        alert = visibility.alert(session, at.who, alert_id)
        given = standing(session, at, alert_id)
        known = names(session)
        show = "closed" if alert.status == "closed" else "open"
        detail, strip = detail_of(session, at, alert, given, known)
        facts = _listed(session, at, show, "", "", None) | {"names": known, "said": said, "error": error}
        return at.page(
            session,
            "alerts.html",
            status=status,
            **facts,
            alert=alert,
            detail=detail,
            strip=strip,
            consultation=given,
            closing=False,
        )


def _listed(session: Session, at: Visit, show: str, sev: str, q: str, before: int | None) -> dict[str, Any]:
    show = show if show in SHOWS else "open"
    levels = tuple(sorted({int(part) for part in sev.split(",") if part in ("1", "2", "3", "4", "5")}, reverse=True))
    search = " ".join(q.split())[:80]
    query = _narrowed(visibility.alerts(at.who), at, "any" if search else show, levels, search)
    if before is not None:
        query = query.where(Alert.number < before)
    found = list(session.scalars(query.order_by(Alert.number.desc()).limit(PAGE + 1)).unique())
    older = found[PAGE - 1].number if len(found) > PAGE else None
    made = Board(show, levels, search, found[:PAGE], older)
    return {"board": made, "levels": levels, "search": search, "names": names(session)}


def _narrowed(query: Select[Any], at: Visit, show: str, levels: tuple[int, ...], search: str) -> Select[Any]:
    if show == "closed":
        query = query.where(Alert.status == "closed")
    elif show in ("open", "mine"):
        query = query.where(Alert.status != "closed")
    if show == "mine":
        query = query.where(or_(Alert.assigned_to == at.who.id, Alert.acknowledged_by == at.who.id))
    if levels:
        query = query.where(Alert.severity.in_(levels))
    return query.where(_matches(search)) if search else query


def _matches(search: str) -> ColumnElement[bool]:
    """Match a number, a subject's reference, a device's label, a category or a signal."""
    wanted = search.casefold()
    number = wanted.removeprefix("a-")
    codes = [code for code, text in CATEGORIES.items() if wanted in text.casefold() or wanted in code]
    signals = [name for name, text in SIGNALS.items() if wanted in text.casefold() or wanted in name]
    ways: list[ColumnElement[bool]] = [
        Alert.subject_id.in_(_ids(Subject.id, Subject.reference, search)),
        Alert.device_id.in_(_ids(Device.id, Device.label, search)),
        Alert.category.in_(codes),
        *(cast(Alert.signals, String).contains(f'"{name}"', autoescape=True) for name in signals),
    ]
    if number.isascii() and number.isdigit() and len(number) < 10:
        ways.append(Alert.number == int(number))
    return or_(*ways)


def _ids(what: Any, column: Any, search: str) -> Any:
    return select(what).where(column.icontains(search, autoescape=True))
