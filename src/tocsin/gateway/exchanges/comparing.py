"""A list compared with the ledger: what is new, changed, gone or disabled gets a number, whatever the list's dates."""

import itertools
import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from tocsin.gateway.exchanges.disabled import Disabled
from tocsin.gateway.exchanges.numbering import Numbering
from tocsin.matching.lists import Entry, Status
from tocsin.matching.lists.view import View

BATCH: Final = 250_000
"""Entries that are compared in one transaction; between two, partners are answered. Keys and hashes come in no order,
so every transaction of a large bank writes most pages anew: more and smaller ones take longer by far."""

STEP: Final = 20_000
"""Entries that are looked through at once for what a list built anew no longer names."""

SIGNALS: Final = ("pdq", "md5")
"""Kinds that are told hash by hash."""

KINDS: Final = ("pdq", "md5", "sha1", "photodna")
"""Kinds that are told with an entry."""


class Comparison:
    """One comparison of one bank."""

    def __init__(self, numbers: Numbering, bank: str, disabled: Disabled) -> None:
        self._numbers, self._bank, self._disabled = numbers, bank, disabled

    def compare(self, view: View) -> None:
        """Number the differences, some thousand entries at a time; a comparison cut short is repeated whole."""
        with self._numbers.lock:
            known = {
                row[0] for row in self._numbers.database.execute("SELECT part FROM parts WHERE bank = ?", (self._bank,))
            }
        names = {part.name: _named(part.record.files) for part in view.parts}
        fresh = (
            entry
            for number, part in enumerate(view.parts)
            if names[part.name] not in known
            for entry in part.entries(view.standing(number))
        )
        for first in fresh:
            with self._numbers.change():
                self._take(first)
                for entry in itertools.islice(fresh, BATCH - 1):
                    self._take(entry)
        with self._numbers.change():
            self._hide_and_show()
            self._numbers.database.execute("DELETE FROM parts WHERE bank = ?", (self._bank,))
            self._numbers.database.executemany(
                "INSERT INTO parts VALUES (?, ?)", ((self._bank, name) for name in names.values())
            )
            built_anew = self._numbers.live(self._bank) != view.entries
        if built_anew:
            self._drop(view)

    def _drop(self, view: View) -> None:
        """Of a list that was built anew: what it no longer names is gone."""
        last = b""
        while True:
            with self._numbers.change():
                rows = self._numbers.database.execute(
                    "SELECT key FROM entries WHERE bank = ? AND key > ? AND (active OR hidden) ORDER BY key LIMIT ?",
                    (self._bank, last, STEP),
                ).fetchall()
                keys = [row[0] for row in rows]
                live = {
                    at
                    for part, standing in zip(view.parts, view.live, strict=True)
                    for at, row in part.keys.find(keys)
                    if standing[row]
                }
                for at, key in enumerate(keys):
                    if at not in live:
                        self._take(Entry(0, key=key, status=Status.DELETED))
            if len(keys) < STEP:
                return
            last = keys[-1]

    def _hide_and_show(self) -> None:
        """Take up what was disabled, and what was enabled again, without its list having changed."""
        wanted = "SELECT key, active, digest, first_at, content, hidden, seq, at FROM entries WHERE bank = ? AND "
        for low, high in self._disabled.ranges():
            for key, *old in self._numbers.database.execute(
                f"{wanted} key BETWEEN ? AND ? AND active", (self._bank, low, high)
            ).fetchall():
                self._put(key, old, active=False, hidden=True, digest=old[1], text=old[3])
        for key, *old in self._numbers.database.execute(f"{wanted} hidden", (self._bank,)).fetchall():
            if not self._disabled.holds(key):
                self._put(key, old, active=True, hidden=False, digest=old[1], text=old[3])

    def _take(self, entry: Entry) -> None:
        """Number one entry of the list if it differs from what the ledger knows."""
        stands = entry.status == Status.ACTIVE
        old = self._numbers.database.execute(
            "SELECT active, digest, first_at, content, hidden, seq, at FROM entries WHERE bank = ? AND key = ?",
            (self._bank, entry.key),
        ).fetchone()
        if old is None and not stands:
            return
        hidden = stands and self._disabled.holds(entry.key)
        text = json.dumps(_content(entry), separators=(",", ":"), sort_keys=True) if stands else old[3]
        digest = blake2b(text.encode(), digest_size=16).digest() if stands else old[1]
        if old is not None and (bool(old[0]), bool(old[4]), old[1]) == (stands and not hidden, hidden, digest):
            return
        self._put(entry.key, old, active=stands and not hidden, hidden=hidden, digest=digest, text=text)

    def _put(
        self, key: bytes, old: Sequence[Any] | None, *, active: bool, hidden: bool, digest: bytes, text: str
    ) -> None:
        """Write an entry, and number the change where partners are to be told of it: what is hidden they never met."""
        was, was_hidden = (bool(old[0]), bool(old[4])) if old is not None else (False, False)
        at, first = self._numbers.second, self._numbers.second if old is None or (active and not was) else old[2]
        seq = self._numbers.next() if active or was else (old[5] if old is not None else None)
        when = at if active or was or old is None else old[6]
        self._numbers.database.execute(
            "INSERT OR REPLACE INTO entries (bank, key, active, digest, seq, at, first_at, content, hidden)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (self._bank, key, active, digest, seq, when, first, text, hidden),
        )
        more = int(active or hidden) - int(was or was_hidden)
        if more:
            self._numbers.more(self._bank, more)
        before = _signals(json.loads(old[3])) if old is not None and was else set()
        now = _signals(json.loads(text)) if active else set()
        for kind, value in sorted(now - before):
            self._count(kind, bytes.fromhex(value), 1)
        for kind, value in sorted(before - now):
            self._count(kind, bytes.fromhex(value), -1)

    def _count(self, kind: str, value: bytes, by: int) -> None:
        """Count one more or one less entry that holds a hash; the first and the last change what is told of it."""
        where, at = (self._bank, kind, value), self._numbers.second
        old = self._numbers.database.execute(
            "SELECT refs FROM signals WHERE bank = ? AND kind = ? AND value = ?", where
        ).fetchone()
        refs = max(0, (old[0] if old else 0) + by)
        if old is None:
            self._numbers.database.execute(
                "INSERT INTO signals VALUES (?, ?, ?, ?, ?, ?, ?)", (*where, refs, self._numbers.next(), at, at)
            )
        elif bool(old[0]) == bool(refs):
            self._numbers.database.execute(
                "UPDATE signals SET refs = ? WHERE bank = ? AND kind = ? AND value = ?", (refs, *where)
            )
        else:
            first = ", first_at = ?" if refs else ""
            given = (refs, self._numbers.next(), at, *((at,) if refs else ()), *where)
            self._numbers.database.execute(
                f"UPDATE signals SET refs = ?, seq = ?, at = ?{first} WHERE bank = ? AND kind = ? AND value = ?",  # noqa: S608
                given,
            )


def _content(entry: Entry) -> dict[str, Any]:
    """Return what of an entry is told: never its source's id, nor what the source said besides."""
    hashes: dict[str, list[str]] = {}
    for kind, value in entry.hashes:
        if kind in KINDS:
            hashes.setdefault(kind, []).append(value.hex())
    media = str((entry.extra or {}).get("media") or "")
    video = media == "video" or bool(entry.frames) or (not media and set(hashes) == {"md5"})
    held: dict[str, Any] = {"hashes": {kind: sorted(set(values)) for kind, values in sorted(hashes.items())}}
    if video:
        held["video"] = True
    if entry.classification:
        held["class"] = entry.classification
    return held


def _signals(content: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the hashes that are told one by one: an MD5 only of videos, since the wire knows no other."""
    kinds = SIGNALS if content.get("video") else ("pdq",)
    return {(kind, value) for kind in kinds for value in content["hashes"].get(kind, ())}


def _named(files: Mapping[str, Mapping[str, Any]]) -> str:
    return "+".join(sorted(str(file["sha256"]) for name, file in files.items() if ".cols" in name))
