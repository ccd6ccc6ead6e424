"""The gateway's own banks: making, changing and removing them, and what is put into them by hand.

One thread writes. What waits is taken together, bank by bank, so that a hundred changes a second cost a few writes to
the disk each; a caller is answered once its change is durable and this process sees it. The store's row comes first and
says ``adding`` or ``removing`` until after the list holds the change, and is marked by the next one: what a crash cuts
short is finished, or done once more, at the next start.
"""

import logging
import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tocsin.gateway.bank_jobs import Job, Jobs, NewContent, grouped
from tocsin.gateway.banks_tables import Bank, Content, DisabledEntry
from tocsin.gateway.catalogue import BankTerms, Catalogue
from tocsin.gateway.exchanges.tables import Exchange
from tocsin.gateway.ids import entry_name
from tocsin.gateway.refusals import Refused
from tocsin.gateway.settings import Settings
from tocsin.gateway.signals import TYPES, SignalError, read_signal
from tocsin.gateway.store import Store
from tocsin.matching.lists import Entry, ListError, Report, Status, Terms, add, build
from tocsin.matching.lists import folder as folders
from tocsin.matching.lists.changing import Rows
from tocsin.matching.lists.collecting import OF_NOTHING
from tocsin.matching.lists.entry import FrameHash

NAME: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,199}")
SETTLE_S: Final = 0.5
"""Seconds after the last change until the store says that the list holds it; before, the next change says so."""

FORGET_S: Final = 30 * 86_400
"""Seconds for which a bank's list remembers what was taken out by hand. Its number is never given again, so nothing can
bring it back: that is only for those who follow the list from afar and have not looked for a while."""

_BY_HAND: Final = "taken out by hand"

_AS_IS: Final = {"synchronize_session": False}

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Banks:
    """Changes banks. Thread-safe; lives in the core process."""

    def __init__(self, settings: Settings, store: Store, catalogue: Catalogue) -> None:
        self._settings, self._store, self._catalogue = settings, store, catalogue
        self._jobs = Jobs()
        self._added: list[int] = []
        self._removed: list[int] = []
        self._recover()
        self._thread = threading.Thread(target=self._run, name="gateway-banks", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finish what waits, then stop."""
        if self._jobs.close():
            self._thread.join(60)

    # Banks

    def create(self, name: str, *, enabled_ratio: float = 1.0, exchange: str = "", **terms: Any) -> Bank:
        """Make a bank. ``terms``: negative, radius, severity, rings, labels, scheme, source. Raises Refused."""
        _checked(name)
        if any(one.name == name for one in self._catalogue.terms):
            raise Refused(403, f"There is a bank named {name} already.")
        try:
            with self._store.session() as session:
                values = {"labels": [], "exchange": exchange} | {k: v for k, v in terms.items() if v is not None}
                row = Bank(name=name, folder=name, enabled_ratio=enabled_ratio, **values)
                row.created_at = self._settings.clock.now()
                session.add(row)
                session.flush()
                row.folder = f"{name}-{row.id}"
        except IntegrityError as error:
            raise Refused(403, f"There is a bank named {name} already.") from error
        self._catalogue.refresh()
        return row

    def change(self, name: str, **values: Any) -> Bank:
        """Change a bank; what is None stays. ``name`` may be given anew as ``new_name``. Raises Refused."""
        new_name = values.pop("new_name", None)
        if new_name is not None and new_name != name:
            _checked(new_name)
            if any(one.name == new_name for one in self._catalogue.terms):
                raise Refused(403, f"There is a bank named {new_name} already.")
            values["name"] = new_name
        bank = self.own(name).id
        return self._do(bank, lambda: self._change(bank, {k: v for k, v in values.items() if v is not None}))

    def remove(self, name: str) -> None:
        """Remove a bank with everything in it. Raises Refused."""
        bank = self.own(name).id
        self._do(bank, lambda: self._remove(bank))

    def own(self, name: str) -> BankTerms:
        """Return a bank that may be changed here. Raises Refused: 404 unknown, 403 attached at the start."""
        terms = self._catalogue.named(name)
        if not terms.own:
            raise Refused(
                403, f"The bank {name} is a list that was attached with --list; it is changed where it is kept."
            )
        return terms

    def folder(self, name: str) -> Path:
        """Return where a bank's list lies; it is there once the bank holds something. Raises Refused."""
        return self.own(name).folder

    def take_in(self, name: str, sources: Sequence[tuple[str, Rows]]) -> Report:
        """Take rows from elsewhere (an exchange, a file) into a bank, whole or not at all. Raises ListError."""
        bank = self.own(name).id
        return self._do(bank, lambda: self._taken_in(bank, sources))

    # What is in them

    def add(self, name: str, content: NewContent) -> "Future[int]":
        """Put something into a bank; the future has its number once it is matched.

        Raises Refused, as well for what its list would leave out: nothing is answered that is not matched.
        """
        bank = self.own(name)
        entry = _entry(0, content.signals, Status.ACTIVE)
        for kind, digest in entry.hashes:
            if digest in OF_NOTHING:
                raise Refused(400, f"The {kind} is the digest of an empty file, which every empty file would match.")
        return self._jobs.put(Job(bank.id, Future(), content=content, entry=entry))

    def take_out(self, name: str, number: int) -> "Future[int]":
        """Take a content out of a bank; the future has how many went, 0 or 1. Raises Refused."""
        return self._jobs.put(Job(self.own(name).id, Future(), remove=number))

    def mark(self, name: str, number: int, disable_until_ts: int | None, note: str | None, *, listed: bool) -> None:
        """Disable or enable an entry, or note something. ``listed``: it came from elsewhere. Raises Refused."""
        with self._store.session() as session:
            if listed:
                row: Any = session.get(DisabledEntry, (name, number))
                if row is None:
                    row = DisabledEntry(bank=name, entry_id=number, disable_until_ts=1, note="")
                    session.add(row)
            else:
                row = session.get(Content, number)
                if row is None:
                    raise Refused(404, f"The bank {name} has no content {number}.")
            row.disable_until_ts = row.disable_until_ts if disable_until_ts is None else disable_until_ts
            row.note = row.note if note is None else note
        self._catalogue.refresh()

    # The one thread

    def _do(self, bank: int, work: Callable[[], _T]) -> _T:
        result: _T = self._jobs.put(Job(bank, Future(), work=work)).result()
        return result

    def _run(self) -> None:
        while (jobs := self._jobs.next(SETTLE_S if self._added or self._removed else None)) is not None:
            began = time.thread_time()
            if not jobs:
                self._settle()
            for bank, group in grouped(jobs):
                try:
                    if group[0].work is not None:
                        result = group[0].work()
                        self._catalogue.refresh()
                        group[0].done.set_result(result)
                    else:
                        self._write(bank, group)
                except Exception as error:
                    if not isinstance(error, Refused | ListError):
                        _log.exception("A change of a bank failed")
                    for job in group:
                        if not job.done.done():
                            job.done.set_exception(error)
            self._jobs.rest(time.thread_time() - began)
        self._settle()

    def _write(self, bank_id: int, group: Sequence[Job]) -> None:
        now = self._settings.clock.now()
        rows: dict[int, Content] = {}
        wanted = {job.remove for job in group if job.content is None}
        with self._store.session() as session:
            bank = session.get(Bank, bank_id)
            if bank is None:
                raise Refused(404, "The bank was removed meanwhile.")
            added, removed = self._settled(session)
            for at, job in enumerate(group):
                if job.content is not None:
                    rows[at] = _row(bank_id, job.content, now)
            session.add_all(rows.values())
            there = select(Content.id).where(
                Content.id.in_(wanted), Content.bank_id == bank_id, Content.state != "removing"
            )
            gone = set(session.scalars(there)) if wanted else set()
            if gone:
                session.execute(
                    update(Content).where(Content.id.in_(gone)).values(state="removing"), execution_options=_AS_IS
                )
            session.flush()
            numbers = {at: row.id for at, row in rows.items()}
        self._added, self._removed = self._added[added:], self._removed[removed:]
        entries, first = [], set(gone)
        outcomes: list[int] = []
        for at, job in enumerate(group):
            if job.entry is not None:
                job.entry.number, job.entry.id = numbers[at], entry_name(numbers[at])
                entries.append(job.entry)
                outcomes.append(numbers[at])
                continue
            outcomes.append(int(job.remove in first))  # asked for twice, it goes once
            if job.remove in first:
                first.discard(job.remove)
                entries.append(_entry(job.remove, {}, Status.WITHDRAWN))
        if entries:
            self._listed(bank, [("changes", entries)])
            self._catalogue.written(self._settings.banks / bank.folder)
        self._added += numbers.values()
        self._removed += gone
        for job, outcome in zip(group, outcomes, strict=True):
            job.done.set_result(outcome)

    def _settled(self, session: Session) -> tuple[int, int]:
        """Mark what the lists hold by now, with whatever is written next; return how many were added, and removed."""
        if self._added:
            live = update(Content).where(Content.id.in_(self._added), Content.state == "adding").values(state="live")
            session.execute(live, execution_options=_AS_IS)
        if self._removed:
            session.execute(delete(Content).where(Content.id.in_(self._removed)), execution_options=_AS_IS)
        return len(self._added), len(self._removed)

    def _settle(self) -> None:
        """Mark what the lists hold, where nothing more is written. What is not marked, the next start does again."""
        try:
            with self._store.session() as session:
                added, removed = self._settled(session)
            self._added, self._removed = self._added[added:], self._removed[removed:]
        except Exception:
            _log.exception("The store could not be written; it is tried again")

    def _taken_in(self, bank_id: int, sources: Sequence[tuple[str, Rows]]) -> Report:
        with self._store.reading() as session:
            bank = session.get(Bank, bank_id)
        if bank is None:
            raise Refused(404, "The bank was removed meanwhile.")
        return self._listed(bank, sources)

    def _listed(self, bank: Bank, sources: Sequence[tuple[str, Rows]]) -> Report:
        path = self._settings.banks / bank.folder
        if (path / folders.MANIFEST).is_file():
            return add(path, sources, opened=self._catalogue.list_in(path), forgets=_forgets(time.time() - FORGET_S))
        return build(path, _terms(bank), sources)

    def _change(self, bank_id: int, values: Mapping[str, Any]) -> Bank:
        with self._store.session() as session:
            row = session.get(Bank, bank_id)
            if row is None:
                raise Refused(404, "The bank was removed meanwhile.")
            before = row.name
            for name, value in values.items():
                setattr(row, name, value)
            if "name" in values:
                moved = update(DisabledEntry).where(DisabledEntry.bank == before).values(bank=values["name"])
                session.execute(moved)
        path = self._settings.banks / row.folder
        if (path / folders.MANIFEST).is_file() and values.keys() & _OF_LIST:
            with folders.changing(path):
                held = folders.read_terms(path)
                new = _terms(row)
                changed = {name: getattr(new, name) for name in ("name", "negative", "radius", "severity")}
                folders.write_terms(path, replace(held, **changed))
        return row

    def _remove(self, bank_id: int) -> None:
        with self._store.session() as session:
            row = session.get(Bank, bank_id)
            if row is None:
                return
            if row.exchange and session.get(Exchange, row.exchange) is not None:
                raise Refused(409, f"The exchange {row.exchange} feeds this bank; remove it first.")
            folder = row.folder
            session.execute(delete(DisabledEntry).where(DisabledEntry.bank == row.name))
            session.delete(row)
        shutil.rmtree(self._settings.banks / folder, ignore_errors=True)

    def _recover(self) -> None:
        """Finish what the last run was cut short in: half-made contents, folders of banks that are gone."""
        with self._store.session() as session:
            banks = {row.id: row for row in session.scalars(select(Bank))}
            unfinished = list(session.scalars(select(Content).where(Content.state != "live")))
        kept = {row.folder for row in banks.values()}
        for path in self._settings.banks.iterdir() if self._settings.banks.is_dir() else ():
            if path.is_dir() and path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)
        for bank_id in {row.bank_id for row in unfinished}:
            of_bank = [row for row in unfinished if row.bank_id == bank_id]
            entries = [
                _entry(row.id, row.signals, Status.ACTIVE)
                if row.state == "adding"
                else _entry(row.id, {}, Status.WITHDRAWN)
                for row in of_bank
            ]
            try:
                self._listed(banks[bank_id], [("unfinished", entries)])
            except ListError as error:
                _log.error("What was unfinished in bank %s stays so: %s", banks[bank_id].name, error)
                continue
            with self._store.session() as session:
                adding = [row.id for row in of_bank if row.state == "adding"]
                session.execute(update(Content).where(Content.id.in_(adding)).values(state="live"))
                session.execute(delete(Content).where(Content.id.in_({row.id for row in of_bank} - set(adding))))
        if unfinished:
            self._catalogue.refresh()


_OF_LIST: Final = frozenset({"name", "negative", "radius", "severity"})


def _checked(name: str) -> None:
    if not NAME.fullmatch(name):
        raise Refused(400, "A bank's name has capital letters, digits and underscores, and no digit first.")


def _forgets(before: float) -> Callable[[Entry], bool]:
    """Return what tells the tombstones of contents that were taken out by hand before a moment (Unix time)."""
    return lambda entry: 0 < entry.updated < before and entry.source == _BY_HAND


def _terms(bank: Bank) -> Terms:
    return Terms(
        name=bank.name,
        source=bank.source,
        scheme=bank.scheme,
        origin="shared" if bank.exchange else "own",
        negative=bank.negative,
        severity=bank.severity,
        radius=bank.radius,
    )


def _row(bank: int, content: NewContent, now: Any) -> Content:
    return Content(
        bank_id=bank,
        state="adding",
        signals=dict(content.signals),
        disable_until_ts=1,
        note=content.note,
        media_uri=content.media_uri,
        content_id=content.content_id,
        content_uri=content.content_uri,
        metadata_json=dict(content.metadata),
        created_at=now,
    )


def _entry(number: int, signals: Mapping[str, str], status: Status) -> Entry:
    """Return a content as its list has it. Raises Refused (400) for a signal that cannot be read, or for none."""
    gone = status != Status.ACTIVE
    entry = Entry(number, id=entry_name(number), status=status, updated=int(time.time()) + gone)
    entry.source = _BY_HAND if gone else ""
    for name, text in signals.items():
        kind = TYPES.get(name)
        if kind is None:
            raise Refused(400, f"There is no signal type {name[:40]!r}; there are: {', '.join(TYPES)}.")
        try:
            prints = read_signal(kind, text)
        except SignalError as error:
            raise Refused(400, str(error)) from error
        if kind.kind == "frames":
            entry.frames = [FrameHash(one.at, bytes.fromhex(one.hex), one.quality) for one in prints.frames]
        elif kind.kind == "pdq":
            entry.hashes.append(("pdq", bytes.fromhex(prints.prints[0].hex)))
        else:
            entry.hashes.append((kind.kind, bytes.fromhex(getattr(prints, kind.kind))))
    if status == Status.ACTIVE and not entry.hashes and not entry.frames:
        raise Refused(400, "There is no signal to put into the bank.")
    return entry
