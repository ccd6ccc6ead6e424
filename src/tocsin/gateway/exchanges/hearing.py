"""What people decided at the hub, heard: on matches with exchanges' lists, for the exchanges that are told; on streams.

A verdict goes on only where it speaks of one content: one on an alert of several says little of each. *True* is told
of every entry that matched; *false* only where the very entry was met (a digest, or no bit apart), since a picture that
merely resembles a listed one says nothing against the listed one. A match in part never goes on: a window, or one
picture on a page of which others may be what was decided on.
"""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

import httpx

from tocsin.evidence.keys import DeviceKey
from tocsin.gateway.exchanges.tables import HubCursor
from tocsin.gateway.refusals import Refused
from tocsin.gateway.store import Store
from tocsin.model import Clock, told_utc
from tocsin.placement import wire
from tocsin.placement.config import Config

if TYPE_CHECKING:
    from tocsin.gateway.exchanges.desk import Desk

PATH: Final = "/api/v1/device/verdicts"
MOST_ANSWER: Final = 8 << 20
MOST_PAGES: Final = 20
_EXACT = ("md5", "sha1", "sha256", "pdq", "photodna")

_log = logging.getLogger(__name__)


class Listener(Protocol):
    """Somebody else who is told every decision, from a thread; must bear hearing one twice."""

    @property
    def waits(self) -> bool:
        """Whether there is anything that a decision could be about."""
        ...

    def heard(self, decision: Mapping[str, Any]) -> None:
        """Take in one decision, as the hub told it."""
        ...


class Hearing:
    """Asks the hub, as the device the gateway is enrolled as."""

    def __init__(
        self,
        desk: "Desk",
        store: Store,
        clock: Clock,
        config: Config,
        key: DeviceKey,
        *,
        listener: Listener | None = None,
        connect: Callable[[Config], httpx.Client] = wire.connect,
    ) -> None:
        self._desk, self._store, self._clock = desk, store, clock
        self._config, self._key, self._connect = config, key, connect
        self._listener = listener

    def hear(self) -> None:
        """Take up the decisions that are new. Asks nothing while nobody is to be told."""
        if not self._desk.exchanges.told() and not (self._listener is not None and self._listener.waits):
            return
        with self._connect(self._config) as client:
            for _ in range(MOST_PAGES):
                answer = self._ask(client, self._cursor())
                if answer is None or not self._take(answer):
                    return

    def _ask(self, client: httpx.Client, after: int) -> dict[str, Any] | None:
        path = f"{PATH}?after={after}"
        try:
            response = client.get(path, headers=wire.signed_headers(self._key, self._config.device, path))
            if response.status_code != 200 or len(response.content) > MOST_ANSWER:
                return None  # a hub that is down, or of an older version, is asked again later
            found = json.loads(response.content)
        except (httpx.HTTPError, httpx.StreamError, OSError, ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def _take(self, answer: Mapping[str, Any]) -> bool:
        """Queue what an answer holds, then remember how far it went; tell whether there is more."""
        following, verdicts = answer.get("next"), answer.get("verdicts")
        if type(following) is not int or following < self._cursor() or not isinstance(verdicts, list):
            return False
        told = self._desk.exchanges.told()
        for one in verdicts:
            if isinstance(one, Mapping):
                self._queue(one, told)
                if self._listener is not None:
                    self._listener.heard(one)
        with self._store.session() as session:
            row = session.get(HubCursor, self._config.device)
            if row is None:
                session.add(HubCursor(device=self._config.device, after=following))
            else:
                row.after = following
        return answer.get("more") is True

    def _queue(self, one: Mapping[str, Any], told: Mapping[str, tuple[str, datetime]]) -> None:
        good, at = one.get("verdict") == "true", told_utc(one.get("at"))
        matches = one.get("matches")
        if one.get("verdict") not in ("true", "false") or at is None or not isinstance(matches, list):
            return
        concerned = [match for match in matches if isinstance(match, Mapping) and str(match.get("list")) in told]
        if concerned and one.get("contents") != 1:
            _log.info("Alert %s speaks of several contents; its verdict is told to no exchange", one.get("alert"))
            return
        for match in concerned:
            name, since = told[str(match["list"])]
            by, distance = str(match.get("by")), match.get("distance")
            in_part = by == "window" or match.get("part") is True
            if at < since or in_part or not (good or (by in _EXACT and distance == 0)):
                continue
            kind = by if by in _EXACT else ""
            try:
                said_by = f"alert A-{one.get('alert')}"
                if type(one.get("content")) is int:
                    said_by += f", content {one['content']}"
                self._desk.verdicts.say(name, str(match.get("entry"))[:500], good, kind=kind, said_by=said_by)
            except Refused as refused:
                _log.info("A verdict for %s was not queued: %s", name, refused)

    def _cursor(self) -> int:
        with self._store.reading() as session:
            row = session.get(HubCursor, self._config.device)
            return row.after if row is not None else 0
