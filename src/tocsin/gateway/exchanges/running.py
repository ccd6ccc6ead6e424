"""One run of one exchange: pages into its bank, the checkpoint only after a whole range, resumable after any cut.

The order makes it so: rows are durable in the bank, then the keys of a full reading, then where to go on. A cut
between two of them repeats a page, which changes nothing.
"""

import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tocsin.exchange.pages import ExchangeError, Page, Source, Unusable
from tocsin.gateway.exchanges.seen import Seen
from tocsin.gateway.exchanges.tables import Exchange
from tocsin.gateway.store import Store
from tocsin.matching.lists import Entry, HashList, ListError, Rejected, Status, add
from tocsin.matching.lists.entry import key_of
from tocsin.matching.lists.part import Part
from tocsin.matching.lists.view import View
from tocsin.model import Clock

BATCH = 20_000
"""Rows that are kept together before they are written: a list gains one part for each."""

MOST_GONE = 0.5
"""Share of a bank that one full reading may withdraw by itself; more waits for a person."""

FEW = 100
"""A bank of so few entries may lose any share, but not all of it: a file that was emptied, or whose columns were named
anew, is a fault of any size."""

MOST_LEFT_OUT = 1000
BY_HAND = re.compile(r"content-[1-9][0-9]*", re.ASCII)
"""How entries are called that a person put into a bank (see tocsin.gateway.ids)."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Progress:
    """What a run has done so far."""

    pages: int = 0
    rows: int = 0
    active: int = 0
    withdrawn: int = 0
    left_out: int = 0
    swept: int = 0
    other: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "pages": self.pages, "rows": self.rows, "active": self.active, "withdrawn": self.withdrawn,
            "left_out": self.left_out, "swept": self.swept, "other": self.other,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. ``complete``: the whole range is kept. ``message`` says what went wrong otherwise."""

    complete: bool
    progress: Progress
    message: str = ""


class Run:
    """One run. ``stop`` is asked between pages; ``told`` hears of progress."""

    def __init__(
        self,
        store: Store,
        name: str,
        folder: Path,
        source: Source,
        scratch: Path,
        clock: Clock,
        stop: Callable[[], bool] = lambda: False,
        told: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self._store, self._name, self._folder, self._source = store, name, folder, source
        self._scratch, self._clock, self._stop, self._told = scratch, clock, stop, told
        self._progress = Progress()
        self._left_out: list[Rejected] = []
        self._seen: Seen | None = None
        self._sweeps = False

    def run(self) -> Outcome:
        """Read until the range is complete, the exchange fails, or it is time to stop. Never raises ExchangeError."""
        with self._store.session() as session:
            row = session.get(Exchange, self._name)
            if row is None:
                raise Unusable(f"There is no exchange named {self._name}.")
            row.running_since, row.message = self._clock.now(), ""
            checkpoint, resume = row.checkpoint, row.resume
        complete, message = False, ""
        try:
            complete, message = self._read(checkpoint, resume)
        except (ExchangeError, ListError) as error:
            message = str(error)
        except OSError as error:
            message = f"The bank cannot be written: {error.strerror or error}."
        finally:
            if self._seen is not None:
                self._seen.close(remove=complete)
            self._keep_left_out()
            self._end(complete, message)
        return Outcome(complete, self._progress, message)

    def _read(self, checkpoint: dict[str, Any] | None, resume: dict[str, Any] | None) -> tuple[bool, str]:
        held: list[Page] = []
        pages = self._source.pages(checkpoint, resume)
        filled = HashList.open(self._folder).view.entries > 0
        # What was there before must be swept at the end of a full reading; an empty bank has nothing to sweep. A
        # reading that goes on knows by the file it left what it has met.
        self._sweeps = self._seen_path.exists() if resume is not None else filled
        if resume is None and self._sweeps:
            self._seen_keys().clear()
        try:
            for page in pages:
                self._count(page)
                if page.restart:
                    held.clear()
                    self._sweeps = filled
                    if filled:
                        self._seen_keys().clear()
                held.append(page)
                if page.checkpoint is not None:
                    self._write(held)
                    if page.full and self._sweeps:
                        self._sweep()
                    self._reached(dict(page.checkpoint))
                    return True, ""
                if sum(len(one.rows) for one in held) >= BATCH:
                    self._write(held)
                    held = []
                if self._stop():
                    self._write(held)
                    return False, "Stopped; the next run goes on from here."
        except ExchangeError:
            self._write(held)
            raise
        return False, "The exchange ended without saying that its range is complete; the next run reads it again."

    def _count(self, page: Page) -> None:
        progress = self._progress
        progress.pages += 1
        progress.rows += len(page.rows)
        for what, number in page.other.items():
            progress.other[what] = progress.other.get(what, 0) + number
        for row in page.rows:
            if isinstance(row, Rejected):
                progress.left_out += 1
                if len(self._left_out) < MOST_LEFT_OUT:
                    self._left_out.append(row)
        self._told(progress)

    def _write(self, pages: Sequence[Page]) -> None:
        """Keep what whole pages hold, then remember where to go on."""
        rows = [row for page in pages for row in page.rows if isinstance(row, Entry)]
        if rows:
            add(self._folder, [(self._name, rows)], ordered=True)
            withdrawn = sum(row.status != Status.ACTIVE for row in rows)
            self._progress.withdrawn += withdrawn
            self._progress.active += len(rows) - withdrawn
            if self._sweeps and any(page.full for page in pages):
                self._seen_keys().add(key_of(row) for row in rows if row.status == Status.ACTIVE)
        resume = next((page.resume for page in reversed(pages) if page.resume is not None), None)
        if resume is not None:
            with self._store.session() as session:
                if (row := session.get(Exchange, self._name)) is not None:
                    row.resume = dict(resume)
        self._told(self._progress)

    def _sweep(self) -> None:
        """After a full reading: withdraw what the exchange no longer has. Raises Unusable when that is too much."""
        view = HashList.open(self._folder).view
        if not view.entries:
            return
        fed, gone = 0, []
        for part, row, key in _live(view):
            if not BY_HAND.fullmatch(part.text(row)[0]):
                fed += 1
                if self._seen_keys().lacks(key):
                    gone.append((key, int(part.columns["updated"][row])))
        if not gone:
            return
        many = len(gone) == fed or (len(gone) > MOST_GONE * view.entries and view.entries > FEW)
        if many and not self._may_shrink():
            raise Unusable(
                f"The exchange no longer has {len(gone):,} of the {view.entries:,} entries of this bank. That may be a "
                "fault of theirs, so they stay until a person says otherwise: tocsin gateway exchange run "
                f"{self._name} --allow-shrink."
            )
        for some in _batched(gone, BATCH):
            rows = [Entry(0, key=key, status=Status.DELETED, updated=updated) for key, updated in some]
            add(self._folder, [("no longer there", rows)], ordered=True)
            self._progress.swept += len(rows)
            self._told(self._progress)

    def _may_shrink(self) -> bool:
        with self._store.reading() as session:
            row = session.get(Exchange, self._name)
            return row is not None and row.allow_shrink

    def _seen_keys(self) -> Seen:
        if self._seen is None:
            self._seen = Seen(self._seen_path)
        return self._seen

    @property
    def _seen_path(self) -> Path:
        return self._scratch / f"{self._name}.seen"

    def _reached(self, checkpoint: dict[str, Any]) -> None:
        with self._store.session() as session:
            if (row := session.get(Exchange, self._name)) is not None:
                row.checkpoint, row.resume, row.checkpoint_at = checkpoint, None, self._clock.now()
                row.allow_shrink = False

    def _end(self, complete: bool, message: str) -> None:
        with self._store.session() as session:
            if (row := session.get(Exchange, self._name)) is None:
                return
            row.running_since, row.succeeded, row.message = None, complete, message[:500]
            row.up_to_date = complete
            row.counts = self._progress.as_dict()
            row.failures = 0 if complete else row.failures + 1
            if complete:
                row.completed_at = self._clock.now()

    def _keep_left_out(self) -> None:
        """Keep the records that were left out, with why, for whoever looks after the exchange."""
        if not self._left_out:
            return
        path = self._scratch / f"{self._name}.left-out.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            for row in self._left_out:
                file.write(json.dumps({"record": row.number, "reason": row.reason, "raw": row.raw}) + "\n")
        _log.warning("%s: %d records were left out; see %s", self._name, self._progress.left_out, path.name)


def _live(view: View) -> Iterator[tuple[Part, int, bytes]]:
    """Yield where every live entry lies, and its key."""
    for part, live in zip(view.parts, view.live, strict=True):
        for row in np.flatnonzero(live).tolist():
            yield part, row, part.key(row)


def _batched(held: list[tuple[bytes, int]], size: int) -> Iterator[list[tuple[bytes, int]]]:
    for start in range(0, len(held), size):
        yield held[start : start + size]
