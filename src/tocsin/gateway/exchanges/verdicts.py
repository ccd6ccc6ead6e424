"""People's verdicts on matches, told to the exchange that the entry came from: kept until they are acknowledged."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import numpy as np
from sqlalchemy import select

from tocsin.exchange.pages import ExchangeError, Opinion
from tocsin.exchange.pages import Refused as ExchangeRefused
from tocsin.gateway.exchanges.keeping import Exchanges
from tocsin.gateway.exchanges.tables import Exchange, Verdict
from tocsin.gateway.refusals import Refused
from tocsin.gateway.store import Store
from tocsin.matching.lists import HashList, ListError
from tocsin.matching.lists.entry import DIGESTS
from tocsin.matching.lists.view import Place, View
from tocsin.model import Clock

SOONEST_S: Final = 30
LATEST_S: Final = 6 * 3600
MOST_AT_ONCE: Final = 200
MOST_LISTED: Final = 1000
MOST_REFUSALS: Final = 5
"""Times that an exchange may refuse a verdict before it is put aside for a person to see."""

_log = logging.getLogger(__name__)


class Verdicts:
    """The queue of verdicts."""

    def __init__(self, exchanges: Exchanges, store: Store, clock: Clock) -> None:
        self._exchanges, self._store, self._clock = exchanges, store, clock

    def say(self, name: str, entry: str, good: bool, *, kind: str = "", said_by: str = "") -> list[int]:
        """Queue a verdict on an entry (its id, its name in matches, or a hash in hex); return the queue's numbers.

        One is queued for each hash that may be judged, or for ``kind`` alone. Raises Refused.
        """
        self._exchanges.get(name)
        try:
            view = HashList.open(self._exchanges.folder(name)).view
            places = view.named(entry)
        except ListError as error:
            raise Refused(503, str(error)) from error
        if not places:
            raise Refused(404, f"No entry of {name} is called so now; it may have been withdrawn.")
        return [
            number for place in places for number in self._queue(name, view, place, good, kind=kind, said_by=said_by)
        ]

    def say_of(
        self, name: str, view: View, place: Place, good: bool, *, kind: str = "", said_by: str = ""
    ) -> list[int]:
        """Queue a verdict on an entry of an open list. Raises Refused."""
        return self._queue(name, view, place, good, kind=kind, said_by=said_by)

    def _queue(self, name: str, view: View, place: Place, good: bool, *, kind: str, said_by: str) -> list[int]:
        its_id, extra = view.parts[place.part].text(place.row)
        now = self._clock.now()
        made = []
        hashes = [one for one in hashes_at(view, place) if not kind or one[0] == kind]
        if not hashes:
            raise Refused(400, f"This entry has no {kind or 'hash'} to judge.")
        with self._store.session() as session:
            for one, value in hashes:
                # a newer verdict takes the place of one that still waits: only the last is told
                same = (Verdict.exchange == name, Verdict.kind == one, Verdict.value == value, Verdict.entry == its_id)
                for old in session.scalars(select(Verdict).where(*same, Verdict.state == "waiting")):
                    session.delete(old)
                row = Verdict(
                    exchange=name, entry=its_id, kind=one, value=value, good=good, extra=dict(extra or {}),
                    said_by=said_by[:200], said_at=now, next_at=now,
                )  # fmt: skip
                session.add(row)
                session.flush()
                made.append(row.id)
        return made

    def waiting(self) -> list[str]:
        """Return the names of exchanges with verdicts that are due now."""
        with self._store.reading() as session:
            due = select(Verdict.exchange).where(Verdict.state == "waiting", Verdict.next_at <= self._clock.now())
            return sorted(set(session.scalars(due)))

    def tell(self, name: str) -> int:
        """Tell an exchange the verdicts that are due; return how many it acknowledged. Never raises ExchangeError."""
        with self._store.reading() as session:
            row = session.get(Exchange, name)
            due = select(Verdict).where(Verdict.exchange == name, Verdict.state == "waiting")
            held = list(
                session.scalars(
                    due.where(Verdict.next_at <= self._clock.now()).order_by(Verdict.id).limit(MOST_AT_ONCE)
                )
            )
        if row is None or not held:
            return 0
        try:
            source = self._exchanges.source(row)
        except ExchangeError as error:
            self._later(held, str(error), refused=False)
            return 0
        sent = 0
        try:
            for at, one in enumerate(held):
                try:
                    taken = source.tell(Opinion(one.entry, one.kind, one.value, one.good, one.extra))
                except ExchangeRefused as error:
                    self._later([one], str(error), refused=True)
                    continue
                except ExchangeError as error:
                    self._later(held[at:], str(error), refused=False)
                    break
                self._settled(one.id, "sent" if taken else "not-taken")
                sent += taken
        finally:
            source.close()
        return sent

    def _settled(self, number: int, state: str) -> None:
        with self._store.session() as session:
            if (row := session.get(Verdict, number)) is not None:
                row.state, row.message = state, ""

    def _later(self, held: list[Verdict], message: str, *, refused: bool) -> None:
        now = self._clock.now()
        with self._store.session() as session:
            for one in held:
                if (row := session.get(Verdict, one.id)) is None:
                    continue
                row.attempts += 1
                row.message = message[:500]
                row.next_at = now + timedelta(seconds=min(LATEST_S, SOONEST_S * 2 ** min(row.attempts - 1, 20)))
                if refused and row.attempts >= MOST_REFUSALS:
                    row.state = "refused"
                    _log.warning("%s refuses a verdict for good: %s", one.exchange, message)

    def listed(self, name: str) -> list[dict[str, Any]]:
        """Return an exchange's verdicts, the newest first; never a hash."""
        chosen = select(Verdict).where(Verdict.exchange == name).order_by(Verdict.id.desc()).limit(MOST_LISTED)
        with self._store.reading() as session:
            return [
                {
                    "id": row.id, "entry": row.entry, "signal_type": row.kind,
                    "verdict": "true" if row.good else "false", "by": row.said_by, "at": row.said_at.isoformat(),
                    "state": row.state, "attempts": row.attempts, "message": row.message,
                }
                for row in session.scalars(chosen)
            ]  # fmt: skip

    def counts(self) -> Mapping[str, int]:
        """Return how many verdicts are in each state."""
        found: dict[str, int] = {}
        with self._store.reading() as session:
            for state in session.scalars(select(Verdict.state)):
                found[state] = found.get(state, 0) + 1
        return found


def hashes_at(view: View, place: Place) -> list[tuple[str, str]]:
    """Return the hashes (kind, hex) of one entry of a list."""
    part, row = view.parts[place.part], place.row
    found: list[tuple[str, str]] = []
    for kind in ("pdq", "photodna"):
        if f"{kind}.row" in part.columns:
            found += [(kind, code.tobytes().hex()) for code in part.held(kind, row)]
    for kind in DIGESTS:
        if f"{kind}.row" in part.columns:
            found += [(kind, value) for value in _digests(part.columns, kind, row)]
    return found


def _digests(columns: Mapping[str, Any], kind: str, row: int) -> list[str]:
    at = np.flatnonzero(columns[f"{kind}.row"] == row)
    return [
        int(columns[f"{kind}.prefix"][one]).to_bytes(8, "big").hex() + columns[f"{kind}.rest"][one].tobytes().hex()
        for one in at.tolist()
    ]
