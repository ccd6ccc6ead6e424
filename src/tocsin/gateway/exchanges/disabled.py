"""What people disabled in the gateway's banks, by the keys of their lists: it is not told to others meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.gateway.banks_tables import Bank, Content, DisabledEntry
from tocsin.gateway.ids import FIRST_OF_LISTS, MOST, keys_of
from tocsin.gateway.store import Store
from tocsin.model import Clock

_ENABLED = 1


@dataclass(frozen=True)
class Disabled:
    """The entries of one bank that are disabled at one moment, by their numbers (see tocsin.gateway.ids)."""

    numbers: frozenset[int]

    def holds(self, key: bytes) -> bool:
        """Tell whether the entry with this key is disabled."""
        if not self.numbers:
            return False
        return key in self._own or (FIRST_OF_LISTS | int.from_bytes(key[:8], "big") >> 12) in self.numbers

    def ranges(self) -> list[tuple[bytes, bytes]]:
        """Return the first and the last key of each."""
        return [keys_of(number) for number in sorted(self.numbers) if 0 < number <= MOST]

    @cached_property
    def _own(self) -> frozenset[bytes]:
        return frozenset(keys_of(number)[0] for number in self.numbers if 0 < number < FIRST_OF_LISTS)


NONE: Final = Disabled(frozenset())


class DisabledHere:
    """Follows the store for what is disabled; a time that has passed counts at once."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._known: tuple[int, Mapping[str, Mapping[int, int]]] = (-1, {})

    def of(self, bank: str) -> Disabled:
        """Return what is disabled of a bank now."""
        version = self._store.version()
        if version != self._known[0]:
            with self._store.reading() as session:
                self._known = (version, _load(session))
        held = self._known[1].get(bank)
        if not held:
            return NONE
        now = self._clock.now().timestamp()
        return Disabled(frozenset(number for number, until in held.items() if not until or until > now))


def _load(session: Session) -> Mapping[str, Mapping[int, int]]:
    found: dict[str, dict[int, int]] = {}
    marked = select(Bank.name, Content.id, Content.disable_until_ts).join(Bank, Bank.id == Content.bank_id)
    for bank, number, until in session.execute(marked.where(Content.disable_until_ts != _ENABLED)):
        found.setdefault(bank, {})[number] = until
    for one in session.scalars(select(DisabledEntry).where(DisabledEntry.disable_until_ts != _ENABLED)):
        found.setdefault(one.bank, {})[one.entry_id] = one.disable_until_ts
    return found
