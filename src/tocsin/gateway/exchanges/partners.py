"""Partners: who reads which banks here, and where what they submit goes. Each has an API key of the same name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tocsin.gateway.banks_tables import Bank
from tocsin.gateway.exchanges.ledger import Ledger
from tocsin.gateway.exchanges.tables import Partner, PartnerBank
from tocsin.gateway.refusals import Refused
from tocsin.gateway.store import Following, Store
from tocsin.matching.lists import ListError
from tocsin.matching.lists.folder import MANIFEST
from tocsin.model import Clock

FIRST_MEMBER: Final = 10_000
"""Partners are members with a number above this one; banks have numbers below."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A partner: number among members, name, what others read as their name, banks (each since a second), inbox."""

    member: int
    name: str
    title: str
    banks: tuple[tuple[str, int], ...]
    inbox: str


class Partners:
    """The partners of a gateway. ``folder_of`` finds a bank's list, or None where it holds nothing yet."""

    def __init__(self, store: Store, ledger: Ledger, clock: Clock, folder_of: Callable[[str], Path | None]) -> None:
        self._store, self._ledger, self._clock, self._folder_of = store, ledger, clock, folder_of
        self._known = Following(store, lambda session: {one.name: one for one in _load(session)})

    def named(self, name: str) -> Reader:
        """Return a partner by the name of the key that was shown. Raises Refused (403)."""
        reader = self._known.value.get(name)
        if reader is None:
            raise Refused(403, f"The key {name[:64]} belongs to no partner; nothing is shared with it.")
        return reader

    def all(self) -> list[Reader]:
        """Return every partner."""
        return sorted(self._known.refresh().values(), key=lambda one: one.member)

    def shared(self) -> list[str]:
        """Return the names of the banks that somebody reads."""
        return sorted({bank for one in self._known.value.values() for bank, _ in one.banks})

    def grant(self, name: str, banks: list[str], *, title: str = "", inbox: str = "") -> Reader:
        """Share banks with a partner, making the partner where there is none. Raises Refused."""
        banks = list(dict.fromkeys(banks))
        for bank in banks:
            self._check(bank)
        if inbox:
            self._check_inbox(inbox)
        now = self._ledger.moment()
        with self._store.session() as session:
            row = session.scalars(select(Partner).where(Partner.name == name)).one_or_none()
            if row is None:
                row = Partner(name=name, created_at=self._clock.now())
                session.add(row)
                session.flush()
            row.title, row.inbox = title or row.title, inbox or row.inbox
            held = set(session.scalars(select(PartnerBank.bank).where(PartnerBank.partner_id == row.id)))
            for bank in banks:
                if bank not in held:
                    session.add(PartnerBank(partner_id=row.id, bank=bank, granted_at=now))
        return self._known.refresh()[name]

    def withdraw(self, name: str, bank: str = "") -> None:
        """Stop sharing a bank with a partner, or everything. Raises Refused (404)."""
        with self._store.session() as session:
            row = session.scalars(select(Partner).where(Partner.name == name)).one_or_none()
            if row is None:
                raise Refused(404, f"There is no partner named {name[:64]}.")
            held = delete(PartnerBank).where(PartnerBank.partner_id == row.id)
            session.execute(held.where(PartnerBank.bank == bank) if bank else held)
            if not bank:
                session.delete(row)
        self._known.refresh()

    def sync(self, reader: Reader) -> list[tuple[str, int]]:
        """Bring the ledger up to date for what a partner reads; return the banks that can be told. Raises Refused."""
        told = []
        for bank, granted in reader.banks:
            folder = self._folder_of(bank)
            if folder is None:
                continue
            try:
                self._ledger.sync(bank, folder)
            except ListError as error:
                raise Refused(503, f"The bank {bank} cannot be told at the moment. {error}") from error
            told.append((bank, granted))
        return told

    def _check(self, bank: str) -> None:
        folder = self._folder_of(bank)
        if folder is None or not (folder / MANIFEST).is_file():
            return
        try:
            self._ledger.sync(bank, folder, at_once=True)
        except ListError as error:
            raise Refused(403, str(error)) from error

    def _check_inbox(self, inbox: str) -> None:
        with self._store.reading() as session:
            row = session.scalars(select(Bank).where(Bank.name == inbox)).one_or_none()
        if row is None:
            raise Refused(404, f"There is no bank named {inbox[:80]} that the gateway keeps.")
        if row.exchange:
            raise Refused(403, f"The bank {inbox} is fed by an exchange; choose another for what partners submit.")


def _load(session: Session) -> list[Reader]:
    banks: dict[int, list[tuple[str, int]]] = {}
    for one in session.scalars(select(PartnerBank).order_by(PartnerBank.bank)):
        banks.setdefault(one.partner_id, []).append((one.bank, one.granted_at))
    return [
        Reader(FIRST_MEMBER + row.id, row.name, row.title or row.name, tuple(banks.get(row.id, ())), row.inbox)
        for row in session.scalars(select(Partner))
    ]
