"""What of a bank is to be given to an exchange, or taken back: the ledger's changes, written down before they go."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.gateway.exchanges.ledger import Ledger
from tocsin.gateway.exchanges.tables import OutgoingHash, Push
from tocsin.gateway.store import Store

CHUNK: Final = 500
THERE: Final = ("waiting", "given", "held", "refused")


def take_up(store: Store, ledger: Ledger, exchange: str, bank: str, now: datetime) -> None:
    """Write down what changed in a bank since it was last taken up. The ledger is up to date.

    A ledger that was made anew is read from its beginning; what it lacks went meanwhile.
    """
    with store.reading() as session:
        push = session.get(Push, (exchange, bank))
    if push is None:
        return
    anew = push.ledger != ledger.identity
    after = 0 if anew else push.seq
    while changes := ledger.changes(bank, after, CHUNK):
        after = changes[-1].seq
        with store.session() as session:
            known = _known(session, exchange, bank, [one.value for one in changes])
            for one in changes:
                _apply(session, known.get((one.kind, one.value)), exchange, bank, one.kind, one.value, one.active, now)
            row = session.get(Push, (exchange, bank))
            if row is not None and not anew:
                row.seq = after
    if not anew:
        return
    last = 0
    while True:
        with store.session() as session:
            chosen = select(OutgoingHash).where(
                OutgoingHash.exchange == exchange, OutgoingHash.bank == bank, OutgoingHash.id > last
            )
            held = list(session.scalars(chosen.order_by(OutgoingHash.id).limit(CHUNK)))
            for old in held:
                if old.state in THERE and not ledger.stands(bank, old.kind, old.value):
                    _apply(session, old, exchange, bank, old.kind, old.value, False, now)
            row = session.get(Push, (exchange, bank))
            if not held and row is not None:
                row.ledger, row.seq = ledger.identity, after
        if not held:
            return
        last = held[-1].id


def take_back_all(session: Session, exchange: str, bank: str, now: datetime) -> None:
    """Mark everything that was given, or may have been, to be taken back."""
    chosen = select(OutgoingHash).where(OutgoingHash.exchange == exchange, OutgoingHash.bank == bank)
    for one in session.scalars(chosen.where(OutgoingHash.state.in_(THERE))).all():
        _apply(session, one, exchange, bank, one.kind, one.value, False, now)


def _apply(
    session: Session,
    row: OutgoingHash | None,
    exchange: str,
    bank: str,
    kind: str,
    value: str,
    active: bool,
    now: datetime,
) -> None:
    if active:
        if row is None:
            session.add(OutgoingHash(exchange=exchange, bank=bank, kind=kind, value=value, next_at=now))
        elif row.state == "leaving" and not row.attempts and not row.unsure:
            row.state = "given"  # nobody was told that it went
        elif row.state in ("kept", "untold"):
            row.state = "given"  # it is there still
        elif row.state in ("leaving", "gone"):
            row.unsure, row.remote = row.state == "leaving", ""
            row.state, row.attempts, row.next_at, row.message = "waiting", 0, now, ""
        return
    if row is None:
        return
    if row.state in ("waiting", "refused") and not row.unsure and not row.remote:
        session.delete(row)  # the exchange never had it
    elif row.state in THERE:
        row.state, row.attempts, row.next_at, row.message = "leaving", 0, now, ""


def _known(session: Session, exchange: str, bank: str, values: Iterable[str]) -> dict[tuple[str, str], OutgoingHash]:
    chosen = select(OutgoingHash).where(OutgoingHash.exchange == exchange, OutgoingHash.bank == bank)
    rows = session.scalars(chosen.where(OutgoingHash.value.in_(list(values))))
    return {(row.kind, row.value): row for row in rows}
