"""One run of one push: withdrawals first, then what is new; nothing counts as done before the exchange has said so.

Before a hash is sent, the store says that its answer is awaited. A kill or a lost answer leaves that word behind: where
the exchange takes the same hash twice as the same said twice, it is sent again; elsewhere it is looked for, and, not
found, held for a person.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select

from tocsin.exchange.pages import ExchangeError, Lost, Outgoing, Receipt, Refused, Sink, Unusable
from tocsin.gateway.exchanges.tables import OutgoingHash
from tocsin.gateway.store import Store
from tocsin.model import Clock

SOONEST_S: Final = 30
LATEST_S: Final = 6 * 3600
MOST_REFUSALS: Final = 5
"""Times that an exchange may refuse one hash before it is put aside for a person to see."""

MOST_REFUSED_CALLS: Final = 20
"""Calls of one run that may be refused; then the run ends: something is wrong that more calls do not mend."""

MOST_SEARCHES: Final = 3
"""Times that a hash whose answer was lost is looked for before it is held."""


@dataclass(slots=True)
class Pushed:
    """What a run has done so far."""

    given: int = 0
    gone: int = 0
    refused: int = 0
    held: int = 0
    untold: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {name: getattr(self, name) for name in ("given", "gone", "refused", "held", "untold")}


@dataclass(frozen=True, slots=True)
class PushOutcome:
    """How a run ended. ``complete``: nothing waits. ``message`` says what went wrong otherwise."""

    complete: bool
    done: Pushed = field(default_factory=Pushed)
    message: str = ""


class PushRun:
    """One run. ``stop`` is asked between calls; ``told`` hears of progress."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        exchange: str,
        bank: str,
        sink: Sink,
        tags: Sequence[str],
        stop: Callable[[], bool] = lambda: False,
        told: Callable[[Pushed], None] = lambda _: None,
    ) -> None:
        self._store, self._clock, self._exchange, self._bank = store, clock, exchange, bank
        self._sink, self._tags, self._stop, self._told = sink, tags, stop, told
        self._done = Pushed()
        self._refusals = 0
        self._message = ""

    def run(self, *, give: bool = True) -> PushOutcome:
        """Take back what left, and give what is new unless told otherwise. Never raises ExchangeError."""
        for state, act in (("leaving", self._take_back), ("waiting", self._give)):
            if state == "waiting" and not give:
                continue
            try:
                while not self._stop() and (rows := self._due(state)):
                    act(rows)
                    self._told(self._done)
            except ExchangeError as error:  # withdrawals that cannot be told now hold nothing else back
                self._message = self._message or str(error)
        if self._stop():
            self._message = self._message or "Stopped; the next run goes on from here."
        left = self._waiting(("leaving", "waiting") if give else ("leaving",))
        if left and not self._message:
            self._message = "Some hashes were refused, or their answer was lost; they are tried again later."
        return PushOutcome(not left, self._done, self._message if left else "")

    def _take_back(self, rows: Sequence[OutgoingHash]) -> None:
        rows = [row for row in rows if not self._settled_before(row)]
        if rows:
            self._change(rows, unsure=True)
            self._call(rows, lambda some: self._sink.take_back([_outgoing(row) for row in some]), "gone", "kept")

    def _settled_before(self, row: OutgoingHash) -> bool:
        """Settle a hash that another bank still gives, or that the exchange cannot be told of; tell whether it was."""
        if self._elsewhere(row):
            self._change([row], state="gone", unsure=False, message="Another bank still stands by it.")
            self._done.gone += 1
            return True
        if self._sink.repeatable or row.remote:
            return False
        found = self._sink.find(_outgoing(row))
        if found:
            self._change([row], remote=found)
            return False
        if row.attempts + 1 < MOST_SEARCHES:
            self._later([row], "The exchange does not find it; it is looked for again.", "")
        else:
            self._change([row], state="untold", message="The exchange does not find what it was given.")
            self._done.untold += 1
        return True

    def _give(self, rows: Sequence[OutgoingHash]) -> None:
        if not self._sink.repeatable:
            rows = [row for row in rows if not row.unsure or not self._found(row)]
        if not rows:
            return
        self._change(rows, unsure=True)
        try:
            self._call(rows, lambda some: self._sink.give([_outgoing(one) for one in some], self._tags), "given", "")
        except (Lost, Unusable) as error:
            self._later(rows, str(error), "")
            raise
        except ExchangeError:
            self._change(rows, unsure=False)
            raise

    def _found(self, row: OutgoingHash) -> bool:
        """Look for a hash whose answer was lost. It is never sent again by itself: True whatever was found."""
        found = self._sink.find(_outgoing(row))
        if found:
            self._change([row], state="given", remote=found, unsure=False, attempts=0, message="")
            self._done.given += 1
        elif row.attempts < MOST_SEARCHES:
            self._later([row], "Its answer was lost; it is looked for again.", "")
        else:
            self._change([row], state="held", message="Its answer was lost, and the exchange does not find it.")
            self._done.held += 1
        return True

    def _call(
        self,
        rows: Sequence[OutgoingHash],
        act: Callable[[Sequence[OutgoingHash]], Sequence[Receipt]],
        done: str,
        aside: str,
    ) -> None:
        """Make one call; where it is refused for what was sent, find out for which rows, half by half."""
        try:
            receipts = act(rows)
        except Refused as refused:
            self._refusals += 1
            if refused.about_us or self._refusals > MOST_REFUSED_CALLS:
                if not aside:
                    self._change(rows, unsure=False)
                raise
            if len(rows) > 1:
                half = len(rows) // 2
                self._call(rows[:half], act, done, aside)
                self._call(rows[half:], act, done, aside)
                return
            if not aside:
                self._change(rows, unsure=False)
            self._later(rows, str(refused), aside or "refused")
            return
        for row, receipt in zip(rows, receipts, strict=True):
            if not receipt.taken:
                self._done.refused += 1
                self._change([row], state=aside or "refused", unsure=False, message=receipt.reason[:200])
            elif receipt.remote:
                self._change([row], remote=receipt.remote[:64])
        taken = [row for row, receipt in zip(rows, receipts, strict=True) if receipt.taken]
        self._change(taken, state=done, unsure=False, attempts=0, message="")
        self._done.given += len(taken) if done == "given" else 0
        self._done.gone += len(taken) if done == "gone" else 0

    def _due(self, state: str) -> list[OutgoingHash]:
        chosen = self._mine(OutgoingHash.state == state, OutgoingHash.next_at <= self._clock.now())
        with self._store.reading() as session:
            return list(session.scalars(chosen.order_by(OutgoingHash.id).limit(self._sink.most)))

    def _waiting(self, states: Sequence[str]) -> bool:
        with self._store.reading() as session:
            return session.scalars(self._mine(OutgoingHash.state.in_(states)).limit(1)).first() is not None

    def _mine(self, *more: Any) -> Any:
        return select(OutgoingHash).where(
            OutgoingHash.exchange == self._exchange, OutgoingHash.bank == self._bank, *more
        )

    def _elsewhere(self, row: OutgoingHash) -> bool:
        chosen = select(OutgoingHash.id).where(
            OutgoingHash.exchange == self._exchange,
            OutgoingHash.bank != self._bank,
            OutgoingHash.kind == row.kind,
            OutgoingHash.value == row.value,
            OutgoingHash.state.in_(("waiting", "given", "held")),
        )
        with self._store.reading() as session:
            return session.scalars(chosen.limit(1)).first() is not None

    def _change(self, rows: Sequence[OutgoingHash], **values: Any) -> None:
        with self._store.session() as session:
            for one in rows:
                row = session.get(OutgoingHash, one.id)
                for name, value in values.items():
                    setattr(one, name, value)
                    if row is not None:
                        setattr(row, name, value)

    def _later(self, rows: Sequence[OutgoingHash], message: str, aside: str) -> None:
        """Try rows again later; after some times put them aside, where ``aside`` says as what."""
        now = self._clock.now()
        for one in rows:
            attempts = one.attempts + 1
            wait = min(LATEST_S, SOONEST_S * 2 ** min(attempts - 1, 20))
            values: dict[str, Any] = {"attempts": attempts, "message": message[:200]}
            if aside and attempts >= MOST_REFUSALS:
                values["state"] = aside
                self._done.refused += 1
            self._change([one], next_at=now + timedelta(seconds=wait), **values)


def _outgoing(row: OutgoingHash) -> Outgoing:
    return Outgoing(row.kind, row.value, row.remote)
