"""Banks that are given to exchanges, on a schedule: set, run, stopped, taken back, and how each is doing."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import delete, func, select

from tocsin.exchange.pages import ExchangeError, Sink
from tocsin.gateway.exchanges.apis import APIS
from tocsin.gateway.exchanges.keeping import Exchanges
from tocsin.gateway.exchanges.ledger import Ledger
from tocsin.gateway.exchanges.outbox import take_back_all, take_up
from tocsin.gateway.exchanges.pushing import Pushed, PushOutcome, PushRun
from tocsin.gateway.exchanges.tables import Exchange, OutgoingHash, Push
from tocsin.gateway.exchanges.timing import next_time
from tocsin.gateway.refusals import Refused
from tocsin.gateway.store import Store
from tocsin.matching.lists import ListError
from tocsin.model import Clock
from tocsin.placement.platform import alone

MOST_TAGS: Final = 20
STATES: Final = ("waiting", "given", "refused", "held", "leaving", "gone", "kept", "untold")

_log = logging.getLogger(__name__)


class Pushes:
    """All pushes of a gateway. ``folder_of`` finds a bank's list, or None where it holds nothing yet."""

    def __init__(
        self, exchanges: Exchanges, ledger: Ledger, store: Store, clock: Clock, folder_of: Callable[[str], Path | None]
    ) -> None:
        self._exchanges, self._ledger, self._store, self._clock = exchanges, ledger, store, clock
        self._folder_of = folder_of

    def set(self, name: str, bank: str, *, scheduled: bool = True, tags: Sequence[str] = ()) -> None:
        """Give a bank to an exchange from now on. Raises Refused: 403 where its terms or the exchange forbid it."""
        exchange = self._exchanges.get(name)
        if not APIS[exchange.api].takes:
            raise Refused(403, f"An exchange of the kind {exchange.api} takes no hashes.")
        bad = len(tags) > MOST_TAGS or any(
            not one.isprintable() or "," in one or not 0 < len(one) <= 100 for one in tags
        )
        if bad:
            raise Refused(400, f"At most {MOST_TAGS} tags, each of up to 100 letters and without a comma.")
        folder = self._folder_of(bank)
        if folder is None:
            raise Refused(404, f"There is no bank named {bank[:80]} that holds anything.")
        try:
            self._ledger.sync(bank, folder, at_once=True)
        except ListError as error:
            raise Refused(403, str(error)) from error
        with self._store.session() as session:
            row = session.get(Push, (name, bank))
            if row is None:
                row = Push(exchange=name, bank=bank, tags=[], due_at=self._clock.now())
                session.add(row)
            row.tags = list(tags) or row.tags
            row.scheduled, row.ending = row.scheduled or scheduled, False
            row.due_at, row.failures = self._clock.now(), 0

    def stop(self, name: str, bank: str, *, take_back: bool = False) -> None:
        """End a push: what was given stays there, or is taken back. Raises Refused (404)."""
        with self._store.session() as session:
            row = session.get(Push, (name, bank))
            if row is None:
                raise Refused(404, f"The bank {bank[:80]} is not given to {name[:80]}.")
            row.scheduled, row.ending, row.due_at = take_back, take_back, self._clock.now()
            if take_back:
                take_back_all(session, name, bank, self._clock.now())

    def decide(self, name: str, bank: str, *, again: bool) -> int:
        """Settle what is held for a person: send it ``again``, or leave it; return how many. Raises Refused (404)."""
        with self._store.session() as session:
            if session.get(Push, (name, bank)) is None:
                raise Refused(404, f"The bank {bank[:80]} is not given to {name[:80]}.")
            held = list(session.scalars(_of(name, bank).where(OutgoingHash.state == "held")))
            for row in held:
                row.state, row.unsure = ("waiting", False) if again else ("refused", True)
                row.attempts, row.next_at = 0, self._clock.now()
                row.message = "" if again else "A person decided not to send it again."
        return len(held)

    def waiting(self) -> list[str]:
        """Return the names of exchanges with pushes that are due now."""
        chosen = select(Push.exchange).where(Push.scheduled, Push.due_at <= self._clock.now())
        with self._store.reading() as session:
            return sorted(set(session.scalars(chosen)))

    def push(self, name: str, stop: Callable[[], bool] = lambda: False) -> int:
        """Run what is due for an exchange; return how many hashes it acknowledged. Never raises ExchangeError."""
        with self._store.reading() as session:
            due = select(Push.bank).where(Push.exchange == name, Push.scheduled, Push.due_at <= self._clock.now())
            banks = list(session.scalars(due.order_by(Push.bank)))
        done = 0
        for bank in banks:
            outcome = self.run(name, bank, stop=stop)
            done += outcome.done.given + outcome.done.gone
            if outcome.message:
                _log.warning("%s of %s: %s", name, bank, outcome.message)
        return done

    def run(
        self,
        name: str,
        bank: str,
        *,
        stop: Callable[[], bool] = lambda: False,
        told: Callable[[Pushed], None] = lambda _: None,
    ) -> PushOutcome:
        """Push one bank now, whatever its schedule. Raises Refused (404) for one that is not pushed there."""
        exchange = self._exchanges.get(name)
        with self._store.reading() as session:
            push = session.get(Push, (name, bank))
        if push is None:
            raise Refused(404, f"The bank {bank[:80]} is not given to {name[:80]}.")
        with alone(self._exchanges.scratch / f"{name}.push.lock") as mine:
            if not mine:
                return PushOutcome(False, message=f"{bank} is being given to {name} already.")
            outcome = self._run(exchange, push, stop, told)
        self._end(exchange, push, outcome)
        return outcome

    def _run(
        self, exchange: Exchange, push: Push, stop: Callable[[], bool], told: Callable[[Pushed], None]
    ) -> PushOutcome:
        problem = "" if push.ending else self._take_up(push)
        try:
            sink = self._exchanges.source(exchange)
        except ExchangeError as error:
            return PushOutcome(False, message=str(error))
        try:
            if not isinstance(sink, Sink):
                return PushOutcome(False, message=f"An exchange of the kind {exchange.api} takes no hashes.")
            run = PushRun(self._store, self._clock, push.exchange, push.bank, sink, push.tags, stop, told)
            outcome = run.run(give=not push.ending and not problem)
        finally:
            sink.close()
        return PushOutcome(False, outcome.done, problem) if problem else outcome

    def _take_up(self, push: Push) -> str:
        """Write down what is new in the bank; return why that cannot be done, if so."""
        folder = self._folder_of(push.bank)
        if folder is None:
            return f"The bank {push.bank} is gone or empty; what was given stays there until it is taken back."
        try:
            self._ledger.sync(push.bank, folder, at_once=True)
        except ListError as error:
            return str(error)
        take_up(self._store, self._ledger, push.exchange, push.bank, self._clock.now())
        return ""

    def _end(self, exchange: Exchange, push: Push, outcome: PushOutcome) -> None:
        now = self._clock.now()
        with self._store.session() as session:
            row = session.get(Push, (push.exchange, push.bank))
            if row is None:
                return
            row.message = outcome.message[:500]
            row.failures = 0 if outcome.complete else row.failures + 1
            row.due_at = next_time(now, exchange.interval_s, row.failures)
            if outcome.complete:
                row.completed_at = now
                if row.ending:
                    row.scheduled = row.ending = False

    def forget(self, name: str) -> None:
        """Forget the pushes to an exchange that is removed. Raises Refused (403) while one goes on."""
        with self._store.session() as session:
            rows = list(session.scalars(select(Push).where(Push.exchange == name)))
            if going := [row.bank for row in rows if row.scheduled]:
                raise Refused(
                    403, f"The bank {going[0]} is given to {name}; stop that first, or take back what was given."
                )
            session.execute(delete(OutgoingHash).where(OutgoingHash.exchange == name))
            session.execute(delete(Push).where(Push.exchange == name))

    def status(self, name: str) -> list[dict[str, Any]]:
        """Return how each push to an exchange is doing: numbers and names, never a hash."""
        with self._store.reading() as session:
            rows = list(session.scalars(select(Push).where(Push.exchange == name).order_by(Push.bank)))
            counts: dict[tuple[str, str], int] = {}
            grouped = select(OutgoingHash.bank, OutgoingHash.state, func.count()).where(OutgoingHash.exchange == name)
            for bank, state, number in session.execute(grouped.group_by(OutgoingHash.bank, OutgoingHash.state)):
                counts[(bank, state)] = number
        return [
            {
                "bank": row.bank,
                "scheduled": row.scheduled,
                "taking_back": row.ending,
                "tags": row.tags,
                "last_push_complete_ts": int(row.completed_at.timestamp()) if row.completed_at else None,
                "failures": row.failures,
                "message": row.message,
                **{state: counts.get((row.bank, state), 0) for state in STATES},
            }
            for row in rows
        ]


def _of(name: str, bank: str) -> Any:
    return select(OutgoingHash).where(OutgoingHash.exchange == name, OutgoingHash.bank == bank)
