"""What is shared, in the order it changed: each change of a shared bank has a number and a second of its own.

A list knows when its source last changed an entry, not when the entry came or went here: a partner who asks what is
new since a moment would miss what arrived late. The ledger compares the list with what it knew before and numbers the
differences. Within one range nothing moves: an entry that changes gets a number past the end of the range, and comes
with the next question.

A second that a partner was given as a checkpoint gets no further changes: the next ones are dated later, so that
"since" leaves nothing out and repeats nothing.

What a person disabled here is *hidden*: to partners it went, or never came, until it is enabled again.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tocsin.gateway.exchanges.comparing import SIGNALS, Comparison
from tocsin.gateway.exchanges.disabled import NONE, Disabled
from tocsin.gateway.exchanges.numbering import Numbering
from tocsin.matching.lists import HashList, ListError
from tocsin.matching.lists.view import View

SYNC_S: Final = 1.0
"""Seconds between two comparisons of a list with the ledger; with it the ledger's clock cannot run ahead."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A bank that a partner reads, and after which second: below zero, all that is active."""

    bank: str
    after: int = -1


@dataclass(frozen=True, slots=True)
class Signal:
    """One hash as it is told."""

    bank: str
    kind: str
    value: str
    active: bool
    seq: int
    at: int


@dataclass(frozen=True, slots=True)
class SharedEntry:
    """One entry as it is told. ``content`` has its hashes (kind → hex values), ``video`` and ``class``."""

    bank: str
    key: str
    active: bool
    seq: int
    at: int
    content: Mapping[str, Any]


class Ledger:
    """The changes of all shared banks, in a file of their own."""

    def __init__(
        self,
        path: Path,
        now: Callable[[], float] = time.time,
        disabled: Callable[[str], Disabled] = lambda _: NONE,
    ) -> None:
        self.numbers = Numbering(path, now)
        self._database, self._lock, self._change = self.numbers.database, self.numbers.lock, self.numbers.change
        self._disabled = disabled
        self._lists: dict[Path, HashList] = {}
        self._looked: dict[str, float] = {}
        self._compared: dict[str, tuple[View, Disabled, int]] = {}
        self._comparing: dict[str, threading.Lock] = {}

    def close(self) -> None:
        """Let go of the file."""
        self.numbers.close()

    def sync(self, bank: str, folder: Path, *, at_once: bool = False) -> None:
        """Take up what has changed in a bank's list, at most once a second, and at once what was disabled.

        Raises ListError.

        Whoever comes while a bank is being compared is not kept waiting, but for ``at_once``: what is not numbered
        yet is told with the next question.
        """
        with self._lock:
            lately = time.monotonic() - self._looked.get(bank, -SYNC_S) < SYNC_S
            same = self._compared.get(bank)
            if not at_once and lately and same is not None and same[1] == self._disabled(bank):
                return
            comparing = self._comparing.setdefault(bank, threading.Lock())
        if not comparing.acquire(blocking=at_once):
            return
        try:
            with self._lock:
                held = self._lists.get(folder)
                if held is None:
                    held = self._lists[folder] = HashList.open(folder)
            held.refresh()
            if held.problem:
                raise ListError(held.problem)
            view, disabled = held.view, self._disabled(bank)
            if view.terms.negative or not view.terms.may_export or view.state.recipients:
                raise ListError(f"The list {view.terms.name} may not be passed on: {_why_not(view)}.")
            same = self._compared.get(bank)
            if same is None or same[0] is not view or same[1:] != (disabled, self.numbers.version()):
                Comparison(self.numbers, bank, disabled).compare(view)
                self._compared[bank] = (view, disabled, self.numbers.version())
            self._looked[bank] = time.monotonic()
        finally:
            comparing.release()

    def forget(self, bank: str) -> None:
        """Drop a bank that is no longer shared with anybody."""
        with self._change():
            for table in ("entries", "signals", "parts", "said", "votes"):
                self._database.execute(f"DELETE FROM {table} WHERE bank = ?", (bank,))  # noqa: S608 - names are ours
            self._database.execute("DELETE FROM counters WHERE name = ?", (f"live {bank}",))
            self._compared.pop(bank, None)

    def number(self, bank: str) -> int:
        """Return the number that stands for a bank where members have numbers; it stays the same."""
        with self._lock:
            found = self._database.execute("SELECT number FROM banks WHERE name = ?", (bank,)).fetchone()
            if found is None:
                highest = self._database.execute("SELECT coalesce(max(number), 0) FROM banks").fetchone()[0]
                self._database.execute("INSERT INTO banks VALUES (?, ?)", (bank, highest + 1))
                return int(highest) + 1
            return int(found[0])

    @property
    def identity(self) -> str:
        """What tells this ledger from one that was made anew."""
        return self.numbers.identity

    def latest(self) -> tuple[int, int]:
        """Return the number and the second of the newest change."""
        return self.numbers.latest()

    def end(self) -> tuple[int, int]:
        """Return the end of a range that begins to be told now: later changes are dated after its second."""
        return self.numbers.end()

    def moment(self) -> int:
        """Return the second at which something happens now that no checkpoint given so far covers."""
        return self.numbers.moment()

    def signals(self, scopes: Sequence[Scope], after: int, until: int, limit: int) -> list[Signal]:
        """Return hashes numbered past ``after`` up to ``until``: active ones, and (after a second) those that went.

        Who reads everything is told of active ones only; a hash that came and went between two questions is not told
        at all: some clients take a withdrawn hash for a new one.
        """
        chosen, given = _chosen(scopes)
        with self._lock:
            rows = self._database.execute(
                "SELECT bank, kind, value, refs > 0, seq, at FROM signals INDEXED BY signals_in_order"  # noqa: S608
                f" WHERE seq > ? AND seq <= ? AND ({chosen}) ORDER BY seq LIMIT ?",
                (after, until, *given, limit),
            ).fetchall()
            banks = [scope.bank for scope in scopes]
            return [
                Signal(bank, kind, value.hex(), bool(active) or self._elsewhere(kind, value, banks), seq, at)
                for bank, kind, value, active, seq, at in rows
            ]

    def _elsewhere(self, kind: str, value: bytes, banks: Sequence[str]) -> bool:
        """Tell whether another bank that the partner reads still stands by a hash."""
        marks = ",".join("?" * len(banks))
        found = self._database.execute(
            f"SELECT 1 FROM signals WHERE bank IN ({marks}) AND kind = ? AND value = ? AND refs > 0",  # noqa: S608
            (*banks, kind, value),
        ).fetchone()
        return found is not None

    def entries(self, scopes: Sequence[Scope], after: int, until: int, limit: int) -> list[SharedEntry]:
        """Return entries numbered past ``after`` up to ``until``: active ones, and, by name only, those that went."""
        chosen, given = _any(scopes)
        with self._lock:
            rows = self._database.execute(
                "SELECT bank, key, active, seq, at, content FROM entries INDEXED BY entries_in_order"  # noqa: S608
                f" WHERE seq > ? AND seq <= ? AND ({chosen}) ORDER BY seq LIMIT ?",
                (after, until, *given, limit),
            ).fetchall()
        return [SharedEntry(row[0], row[1].hex(), bool(row[2]), row[3], row[4], json.loads(row[5])) for row in rows]

    def count(self, scopes: Sequence[Scope], until: int) -> int:
        """Return how many entries a range holds."""
        chosen, given = _any(scopes)
        with self._lock:
            found = self._database.execute(
                f"SELECT count(*) FROM entries WHERE seq <= ? AND ({chosen})",  # noqa: S608
                (until, *given),
            ).fetchone()
        return int(found[0])

    def until(self, second: int) -> int:
        """Return the number of the last change up to a second. Later changes have later seconds, never earlier ones."""
        with self._lock:
            found = [
                self._database.execute(
                    f"SELECT seq FROM {table} WHERE seq IS NOT NULL AND at <= ? ORDER BY seq DESC LIMIT 1",  # noqa: S608
                    (second,),
                ).fetchone()
                for table in ("entries", "signals")
            ]
        return max((int(row[0]) for row in found if row), default=0)

    def changes(self, bank: str, after: int, limit: int) -> list[Signal]:
        """Return the hashes of one bank that changed past a number, those that went too."""
        with self._lock:
            rows = self._database.execute(
                "SELECT bank, kind, value, refs > 0, seq, at FROM signals INDEXED BY signals_in_order"
                " WHERE seq > ? AND bank = ? ORDER BY seq LIMIT ?",
                (after, bank, limit),
            ).fetchall()
        return [Signal(bank, kind, value.hex(), bool(active), seq, at) for bank, kind, value, active, seq, at in rows]

    def stands(self, bank: str, kind: str, value: str) -> bool:
        """Tell whether a bank stands by a hash."""
        with self._lock:
            found = self._database.execute(
                "SELECT 1 FROM signals WHERE bank = ? AND kind = ? AND value = ? AND refs > 0",
                (bank, kind, bytes.fromhex(value)),
            ).fetchone()
        return found is not None

    def say(self, banks: Sequence[str], value: bytes, partner: str, what: str, tags: Sequence[str]) -> int:
        """Keep what a partner says of a hash in these banks; return of how many it was known. Others are told."""
        with self._change():
            marks = ",".join("?" * len(banks))
            rows = self._database.execute(
                f"SELECT bank, kind FROM signals WHERE bank IN ({marks}) AND kind IN (?, ?) AND value = ?",  # noqa: S608
                (*banks, *SIGNALS, value),
            ).fetchall()
            for bank, kind in rows:
                self._database.execute(
                    "INSERT OR REPLACE INTO said VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (bank, kind, value, partner, what, json.dumps(list(tags)), self.numbers.second),
                )
                self._database.execute(
                    "UPDATE signals SET seq = ?, at = ? WHERE bank = ? AND kind = ? AND value = ? AND refs > 0",
                    (self.numbers.next(), self.numbers.second, bank, kind, value),
                )
            return len(rows)

    def said(self, bank: str, kind: str, value: str) -> list[dict[str, Any]]:
        """Return what partners said of a hash."""
        with self._lock:
            rows = self._database.execute(
                "SELECT partner, what, tags FROM said WHERE bank = ? AND kind = ? AND value = ? ORDER BY partner",
                (bank, kind, bytes.fromhex(value)),
            ).fetchall()
        return [{"source": partner, "value": what, "tags": json.loads(tags)} for partner, what, tags in rows]

    def vote(self, bank: str, key: str, kind: str, partner: tuple[int, str], good: bool, reason: str) -> bool:
        """Keep a partner's vote on an entry's hashes of one kind; False for an entry that is not shared."""
        with self._change():
            found = self._database.execute(
                "SELECT 1 FROM entries WHERE bank = ? AND key = ? AND active", (bank, bytes.fromhex(key))
            ).fetchone()
            if found is None:
                return False
            self._database.execute(
                "INSERT OR REPLACE INTO votes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (bank, bytes.fromhex(key), kind, *partner, good, reason, self.numbers.second),
            )
            self._database.execute(
                "UPDATE entries SET seq = ?, at = ? WHERE bank = ? AND key = ?",
                (self.numbers.next(), self.numbers.second, bank, bytes.fromhex(key)),
            )
            return True

    def votes(self, bank: str, key: str) -> list[tuple[str, int, str, bool, str, int]]:
        """Return (kind, partner, name, good, reason, second) of every vote on an entry."""
        with self._lock:
            rows = self._database.execute(
                "SELECT kind, partner, name, good, reason, at FROM votes WHERE bank = ? AND key = ? ORDER BY partner",
                (bank, bytes.fromhex(key)),
            ).fetchall()
        return [(kind, partner, name, bool(good), reason, at) for kind, partner, name, good, reason, at in rows]


def _chosen(scopes: Sequence[Scope]) -> tuple[str, list[Any]]:
    """Return the condition that a hash is told to whoever reads these banks since these seconds."""
    given = [value for scope in scopes for value in (scope.bank, scope.after, scope.after)]
    return " OR ".join(["(bank = ? AND at > ? AND (refs > 0 OR first_at <= ?))"] * len(scopes)) or "0", given


def _any(scopes: Sequence[Scope]) -> tuple[str, list[Any]]:
    """Return the condition that an entry, standing or gone, is told to who reads these banks since these seconds."""
    given = [value for scope in scopes for value in (scope.bank, scope.after)]
    return " OR ".join(["(bank = ? AND at > ?)"] * len(scopes)) or "0", given


def _why_not(view: View) -> str:
    if view.terms.negative:
        return "it lists known-good media, which others would take for the opposite"
    return "it is sealed" if view.state.recipients else "its terms forbid it (may_export: false)"
