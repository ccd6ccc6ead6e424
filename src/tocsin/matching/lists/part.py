"""One part of a list, opened: its entries by row, its digests, and its codes; read-only, whoever reads it."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.matching.digest_index import DigestIndex
from tocsin.matching.index import HashIndex
from tocsin.matching.lists.building import INDEXED_FROM, quality_of
from tocsin.matching.lists.collecting import read_text
from tocsin.matching.lists.columns import ColumnsError, columns_of
from tocsin.matching.lists.entry import DIGESTS, LENGTHS, Entry, FrameHash, ListError, Status
from tocsin.matching.lists.folder import PartRecord
from tocsin.matching.lists.sealed import ENDING, open_file, sample_of
from tocsin.matching.opaque import OpaqueIndex

Array = npt.NDArray[Any]
CODED = ("pdq", "window", "frames")
"""Kinds that are searched by Hamming distance."""

_CHUNK = 65_536
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Record:
    """What a list says of one entry: its name, what the source said, and when."""

    entry: str
    source: str
    scheme: str
    category: str
    classification: str
    updated: int


class Part:
    """A part's columns and indexes. Rows of it that newer parts replaced are known to the list, not to the part."""

    def __init__(self, folder: Path, record: PartRecord, identities: Sequence[str] = ()) -> None:
        self.name, self.record = record.name, record
        ending = ENDING if f"{record.name}.cols{ENDING}" in record.files else ""
        path = folder / f"{record.name}.cols{ending}"
        self._data = open_file(path, identities)
        _whole(path, len(self._data), record)
        _own(path, record)
        held = [path, *(folder / name for name in record.files if name != path.name)] if not ending else []
        self._mapped = [(one, about.st_ino, about.st_size) for one in held if (about := _about(one)) is not None]
        try:
            self.columns: Mapping[str, Array] = columns_of(self._data)
            self.status = self.columns["status"]
            self.active: npt.NDArray[np.bool_] = self.status == Status.ACTIVE
            self.active.flags.writeable = False  # views share it
            self.labels = [tuple(map(str, label)) for label in json.loads(bytes(self.columns["labels"].data))]
            self.keys = DigestIndex.of_columns(_of("key", self.columns), 16)
            self._digests = {
                kind: DigestIndex.of_columns(_of(kind, self.columns), LENGTHS[kind])
                for kind in DIGESTS
                if f"{kind}.row" in self.columns
            }
            self._check()
        except ColumnsError as error:
            raise ListError(f"{path} {error}.") from error
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            raise ListError(f"{path} is damaged: its columns do not fit each other.") from error
        self.index = {kind: self._open_index(folder, kind) for kind in CODED if self.indexed(kind)}
        """The index of each kind that has enough codes for one of its own; of a sealed part it is built in memory."""
        self._opaque: OpaqueIndex | None = None

    def _check(self) -> None:
        rows = self.record.rows
        each = ("label", "status", "quality", "updated", "text.end", "key.at")
        if any(len(self.columns[name]) != rows for name in each):
            raise ValueError("rows")
        for name in ("pdq", "window", "photodna"):
            if f"{name}.row" in self.columns:
                wanted = (len(self.columns[f"{name}.row"]), LENGTHS[name])
                if self.columns[f"{name}.hash"].shape != wanted:
                    raise ValueError(name)

    def check(self) -> None:
        """Refuse to be read where a file of it was cut in place: what is mapped and no longer there ends a program.

        Costs a look at the folder. A file that is gone, or another one, is no harm to what is mapped of it. Raises
        ListError.
        """
        for path, number, size in self._mapped:
            about = _about(path)
            if about is not None and about.st_ino == number and about.st_size < size:
                raise ListError(f"{path} was cut while it was in use: it has {about.st_size:,} of {size:,} bytes.")

    def indexed(self, kind: str) -> bool:
        """Tell whether this part has an index of its own for a kind; else its codes are few."""
        return self.record.counts.get(kind, 0) >= INDEXED_FROM

    def _open_index(self, folder: Path, kind: str) -> HashIndex:
        path = folder / f"{self.name}.{kind}"
        if path.name not in self.record.files:
            held = self.codes(kind)
            if held is None:
                raise ListError(f"{path} is damaged: it holds none of the {kind} hashes it should.")
            return HashIndex.build(np.ascontiguousarray(held[0]), held[1].astype(np.int64))
        try:
            if path.stat().st_size != self.record.files[path.name]["size"]:
                raise ListError(f"{path} has not the size it was written with; it was cut or changed.")
            index = HashIndex.open(path, follow=False)  # a part never changes; it may go while a view has it
            _own(path, self.record)
            return index
        except OSError as error:
            raise ListError(f"{path} cannot be read: {error.strerror or error}.") from error
        except ValueError as error:
            if isinstance(error, ListError):
                raise
            raise ListError(f"{path} cannot be used: {error}") from error

    def codes(self, kind: str) -> tuple[Array, Array] | None:
        """Return (n, 32) codes and the row of each, or None when this part has none of the kind."""
        if f"{kind}.row" not in self.columns:
            return None
        if kind == "frames":
            return self.columns["frames.pdq"], self.columns["frames.row"]
        return self.columns[f"{kind}.hash"][:, :32], self.columns[f"{kind}.row"]

    def find(self, kind: str, digests: Sequence[bytes]) -> list[tuple[int, int]]:
        """Return (query, row) for exact digests."""
        index = self._digests.get(kind)
        return index.find(digests) if index else []

    def opaque(self) -> OpaqueIndex | None:
        """Return the PhotoDNA hashes, made searchable when they are first asked for."""
        if self._opaque is None and "photodna.row" in self.columns:
            self._opaque = OpaqueIndex.build(self.columns["photodna.hash"], self.columns["photodna.row"])
        return self._opaque

    def held(self, kind: str, row: int) -> Array:
        """Return the hashes of a kind (or ``frames``: as places in the frame columns) that one row has."""
        rows = self.columns[f"{kind}.row"]
        low, high = np.searchsorted(rows, np.array([row, row + 1], rows.dtype))
        return np.arange(low, high) if kind == "frames" else self.columns[f"{kind}.hash"][low:high]

    def frames(self, row: int) -> list[FrameHash]:
        """Return the frames of the video that a row lists."""
        if "frames.row" not in self.columns:
            return []
        at, quality, pdq = (self.columns[f"frames.{name}"] for name in ("at", "quality", "pdq"))
        return [FrameHash(float(at[n]), pdq[n].tobytes(), int(quality[n])) for n in self.held("frames", row)]

    def text(self, row: int) -> tuple[str, dict[str, Any] | None]:
        """Return a row's id and extra."""
        end = self.columns["text.end"]
        low, high = int(end[row - 1]) if row else 0, int(end[row])
        return read_text(self.columns["text"][low:high].tobytes()) if high > low else ("", None)

    def record_of(self, row: int) -> Record:
        """Return what the list says of a row. An entry that its source did not name is called after its key."""
        source, scheme, category, classification = self.labels[int(self.columns["label"][row])]
        name = self.text(row)[0] or self.key_name(row)
        return Record(name, source, scheme, category, classification, int(self.columns["updated"][row]))

    def key_name(self, row: int) -> str:
        """Return the name of an entry that has none: 16 hex digits that stay the same when the list is built anew."""
        return self.key(row)[:8].hex()

    def key(self, row: int) -> bytes:
        """Return the 16 bytes that stand for the identity of a row that stands."""
        return self._key(int(self.columns["key.at"][row]))

    def _key(self, at: int) -> bytes:
        rest: bytes = self.keys.rest[at].tobytes()
        return int(self.keys.prefix[at]).to_bytes(8, "big") + rest

    def named(self, name: str) -> list[int]:
        """Return the rows whose id, or name made from the key, is ``name``."""
        found: set[int] = set()
        if len(name) == 16 and set(name) <= _HEX:
            wanted_key = np.uint64(int(name, 16))
            low, high = (int(np.searchsorted(self.keys.prefix, wanted_key, side)) for side in ("left", "right"))
            found.update(row for row in self.keys.row[low:high].tolist() if not self.text(row)[0])
        wanted, end = name.encode("utf-8", "replace"), self.columns["text.end"]
        escaped = json.dumps(name, ensure_ascii=False)[1:-1].encode("utf-8", "replace")
        either = re.compile(re.escape(wanted) + b"|" + re.escape(escaped))
        hits = [hit.start() for hit in either.finditer(self.columns["text"].data)] if name else []
        rows = np.unique(np.searchsorted(end, np.array(hits, end.dtype), "right"))  # of one type: else all is converted
        found.update(row for row in rows.tolist() if self.text(row)[0] == name)
        return sorted(found)

    def entries(self, live: npt.NDArray[np.bool_] | None = None) -> Iterator[Entry]:
        """Yield the entries that stand (all but replaced rows, or those that ``live`` marks), with their keys."""
        wanted = self.status <= Status.DELETED if live is None else live
        order = {kind: np.argsort(index.row, kind="stable") for kind, index in self._digests.items()}
        for start in range(0, self.record.rows, _CHUNK):
            stop = min(start + _CHUNK, self.record.rows)
            chosen = np.flatnonzero(wanted[start:stop]) + start
            if chosen.size:
                yield from self._entries(chosen.tolist(), start, stop, order)

    def _entries(self, chosen: list[int], start: int, stop: int, order: Mapping[str, Array]) -> Iterator[Entry]:
        hashes: dict[int, list[tuple[str, bytes]]] = {}
        for kind, index in self._digests.items():
            for row, digest in _between(index, order[kind], start, stop):
                hashes.setdefault(row, []).append((kind, digest))
        for kind in ("pdq", "photodna", "window"):
            if f"{kind}.row" in self.columns:
                rows = self.columns[f"{kind}.row"]
                low, high = np.searchsorted(rows, np.array([start, stop], rows.dtype))
                for row, code in zip(rows[low:high].tolist(), self.columns[f"{kind}.hash"][low:high], strict=True):
                    hashes.setdefault(row, []).append((kind, code.tobytes()))
        key_at = self.columns["key.at"]
        for row in chosen:
            source, scheme, category, classification = self.labels[int(self.columns["label"][row])]
            its_id, extra = self.text(row)
            yield Entry(
                row,
                hashes.get(row, []),
                id=its_id,
                key=self._key(int(key_at[row])),
                status=int(self.status[row]),
                updated=int(self.columns["updated"][row]),
                category=category,
                classification=classification,
                scheme=scheme,
                source=source,
                quality=quality_of(int(self.columns["quality"][row])),
                frames=self.frames(row),
                extra=extra,
            )


def _between(index: DigestIndex, order: Array, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """Yield (row, digest) of rows from ``start`` to ``stop``; ``order`` sorts the index by row."""
    low, high = np.searchsorted(index.row, np.array([start, stop], index.row.dtype), sorter=order)
    chosen = order[low:high]
    first = index.prefix[chosen].astype(">u8").view(np.uint8).reshape(-1, 8)
    for row, digest in zip(index.row[chosen].tolist(), np.concatenate([first, index.rest[chosen]], 1), strict=True):
        yield row, digest.tobytes()


def _about(path: Path) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 (a third of the time)
    except OSError:
        return None


def _of(kind: str, columns: Mapping[str, Array]) -> dict[str, Array]:
    return {name: columns[f"{kind}.{name}"] for name in ("prefix", "rest", "row")}


def _whole(path: Path, size: int, record: PartRecord) -> None:
    wanted = record.files.get(path.name, {}).get("size")
    if path.suffix != ENDING and size != wanted:
        raise ListError(f"{path} has not the size it was written with; it was cut or changed.")


def _own(path: Path, record: PartRecord) -> None:
    """Refuse another list's file, or a backup's, in the place of this one's. Lists built before bear no sample."""
    wanted = record.files.get(path.name, {}).get("sample")
    if wanted is not None and sample_of(path) != wanted:
        raise ListError(f"{path} is not the file that was written: swapped, cut, changed or damaged. Build anew.")
