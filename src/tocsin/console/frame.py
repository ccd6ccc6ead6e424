"""What stands around every page: the menu of the person's role and the counts that need a person."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.hub import visibility
from tocsin.hub.reports import settings, showing
from tocsin.hub.sessions import Who
from tocsin.hub.store.schema import Alert, Device, Person


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the menu. ``count`` names the figure beside it; ``awaits`` gives that figure the accent."""

    label: str
    address: str
    count: str = ""
    awaits: bool = False
    rule: bool = False


_UNIT: Final = (
    Item("Alerts", "/alerts", "await", awaits=True),
    Item("Subjects", "/subjects"),
    Item("Devices", "/devices", "silent", awaits=True),
    Item("Orders", "/orders"),
    Item("Quality", "/quality", rule=True),
    Item("My key", "/key"),
)
_REPORTING: Final = (Item("Review", "/review"), Item("Reports", "/reports", "held", awaits=True))
"""What a unit's menu has too, once somebody is named as the one who reports."""
MENUS: Final[Mapping[str, tuple[Item, ...]]] = {
    "officer": _UNIT,
    "supervisor": _UNIT,
    "auditor": (Item("Audit", "/audit"), Item("Quality", "/quality")),
    "administrator": (
        Item("People and units", "/people"),
        Item("Lists", "/lists"),
        Item("Reporting", "/reporting"),
        Item("Settings", "/settings"),
    ),
}
AWAITING: Final = ("new", "escalated")


@dataclass(frozen=True, slots=True)
class Frame:
    """The menu and the figures in it."""

    menu: tuple[Item, ...]
    counts: dict[str, int] = field(default_factory=dict)
    last_evidence: datetime | None = None


def frame(session: Session, who: Who) -> Frame:
    """Count what the frame shows to ``who``: two queries, of their own unit only."""
    menu = MENUS.get(who.role, ())
    if who.role not in visibility.UNIT_ROLES:
        return Frame(menu, {"await": 0, "open": 0, "mine": 0, "silent": 0, "devices": 0})
    counts, last = figures(session, who)
    if settings.reporting(session).email:
        menu = (menu[0], *_REPORTING, *menu[1:])
        awaited = showing.counts(session, who)
        counts["held"] = awaited["held"] + awaited["ready"]
    return Frame(menu, counts, last)


def figures(session: Session, who: Who) -> tuple[dict[str, int], datetime | None]:
    """Return the counts and the moment of the last evidence of a person's unit."""
    open_ = Alert.status != "closed"
    held = (Alert.assigned_to == who.id) | (Alert.acknowledged_by == who.id)
    alerts = (
        visibility.alerts(who)
        .where(open_)
        .with_only_columns(
            func.count(),
            func.count().filter(Alert.status.in_(AWAITING)),
            func.count().filter(held),
            maintain_column_froms=True,
        )
    )
    open_count, waiting, mine = session.execute(alerts.options()).one()
    devices = (
        visibility.devices(who)
        .where(Device.status != "removed")
        .with_only_columns(
            func.count(),
            func.count().filter(Device.silent_since.is_not(None)),
            func.max(Device.last_evidence),
            maintain_column_froms=True,
        )
    )
    total, silent, last = session.execute(devices).one()
    counts = {"await": waiting, "open": open_count, "mine": mine, "silent": silent, "devices": total}
    return counts, last


def names(session: Session) -> dict[str, str]:
    """Return everybody's name by id, for saying who did what."""
    return {row.id: row.name for row in session.execute(select(Person.id, Person.name))}
