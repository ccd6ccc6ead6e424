"""The banks as one process sees them: which there are, how each is asked, and their lists, mapped and followed.

A thread follows the lists' folders, so that no call waits for a change; the settings of banks are followed in the
store. Every process has a catalogue of its own, over the same mapped files.
"""

import contextlib
import logging
import random
import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tocsin.gateway.banks_tables import Bank, Content, DisabledEntry, SignalTypeRow
from tocsin.gateway.cluster.mirror import is_withdrawn
from tocsin.gateway.refusals import Refused
from tocsin.gateway.settings import Settings
from tocsin.gateway.signals import TYPES, SignalType
from tocsin.gateway.store import Following, Store
from tocsin.matching.lists import HashList, ListError
from tocsin.matching.lists.folder import MANIFEST, STATE, read_terms
from tocsin.matching.road import Lists, folders_of

FOLLOW_S: Final = 0.15
"""Seconds between two looks at the lists' folders."""

ENABLED: Final = 1
DISABLED: Final = 0

_log = logging.getLogger(__name__)
_UNPLAIN = re.compile(r"[^A-Z0-9_]")


@dataclass(frozen=True, slots=True)
class BankTerms:
    """How a bank is asked. ``own`` tells that the gateway keeps it; the others are lists attached at the start."""

    name: str
    folder: Path
    enabled_ratio: float = 1.0
    negative: bool = False
    labels: tuple[str, ...] = ()
    rings: bool = True
    own: bool = True
    id: int = 0
    exchange: str = ""
    radius: int = 31


@dataclass(frozen=True, slots=True)
class OpenBank:
    """A bank whose list is open; ``lists`` holds that one list."""

    terms: BankTerms
    lists: Lists
    list: HashList


@dataclass(frozen=True, slots=True)
class _Stored:
    banks: tuple[BankTerms, ...]
    disabled: Mapping[str, Mapping[int, int]]
    ratios: Mapping[str, float]


class Catalogue:
    """All banks, for asking. Thread-safe."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """Open the attached lists and the gateway's own. Raises ListError for an attached one that cannot be opened."""
        self._settings = settings
        self._key = settings.list_key or None
        self._opening = threading.Lock()
        self._open: dict[Path, OpenBank] = {}
        self._attached = self._attach(settings.lists)
        self._stored = Following(store, self._load)
        self._banks: tuple[_Stored | None, tuple[OpenBank, ...]] = (None, ())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="gateway-lists", daemon=True)
        self.followed = time.monotonic()
        self.look()
        self._thread.start()

    def close(self) -> None:
        """Stop following, and let go of the lists."""
        self._stop.set()
        self._thread.join(5)
        self._open, self._banks = {}, (None, ())

    @property
    def terms(self) -> tuple[BankTerms, ...]:
        """Every bank's terms, those without content too, in order of name."""
        return self._stored.value.banks

    def named(self, name: str) -> BankTerms:
        """Return a bank's terms. Raises Refused (404)."""
        for terms in self.terms:
            if terms.name == name:
                return terms
        raise Refused(404, f"There is no bank named {name[:80]}.")

    def bank(self, name: str) -> OpenBank | None:
        """Return an open bank, or None where it holds nothing yet. Raises Refused (404)."""
        terms = self.named(name)
        return next((one for one in self.opened if one.terms == terms), None)

    @property
    def opened(self) -> tuple[OpenBank, ...]:
        """The banks that hold something."""
        stored = self._stored.value
        if self._banks[0] is not stored:
            self.look()
        return self._banks[1]

    def chosen(
        self, names: Iterable[str] | None, *, seed: str | None = None, bypass: bool = False, raw: bool = False
    ) -> list[OpenBank]:
        """Return the banks to ask: those named (all when None), and every negative bank, since a match there silences.

        A bank is asked when its enabled ratio is at least the draw; the same ``seed`` draws the same. ``bypass`` asks
        whatever was drawn, but never a disabled bank; ``raw`` asks disabled ones too, and no negative one besides.
        Raises Refused for an unknown name.
        """
        if names is None:
            wanted: set[str] | None = None
        else:
            wanted = set(names)
            for name in wanted:
                self.named(name)
        found = []
        for bank in self.opened:
            terms = bank.terms
            named = wanted is None or terms.name in wanted
            if not named and (raw or not terms.negative):
                continue
            if raw or drawn(terms.enabled_ratio, terms.name, seed, bypass=bypass):
                found.append(bank)
        return found

    def disabled(self, bank: str, entry: int, now: float) -> bool:
        """Tell whether an entry of a bank is disabled at this moment."""
        held = self._stored.value.disabled.get(bank)
        if held is None:
            return False
        until = held.get(entry, ENABLED)
        return until == DISABLED or until > now

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of hash that the banks hold."""
        return frozenset(kind for bank in self.opened for kind in bank.list.view.kinds())

    def types(self) -> dict[str, float]:
        """Return the signal types offered, each with its enabled ratio."""
        kinds, ratios = self.kinds, self._stored.value.ratios
        return {
            one.name: ratios.get(one.name, 1.0)
            for one in TYPES.values()
            if one.always or one.kind in kinds or one.name in ratios
        }

    def type_named(self, name: str) -> SignalType:
        """Return a signal type that may be asked for. Raises Refused (400) for an unknown or disabled one."""
        kind = TYPES.get(name)
        if kind is None:
            raise Refused(400, f"There is no signal type {name[:40]!r}; there are: {', '.join(self.types())}.")
        if self._stored.value.ratios.get(name, 1.0) <= 0:
            raise Refused(400, f"The signal type {name} is disabled.")
        return kind

    def index_of(self, kind: SignalType) -> dict[str, Any]:
        """Return whether there is an index of a type's hashes, when its lists last changed, and how many it holds."""
        size, built = 0, -1
        for bank in self.opened:
            held = sum(part.record.counts.get(kind.kind, 0) for part in bank.list.view.parts)
            if held:
                size += held
                with contextlib.suppress(OSError):
                    built = max(built, int((bank.terms.folder / STATE).stat().st_mtime))
        return {"present": size > 0, "built_to": built if size else -1, "size": size}

    def refresh(self) -> None:
        """Take up at once what this process has changed."""
        self._stored.refresh()
        self.look(fresh=True)

    def list_in(self, folder: Path) -> HashList | None:
        """Return the list in a folder where it is open here."""
        held = self._open.get(folder)
        return held.list if held is not None else None

    def written(self, folder: Path) -> None:
        """Take up at once what was written into the list in a folder, and nothing else."""
        held = self.list_in(folder)
        if held is None:
            self.refresh()
        else:
            held.refresh()

    def look(self, *, fresh: bool = False) -> None:
        """Open the lists that are new, let go of those that are gone; with ``fresh`` look into each for changes."""
        with self._opening:
            stored = self._stored.value
            found = []
            for terms in stored.banks:
                bank = self._bank(terms)
                if bank is None:
                    continue
                if fresh:
                    bank.list.refresh()
                found.append(bank)
            self._open = {bank.terms.folder: bank for bank in found}
            self._banks = (stored, tuple(found))

    def problems(self) -> list[str]:
        """Return sentences about banks whose lists cannot be read."""
        return [bank.list.problem for bank in self.opened if bank.list.problem]

    def _bank(self, terms: BankTerms) -> OpenBank | None:
        held = self._open.get(terms.folder)
        if held is not None and not terms.own and is_withdrawn(terms.folder):
            return None
        if held is not None:
            return held if held.terms == terms else OpenBank(terms, held.lists, held.list)
        if not (terms.folder / MANIFEST).is_file():
            return None
        try:
            opened = HashList.open(terms.folder, self._key if not terms.own else None)
        except ListError as error:
            _log.error("The bank %s is not asked: %s", terms.name, error)
            return None
        return OpenBank(terms, Lists.of([opened]), opened)

    def _follow(self) -> None:
        while not self._stop.wait(FOLLOW_S):
            try:
                for bank in self._banks[1]:
                    bank.list.refresh()
                self.look()
                self.followed = time.monotonic()
            except Exception:
                _log.exception("The banks could not be followed")

    def _attach(self, given: Sequence[Path]) -> tuple[BankTerms, ...]:
        attached: dict[str, BankTerms] = {}
        for folder in given:
            found = folders_of(folder)
            if not found:
                raise ListError(f"{folder} is not a hash list, and holds none.")
            for one in found:
                terms = read_terms(one)
                HashList.open(one, self._key)
                name = _free(bank_name(terms.name), attached)
                attached[name] = BankTerms(name, one, negative=terms.negative, own=False, radius=terms.radius)
        return tuple(attached.values())

    def _load(self, session: Session) -> _Stored:
        banks = {terms.name: terms for terms in self._attached}
        for row in session.scalars(select(Bank)):
            banks[row.name] = BankTerms(
                name=row.name,
                folder=self._settings.banks / row.folder,
                enabled_ratio=row.enabled_ratio,
                negative=row.negative,
                labels=tuple(row.labels),
                rings=row.rings,
                id=row.id,
                exchange=row.exchange,
                radius=row.radius,
            )
        disabled: dict[str, dict[int, int]] = {}
        marked = select(Bank.name, Content.id, Content.disable_until_ts).join(Bank, Bank.id == Content.bank_id)
        either = or_(Content.disable_until_ts < ENABLED, Content.disable_until_ts > ENABLED)  # != would read them all
        for name, entry, until in session.execute(marked.where(either)):
            disabled.setdefault(name, {})[entry] = until
        for one in session.scalars(select(DisabledEntry)):
            disabled.setdefault(one.bank, {})[one.entry_id] = one.disable_until_ts
        ratios = {one.name: one.enabled_ratio for one in session.scalars(select(SignalTypeRow))}
        return _Stored(tuple(banks[name] for name in sorted(banks)), disabled, ratios)


def drawn(ratio: float, name: str, seed: str | None, *, bypass: bool = False) -> bool:
    """Draw whether something enabled to a ratio counts this time; with a seed always the same. Never at 0."""
    if ratio <= 0:
        return False
    if ratio >= 1 or bypass:
        return True
    draw = random.random() if seed is None else random.Random(f"{seed}\0{name}").random()  # noqa: S311 - no secret
    return ratio >= draw


def bank_name(text: str) -> str:
    """Return a name of a list as a bank's name may be: capitals, digits and underscores."""
    plain = _UNPLAIN.sub("_", text.upper())[:200]
    return plain if plain and not plain[0].isdigit() else f"_{plain}"


def _free(name: str, taken: Mapping[str, object]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free
