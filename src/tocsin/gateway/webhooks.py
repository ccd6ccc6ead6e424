"""Webhooks: events told to the platform, signed, each the same however often it is sent, tried again for a day.

An event is in the store before it is sent, so that no crash loses it. ``X-Tocsin-Signature: t=SECONDS,v1=HEX`` is the
HMAC-SHA256, under the webhook's secret, of ``SECONDS.BODY``; ``X-Tocsin-Delivery`` stays the same over retries, so
that a receiver can leave out what it has already taken.
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
import logging
import secrets
import threading
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx
from sqlalchemy import delete, func, select

from tocsin.gateway.fetching import Fetcher
from tocsin.gateway.refusals import Refused
from tocsin.gateway.store import Store, StoreError
from tocsin.gateway.webhooks_tables import Delivery, Webhook, WebhookOwner
from tocsin.model import Clock, utc_text

if TYPE_CHECKING:
    from tocsin.gateway.gateway import Gateway

_log = logging.getLogger(__name__)
WAITING, DELIVERED, GIVEN_UP = "waiting", "delivered", "given-up"
DAY: Final = timedelta(days=1)
KEPT: Final = timedelta(days=7)
EARLIER: Final = timedelta(minutes=1)
"""By how much another machine's clock may be behind without an event after a webhook was added being left out."""
MOST_WEBHOOKS: Final = 100
MOST_WAITING: Final = 10_000
"""Events that may wait for one webhook: one that takes nothing leaves the others their room."""
KEPT_TRYING_S: Final = 300
"""For how long an event that the store cannot take is tried again."""
_AT_ONCE: Final = 16
_POLL_S: Final = 5.0
_WHOLE_S: Final = 30.0
_TIMEOUT: Final = httpx.Timeout(15.0, connect=5.0)
_LONGEST_PAUSE_S: Final = 3600.0


class Webhooks:
    """The webhooks and what is on its way to them. ``send`` may be called from any thread."""

    def __init__(self, store: Store, clock: Clock, *, allow_private: bool = False) -> None:
        self._store, self._clock = store, clock
        self._fetcher = Fetcher(None, allow_private=allow_private)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due: asyncio.Event | None = None
        self._none = threading.Event()
        self.refused = 0
        self.closing = False

    def add(
        self, url: str, events: Sequence[str] = (), secret: str = "", *, owner: int = 0, whole: bool = True
    ) -> Webhook:
        """Add a webhook for the key ``owner``; ``whole``: it is told of what belongs to other keys too.

        Raises Refused for an address that is none, or for too many.
        """
        if not url.lower().startswith(("https://", "http://")) or len(url) > 4096:
            raise Refused(400, "A webhook's address begins with https:// or http://.")
        try:
            self._fetcher.check(url)
        except Refused as refused:
            raise Refused(400, f"No webhook can be sent there. {refused}") from refused
        with self._store.session() as session:
            if (session.scalar(select(func.count()).select_from(Webhook)) or 0) >= MOST_WEBHOOKS:
                raise Refused(409, f"There are {MOST_WEBHOOKS} webhooks already.")
            row = Webhook(
                id=uuid.uuid4().hex,
                url=url,
                secret=secret or secrets.token_urlsafe(32),
                events=sorted({*events}),
                created_at=self._clock.now(),
            )
            session.add(row)
            session.flush()
            session.add(WebhookOwner(webhook=row.id, owner=owner, whole=whole))
        self._none.clear()
        return row

    def owner(self, name: str) -> int:
        """Return the key that a webhook belongs to; 0 for none."""
        with self._store.reading() as session:
            row = session.get(WebhookOwner, name)
        return row.owner if row is not None else 0

    def remove(self, name: str) -> bool:
        """Remove a webhook and what waits for it; false where there is none."""
        with self._store.session() as session:
            session.execute(delete(Delivery).where(Delivery.webhook == name))
            return bool(session.execute(delete(Webhook).where(Webhook.id == name)).rowcount)  # type: ignore[attr-defined]

    def all(self) -> list[dict[str, Any]]:
        """Return every webhook with what became of its events; secrets are never shown again."""
        with self._store.reading() as session:
            counts = session.execute(
                select(Delivery.webhook, Delivery.state, func.count()).group_by(Delivery.webhook, Delivery.state)
            ).all()
            last = session.execute(
                select(Delivery.webhook, Delivery.problem).where(Delivery.problem != "").order_by(Delivery.due_at)
            ).all()
            rows = session.scalars(select(Webhook).order_by(Webhook.created_at)).all()
            owners = {one.webhook: one.owner for one in session.scalars(select(WebhookOwner))}
        number = {(name, state): count for name, state, count in counts}
        problems: dict[str, str] = {row.webhook: row.problem for row in last}
        return [
            {
                "id": row.id,
                "url": urlsplit(row.url)._replace(query="…").geturl() if "?" in row.url else row.url,
                "events": row.events,
                "owner": owners.get(row.id, 0),
                "created_at": utc_text(row.created_at),
                "waiting": number.get((row.id, WAITING), 0),
                "delivered": number.get((row.id, DELIVERED), 0),
                "given_up": number.get((row.id, GIVEN_UP), 0),
                "last_problem": problems.get(row.id, ""),
            }
            for row in rows
        ]

    def since(self, event: str) -> datetime | None:
        """Return since when some webhook has wanted an event, or None while none does."""
        if self._none.is_set():
            return None
        with self._store.reading() as session:
            rows = session.scalars(select(Webhook)).all()
        return min((row.created_at - EARLIER for row in rows if not row.events or event in row.events), default=None)

    def send(
        self,
        event: str,
        body: Mapping[str, Any],
        key: str = "",
        happened: datetime | None = None,
        *,
        owner: int | None = None,
    ) -> int:
        """Put an event on its way to every webhook that wants it; return to how many. The same ``key`` goes once.

        What ``happened`` before a webhook was added is not told to it. What belongs to one ``owner`` (a key) is told to
        that key's webhooks, and to those that are told of everything.
        """
        if self._none.is_set():
            return 0
        now, sent = self._clock.now(), 0
        key = key or uuid.uuid4().hex
        with self._store.session() as session:
            rows = session.scalars(select(Webhook)).all()
            if not rows:
                self._none.set()
                return 0
            others = {
                one.webhook
                for one in session.scalars(select(WebhookOwner).where(WebhookOwner.whole.is_(False)))
                if owner not in (None, one.owner)
            }
            counts = select(Delivery.webhook, func.count()).where(Delivery.state == WAITING).group_by(Delivery.webhook)
            waiting = {str(name): int(number) for name, number in session.execute(counts)}
            for row in rows:
                if row.id in others or (row.events and event not in row.events):
                    continue
                if happened is not None and happened < row.created_at - EARLIER:
                    continue
                known = select(Delivery.id).where(Delivery.webhook == row.id, Delivery.key == key)
                if session.scalar(known) is not None:
                    continue
                if waiting.get(row.id, 0) >= MOST_WAITING:
                    self.refused += 1
                    continue
                session.add(_delivery(row, event, key, body, now))
                sent += 1
        if sent:
            self._wake()
        return sent

    def _wake(self) -> None:
        if self._loop is not None and self._due is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                self._loop.call_soon_threadsafe(self._due.set)

    async def put(self, event: str, body: Mapping[str, Any], key: str, *, owner: int | None = None) -> None:
        """Do as ``send``, from the event loop, again and again while the store takes nothing (a full disk, say).

        What it never took, within :data:`KEPT_TRYING_S` or before the gateway ends, is counted as refused.
        """
        for tries in range(KEPT_TRYING_S):
            try:
                await asyncio.to_thread(self.send, event, body, key, owner=owner)
            except StoreError as error:
                if not tries:
                    _log.error("The event %s waits to be kept for webhooks: %s", event, error)
                if self.closing:
                    break
                await asyncio.sleep(1)
            else:
                return
        self.refused += 1
        _log.error("The event %s could not be kept for webhooks, and is not told", event)

    async def deliver(self) -> None:
        """Deliver what is due, again and again, until cancelled. A webhook that hangs keeps no other waiting."""
        self._loop, self._due = asyncio.get_running_loop(), asyncio.Event()
        busy: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                self._due.clear()
                for name in [name for name, task in busy.items() if task.done()]:
                    del busy[name]
                seconds = _POLL_S
                try:
                    for name, due in _by_webhook(await asyncio.to_thread(self._next, tuple(busy))).items():
                        busy[name] = asyncio.create_task(self._batch(due))
                        busy[name].add_done_callback(lambda _: self._wake())
                    seconds = await asyncio.to_thread(self._until, tuple(busy))
                except Exception:
                    _log.exception("Webhooks could not be delivered; they are tried again")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._due.wait()
        finally:
            for task in busy.values():
                task.cancel()
            await asyncio.gather(*busy.values(), return_exceptions=True)

    async def _batch(self, due: Sequence[tuple[Delivery, Webhook]]) -> None:
        """Send one webhook's events that are due."""
        try:
            await asyncio.gather(*(self._try(one, hook) for one, hook in due))
        except Exception:
            _log.exception("What became of a webhook's events could not be written down; they are sent again")
            await asyncio.sleep(_POLL_S)

    def _until(self, busy: Sequence[str] = ()) -> float:
        """Return how many seconds to sleep before something is due at a webhook that is not ``busy``."""
        with self._store.reading() as session:
            asked = select(func.min(Delivery.due_at)).where(Delivery.state == WAITING, Delivery.webhook.not_in(busy))
            soonest = session.scalar(asked)
        if soonest is None:
            return _POLL_S
        return min(_POLL_S, max(0.02, (soonest - self._clock.now()).total_seconds()))

    def _next(self, busy: Sequence[str] = ()) -> list[tuple[Delivery, Webhook]]:
        """Return what is due, of each webhook that is not ``busy`` some."""
        found: list[tuple[Delivery, Webhook]] = []
        with self._store.reading() as session:
            due = (Delivery.state == WAITING, Delivery.due_at <= self._clock.now())
            names = select(Delivery.webhook).where(*due, Delivery.webhook.not_in(busy)).distinct()
            for hook in session.scalars(select(Webhook).where(Webhook.id.in_(names))).all():
                asked = select(Delivery).where(*due, Delivery.webhook == hook.id).order_by(Delivery.due_at)
                found += [(one, hook) for one in session.scalars(asked.limit(_AT_ONCE))]
        return found

    async def _try(self, one: Delivery, hook: Webhook) -> None:
        problem = await self._post(one, hook)
        await asyncio.to_thread(self._note, one.id, problem)

    async def _post(self, one: Delivery, hook: Webhook) -> str:
        """Send one event once; return what went wrong, or nothing."""
        body = json.dumps(one.body, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "tocsin-gateway",
            "X-Tocsin-Event": one.event,
            "X-Tocsin-Delivery": one.id,
            "X-Tocsin-Signature": signature(hook.secret, body, int(self._clock.now().timestamp())),
        }
        try:
            address = await self._fetcher.allowed(hook.url)
            target = urlsplit(hook.url)
            host = f"[{address}]" if ":" in address else address
            port = target.port or (443 if target.scheme == "https" else 80)
            path = (target.path or "/") + (f"?{target.query}" if target.query else "")
            async with (
                asyncio.timeout(_WHOLE_S),
                httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT) as client,
                client.stream(  # only the status is read: an answer may be without end
                    "POST",
                    f"{target.scheme}://{host}:{port}{path}",
                    content=body,
                    headers=headers | {"Host": target.netloc.rpartition("@")[2]},
                    extensions={"sni_hostname": target.hostname},
                ) as answer,
            ):
                pass
        except Refused as error:
            return str(error)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            return f"The webhook could not be reached ({type(error).__name__})."
        return "" if answer.is_success else f"The webhook answered {answer.status_code}."

    def _note(self, name: str, problem: str) -> None:
        now = self._clock.now()
        with self._store.session() as session:
            row = session.get(Delivery, name)
            if row is None:
                return
            row.tries += 1
            row.problem = problem[:200]
            if not problem:
                row.state = DELIVERED
            else:
                row.due_at = now + timedelta(seconds=pause(row.tries))
                if row.due_at - row.created_at > DAY:
                    row.state = GIVEN_UP
                    _log.warning("An event was not taken by a webhook for a day, and was given up: %s", problem)
            # by the index of due_at: what is kept is of no number that could be looked through each time
            session.execute(delete(Delivery).where(Delivery.state != WAITING, Delivery.due_at < now - KEPT))


def _by_webhook(due: Sequence[tuple[Delivery, Webhook]]) -> dict[str, list[tuple[Delivery, Webhook]]]:
    found: dict[str, list[tuple[Delivery, Webhook]]] = {}
    for one, hook in due:
        found.setdefault(hook.id, []).append((one, hook))
    return found


def pause(tries: int) -> float:
    """Return how many seconds to wait after so many tries: ever longer, at most an hour."""
    return min(2.0 ** min(tries, 40), _LONGEST_PAUSE_S) + secrets.SystemRandom().uniform(0, 2)


def signature(secret: str, body: bytes, at: int) -> str:
    """Return what ``X-Tocsin-Signature`` says of a body sent at a second."""
    made = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={made}"


def _delivery(row: Webhook, event: str, key: str, body: Mapping[str, Any], now: datetime) -> Delivery:
    name = uuid.uuid4().hex
    told = {"id": name, "event": event, "at": utc_text(now), "data": dict(body)}
    return Delivery(
        id=name,
        webhook=row.id,
        event=event,
        key=key,
        body=told,
        state=WAITING,
        tries=0,
        created_at=now,
        due_at=now,
        problem="",
    )


@asynccontextmanager
async def delivering(gateway: "Gateway") -> AsyncIterator[None]:
    """Deliver webhooks while the gateway runs."""
    task = asyncio.create_task(gateway.webhooks.deliver())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
