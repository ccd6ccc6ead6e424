"""A list as it was at one moment: what is asked of it while other processes change it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tocsin.matching.index import HashIndex
from tocsin.matching.lists.entry import DIGESTS, LENGTHS, Entry, FrameHash, ListError, Status
from tocsin.matching.lists.folder import State, Terms
from tocsin.matching.lists.part import CODED, Part, Record

_ROW_BITS = 32
_NO_ROWS = np.empty(0, np.uint32)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an entry lies: the number of its part and its row. Only valid for the view that gave it."""

    part: int
    row: int


@dataclass(frozen=True, slots=True)
class Near:
    """Parallel arrays of what lies within a radius: query, place, distance; ``cut`` tells per query of the limit."""

    query: npt.NDArray[np.int64]
    places: list[Place]
    distance: npt.NDArray[np.int32]
    cut: npt.NDArray[np.bool_]


class View:
    """A list as it was at one moment: parts, which of their rows are live, and one index over all small parts."""

    def __init__(self, terms: Terms, state: State, parts: Sequence[Part], before: "View | None" = None) -> None:
        """Put a view together; what is as it was in the view ``before`` is taken over from it."""
        self.terms, self.state, self.parts = terms, state, tuple(parts)
        self.check()
        self.replaced = [self._replaced_rows(number) for number in range(len(self.parts))]
        """The rows of each part that newer parts took the place of, sorted."""
        earlier = {part: number for number, part in enumerate(before.parts)} if before else {}
        self.live = [self._live(number, before, earlier.get(part)) for number, part in enumerate(self.parts)]
        self._hidden = [live is not part.active for live, part in zip(self.live, self.parts, strict=True)]
        self._entries: int | None = None
        self._side = {kind: index for kind in CODED if (index := self._side_index(kind)) is not None}

    def _replaced_rows(self, number: int) -> npt.NDArray[np.uint32]:
        part = self.parts[number]
        name = f"hides.{part.name}"
        hidden = [newer.columns[name] for newer in self.parts[number + 1 :] if name in newer.columns]
        hidden = [rows for rows in hidden if rows.size and rows.max() < part.record.rows]
        return np.unique(np.concatenate(hidden)) if hidden else _NO_ROWS

    def _live(self, number: int, before: "View | None", earlier: int | None) -> npt.NDArray[np.bool_]:
        """Return which rows of a part are matched: active ones that no newer part replaced.

        A part of which nothing was replaced lends its own array, and one of which nothing more was replaced the array
        of the view before, so that a change elsewhere costs it nothing.
        """
        part, replaced = self.parts[number], self.replaced[number]
        if not replaced.size:
            return part.active
        if before is not None and earlier is not None and np.array_equal(before.replaced[earlier], replaced):
            return before.live[earlier]
        live = part.active.copy()
        live[replaced] = False
        return live

    def _side_index(self, kind: str) -> HashIndex | None:
        codes, ids = [], []
        for number, part in enumerate(self.parts):
            held = None if part.indexed(kind) else part.codes(kind)
            if held is not None:
                wanted = np.flatnonzero(self.live[number][held[1]])
                codes.append(held[0][wanted])
                ids.append(held[1][wanted].astype(np.int64) + (number << _ROW_BITS))
        if not codes or not sum(map(len, codes)):
            return None
        return HashIndex.build(np.ascontiguousarray(np.concatenate(codes)), np.concatenate(ids))

    @property
    def entries(self) -> int:
        """How many entries are matched."""
        if self._entries is None:
            self._entries = sum(
                int(live.sum()) if hidden else part.record.active
                for live, part, hidden in zip(self.live, self.parts, self._hidden, strict=True)
            )
        return self._entries

    def check(self) -> None:
        """Refuse to be asked where a file was cut while it is mapped; a few microseconds. Raises ListError."""
        for part in self.parts:
            part.check()

    def kinds(self) -> frozenset[str]:
        """Return the kinds of hash that the list holds."""
        return frozenset(kind for part in self.parts for kind, count in part.record.counts.items() if count)

    def find(self, kind: str, digests: Sequence[bytes]) -> list[tuple[int, Place]]:
        """Return (query, place) for exact digests of one kind. Raises ListError."""
        self.check()
        found = []
        for number, part in enumerate(self.parts):
            hits = part.find(kind, digests)
            if any(row >= part.record.rows for _, row in hits):
                raise self._damaged(part, kind)
            found += [(query, Place(number, row)) for query, row in hits if self.live[number][row]]
        return found

    def near(self, kind: str, codes: npt.NDArray[np.uint8], radius: int, limit: int | None = None) -> Near:
        """Return the live entries within ``radius`` bits of (q, 32) codes, of kind ``pdq``, ``window`` or ``frames``.

        ``limit`` bounds the hits a query gets from each index; one that was cut says so. Raises ListError.
        """
        self.check()
        cut = np.zeros(len(codes), bool)
        found: list[tuple[int, int, int, int]] = []
        searched: list[tuple[int, Part | None, HashIndex]] = [
            (number, part, part.index[kind]) for number, part in enumerate(self.parts) if kind in part.index
        ]
        if kind in self._side:
            searched.append((0, None, self._side[kind]))
        for number, part, index in searched:
            hits = index.search(codes, radius, limit)
            if limit is not None and part is not None and self._hidden[number] and hits.truncated.any():
                hits = index.search(codes, radius, limit + self._replaced(number, kind))
            if part is not None and hits.id.size and not 0 <= hits.id.min() <= hits.id.max() < part.record.rows:
                raise self._damaged(part, kind)
            base = number << _ROW_BITS
            cut |= hits.truncated
            for query, id_, distance in zip(hits.query.tolist(), hits.id.tolist(), hits.distance.tolist(), strict=True):
                part, row = divmod(id_ + base, 1 << _ROW_BITS)
                if self.live[part][row]:
                    found.append((query, distance, part, row))
        found.sort()
        columns = np.array(found, np.int64).reshape(-1, 4)
        places = [Place(part, row) for _, _, part, row in found]
        return Near(columns[:, 0], places, columns[:, 1].astype(np.int32), cut)

    def _replaced(self, number: int, kind: str) -> int:
        """Return how many codes of a part are of rows that newer parts replaced: so many more must be asked for."""
        held, rows = self.parts[number].columns[f"{kind}.row"], self.replaced[number]
        return int((np.searchsorted(held, rows, "right") - np.searchsorted(held, rows)).sum())

    def _damaged(self, part: Part, kind: str) -> ListError:
        return ListError(f"The list {self.terms.name} is damaged: {part.name} names entries by {kind} that it has not.")

    def named(self, text: str) -> list[Place]:
        """Return the live entries with this id, name or hash (hex)."""
        found = {Place(n, row) for n, part in enumerate(self.parts) for row in part.named(text) if self.live[n][row]}
        try:
            value = bytes.fromhex(text)
        except ValueError:
            value = b""
        for kind in DIGESTS:
            if len(value) == LENGTHS[kind]:
                found.update(place for _, place in self.find(kind, [value]))
        if len(value) == LENGTHS["pdq"]:
            found.update(self.near("pdq", np.frombuffer(value, np.uint8).reshape(1, -1), 0).places)
        if len(value) == LENGTHS["photodna"]:
            found.update(place for place, apart in self.opaque(value) if not apart)
        return sorted(found)

    def opaque(self, value: bytes) -> list[tuple[Place, int]]:
        """Return (place, distance) of listed PhotoDNA hashes within the list's own threshold."""
        self.check()
        found = []
        for number, part in enumerate(self.parts):
            index = part.opaque()
            if index is not None:
                hits = index.search(value, self.terms.photodna_metric, self.terms.photodna_threshold)
                found += [(Place(number, row), apart) for row, apart in hits if self.live[number][row]]
        return sorted(found, key=lambda one: (one[1], one[0]))

    def record(self, place: Place) -> Record:
        """Return what the list says of an entry."""
        return self.parts[place.part].record_of(place.row)

    def frames(self, place: Place) -> list[FrameHash]:
        """Return the frames of a listed video."""
        return self.parts[place.part].frames(place.row)

    def windows(self, place: Place) -> list[bytes]:
        """Return the window codes of a listed picture."""
        part = self.parts[place.part]
        return [code.tobytes() for code in part.held("window", place.row)] if "window.row" in part.columns else []

    def all_entries(self, tombstones: bool = False) -> Iterator[Entry]:
        """Yield every live entry; with ``tombstones`` also those that keep an entry from coming back."""
        for number, part in enumerate(self.parts):
            yield from part.entries(self.standing(number) if tombstones else self.live[number])

    def standing(self, number: int) -> npt.NDArray[np.bool_]:
        """Return which rows of a part count: live ones and tombstones that no newer part replaced."""
        stands: npt.NDArray[np.bool_] = self.parts[number].status <= Status.DELETED
        stands[self.replaced[number]] = False
        return stands

    def stands(self, number: int, row: int) -> bool:
        """Tell of one row what :meth:`standing` tells of all, without looking at all."""
        replaced = self.replaced[number]
        at = int(np.searchsorted(replaced, np.uint32(row)))
        hidden = at < len(replaced) and int(replaced[at]) == row
        return not hidden and int(self.parts[number].status[row]) <= Status.DELETED
