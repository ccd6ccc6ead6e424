"""A reviewer's pace: how much they have looked at since their last break, and when the queue asks them to pause."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.hub.reports import settings
from tocsin.hub.store.reports import View

_LOOK_BACK: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Pace:
    """Items and minutes since the last break. ``over``: it is time for one, which lasts until ``until``."""

    items: int
    minutes: int
    items_most: int
    minutes_most: int
    break_minutes: int
    until: datetime | None

    @property
    def over(self) -> bool:
        """Whether the queue asks for a break now."""
        return self.until is not None


def pace(session: Session, person_id: str, now: datetime) -> Pace:
    """Return a person's pace. A pause as long as the break, from whatever cause, counts as one."""
    limits = settings.review(session)
    rest = timedelta(minutes=limits.break_minutes)
    query = select(View.at, View.evidence, View.item).where(View.person_id == person_id, View.at > now - _LOOK_BACK)
    stretch: list[tuple[datetime, str, int]] = []
    after = now
    for at, evidence, item in session.execute(query.order_by(View.id.desc())):
        if after - at >= rest:
            break
        stretch.append((at, evidence, item))
        after = at
    if not stretch:
        return Pace(0, 0, limits.items, limits.minutes, limits.break_minutes, None)
    items = len({(evidence, item) for _, evidence, item in stretch})
    last, first = stretch[0][0], stretch[-1][0]
    minutes = int((now - first).total_seconds() // 60)
    worked = int((last - first).total_seconds() // 60)
    over = items >= limits.items or max(worked, minutes if now - last < rest else 0) >= limits.minutes
    return Pace(items, minutes, limits.items, limits.minutes, limits.break_minutes, last + rest if over else None)
