"""Calling people: an outbox of messages that carry an alert's number, never its content, sent through Apprise.

:func:`queue` writes within the caller's transaction, so no alert rings without its messages being on disk;
:func:`send_due` sends them, tries again with growing pauses, and gives up visibly.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from tocsin.hub.refusals import Refused
from tocsin.hub.secret import HubSecret
from tocsin.hub.settings import HubSettings
from tocsin.hub.store import Store
from tocsin.hub.store.schema import Alert, Notification, Person, Setting

ATTEMPTS: Final = 8
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(minutes=30)
QUIET: Final = timedelta(minutes=5)
"""A person is not called twice for the same alert within this, unless by name (escalation)."""

ALWAYS: Final = 5
"""Alerts of this severity reach everyone in the unit, whatever their own threshold."""

URLS_MOST: Final = 5
_AT_ONCE = 50
_LOCAL = frozenset({"dbus", "qt", "glib", "kde", "gnome", "windows", "macosx", "syslog", "file", "lametric", "growl"})
_log = logging.getLogger(__name__)


class Sender(Protocol):
    """What sends one message to one service."""

    def __call__(self, url: str, title: str, body: str) -> bool:
        """Tell whether the service took the message."""
        ...


class Notifying(Protocol):
    """What :func:`send_due` needs of the hub."""

    @property
    def settings(self) -> HubSettings:
        """How the hub was started."""
        ...

    @property
    def store(self) -> Store:
        """The hub's state."""
        ...

    @property
    def secret(self) -> HubSecret:
        """What the addresses are sealed with."""
        ...

    @property
    def sender(self) -> Sender:
        """What sends."""
        ...


@dataclass(frozen=True, slots=True)
class Counts:
    """The outbox in numbers: messages that wait, that failed at least once and wait, and that were given up."""

    waiting: int
    failing: int
    given_up: int


@dataclass(frozen=True, slots=True)
class _Message:
    id: int
    urls: tuple[str, ...]
    title: str
    body: str


def queue(session: Session, alert: Alert, now: datetime, people: Iterable[Person] | None = None) -> int:
    """Put a message about ``alert`` into the outbox for each of ``people`` and return how many.

    None means: everyone in the alert's unit who asked for alerts of this severity. Who waits for, or just had, a
    message about the same alert gets no second one, unless called by name.
    """
    chosen = list(people) if people is not None else _wanted_by(session, alert)
    count = 0
    for person in chosen:
        if not person.active or not person.notify_urls:
            continue
        if _told(session, alert, person, now, by_name=people is not None):
            continue
        session.add(Notification(person_id=person.id, alert_id=alert.id, created_at=now, next_at=now, attempts=0))
        count += 1
    return count


def send_due(hub: Notifying, now: datetime) -> int:
    """Send what is due and return how many messages got through. Holds no transaction while it sends."""
    with hub.store.reading() as session:
        messages = _due(session, hub, now)
    outcomes = {message.id: _send(hub.sender, message) for message in messages}
    if not outcomes:
        return 0
    with hub.store.session() as session:
        for row in session.scalars(select(Notification).where(Notification.id.in_(outcomes))):
            _note(row, outcomes[row.id], now)
    return sum(1 for failed in outcomes.values() if failed is None)


def counts(session: Session) -> Counts:
    """Return the outbox in numbers."""
    waiting = Notification.sent_at.is_(None) & Notification.given_up_at.is_(None)
    number = select(func.count()).select_from(Notification)
    return Counts(
        waiting=session.execute(number.where(waiting)).scalar_one(),
        failing=session.execute(number.where(waiting, Notification.attempts > 0)).scalar_one(),
        given_up=session.execute(number.where(Notification.given_up_at.is_not(None))).scalar_one(),
    )


def set_addresses(secret: HubSecret, person: Person, urls: Sequence[str], severity: int) -> None:
    """Set where and from which severity a person is called. ``urls``: Apprise addresses; kept sealed.

    Raises Refused for one that Apprise does not know or that would act on the hub's own machine.
    """
    urls = [url.strip() for url in urls if url.strip()]
    if len(urls) > URLS_MOST:
        raise Refused(422, "addresses", f"Give at most {URLS_MOST} addresses.")
    if not 1 <= severity <= 5:
        raise Refused(422, "severity", "A severity is 1 to 5.")
    for url in urls:
        _check(url)
    person.notify_urls = [secret.seal(url) for url in urls]
    person.notify_severity = severity


def addresses(secret: HubSecret, person: Person) -> list[str]:
    """Return a person's addresses, for that person."""
    return [secret.open(sealed) for sealed in person.notify_urls]


def by_apprise(url: str, title: str, body: str) -> bool:
    """Send by Apprise, which knows over a hundred services. Never raises."""
    import apprise  # takes a moment to load; only a hub that calls people pays it

    try:
        service = apprise.Apprise()
        return bool(service.add(url) and service.notify(title=title, body=body))
    except Exception:
        _log.exception("A notification service failed unexpectedly")
        return False


def _wanted_by(session: Session, alert: Alert) -> list[Person]:
    """Return who asked for alerts like this one; asked of the store once per transaction."""
    known: dict[tuple[str, int], list[Person]] = session.info.setdefault("tocsin.wanted_by", {})
    key = (alert.unit_id, alert.severity)
    if key not in known:
        known[key] = _ask_wanted_by(session, alert)
    return known[key]


def _ask_wanted_by(session: Session, alert: Alert) -> list[Person]:
    query = select(Person).where(
        Person.unit_id == alert.unit_id, Person.active.is_(True), Person.role.in_(("officer", "supervisor"))
    )
    if alert.severity < ALWAYS:
        query = query.where(Person.notify_severity <= alert.severity)
    return list(session.scalars(query.order_by(Person.id)))


def _told(session: Session, alert: Alert, person: Person, now: datetime, *, by_name: bool) -> bool:
    waiting = Notification.sent_at.is_(None) & Notification.given_up_at.is_(None)
    told = waiting if by_name else or_(waiting, Notification.sent_at > now - QUIET)
    query = select(Notification.id).where(Notification.person_id == person.id, Notification.alert_id == alert.id, told)
    return session.scalars(query.limit(1)).first() is not None


def _due(session: Session, hub: Notifying, now: datetime) -> list[_Message]:
    rows = session.execute(
        select(Notification.id, Person, Alert.id, Alert.number, Alert.severity)
        .join(Person, Notification.person_id == Person.id)
        .join(Alert, Notification.alert_id == Alert.id)
        .where(Notification.sent_at.is_(None), Notification.given_up_at.is_(None), Notification.next_at <= now)
        .order_by(Alert.severity.desc(), Notification.id)
        .limit(_AT_ONCE)
    ).all()
    base = _console(session, hub.settings) if rows else ""
    messages = []
    for id_, person, alert_id, number, severity in rows:
        title = f"Tocsin: alert A-{number}, severity {severity}, for review"
        urls = tuple(addresses(hub.secret, person)) if person.active else ()
        messages.append(_Message(id_, urls, title, f"{base}/alerts/{alert_id}"))
    return messages


def _send(sender: Sender, message: _Message) -> str | None:
    """Return None when at least one of a person's services took the message, else which did not."""
    if not message.urls:
        return "no address"
    refused = [url.partition("://")[0] for url in message.urls if not sender(url, message.title, message.body)]
    return None if len(refused) < len(message.urls) else f"not taken by {', '.join(refused)}"


def _note(row: Notification, failed: str | None, now: datetime) -> None:
    row.attempts += 1
    row.error = failed or ""
    if failed is None:
        row.sent_at = now
    elif row.attempts >= ATTEMPTS or failed == "no address":
        row.given_up_at = now
        _log.error("A notification was given up after %d attempts: %s", row.attempts, failed)
    else:
        row.next_at = now + min(FIRST_PAUSE * 2 ** (row.attempts - 1), LONGEST_PAUSE)


def _console(session: Session, settings: HubSettings) -> str:
    chosen = session.get(Setting, "public_url")
    if chosen is not None and chosen.value.get("url"):
        return str(chosen.value["url"]).rstrip("/")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.tls else 'http'}://{host}:{settings.port}"


def _check(url: str) -> None:
    import apprise

    scheme = url.partition("://")[0].lower()
    if len(url) > 1000 or scheme in _LOCAL or apprise.Apprise.instantiate(url, suppress_exceptions=True) is None:
        raise Refused(
            422,
            "addresses",
            f"Tocsin cannot send to an address that begins with {scheme[:20]!r}; see docs/operator.md.",
        )
