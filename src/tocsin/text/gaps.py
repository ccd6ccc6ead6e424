"""Phrases in parts: parts that must follow each other, touching or within a few words, on one line of the text."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tocsin.text.words import Words


@dataclass(frozen=True, slots=True)
class Link:
    """One part of a phrase: which set of sequences, how many words may stand before it, may it be missing."""

    part: int
    gap: int
    optional: bool


@dataclass(frozen=True, slots=True, eq=False)
class GapPhrase:
    """A phrase of an entry, in parts."""

    entry: int
    links: tuple[Link, ...]

    def anchor(self, popularity: Mapping[int, int]) -> int:
        """Return the mandatory part that is used by the fewest phrases: a text without it needs no search."""
        return min((link.part for link in self.links if not link.optional), key=lambda part: popularity[part])


@dataclass(frozen=True, slots=True, order=True)
class PartHit:
    """Where one part was found, as word numbers, both included; ``value`` its number, if any."""

    first: int
    last: int
    value: int | None = None


@dataclass(slots=True)
class Found:
    """All hits of one part, sorted by their first word once."""

    hits: list[PartHit]
    starts: list[int] | None = None

    def between(self, low: int, high: int) -> Sequence[PartHit]:
        """Return the hits that begin at word ``low`` to ``high``, both included."""
        if self.starts is None:
            self.hits.sort(key=lambda hit: (hit.first, hit.last))
            self.starts = [hit.first for hit in self.hits]
        return self.hits[bisect_left(self.starts, low) : bisect_left(self.starts, high + 1)]


def resolve(phrase: GapPhrase, seen: Mapping[int, Found], read: Words) -> Iterator[PartHit]:
    """Yield the places where all parts stand in order within their gaps; the longest from each beginning."""
    if any(not link.optional and link.part not in seen for link in phrase.links):
        return
    reach = -1
    for begin in _beginnings(phrase, seen):
        if begin <= reach:
            continue
        hit = _follow(phrase, seen, begin)
        if hit is not None and "\n" not in read.text[slice(*read.original(hit.first, hit.last))]:
            reach = hit.last
            yield hit


def _beginnings(phrase: GapPhrase, seen: Mapping[int, Found]) -> list[int]:
    begins: set[int] = set()
    for link in phrase.links:
        if link.part in seen:
            begins.update(hit.first for hit in seen[link.part].hits)
        if not link.optional:
            break
    return sorted(begins)


def _follow(phrase: GapPhrase, seen: Mapping[int, Found], begin: int) -> PartHit | None:
    """Return the longest way through all parts that begins at word ``begin``."""
    fronts: dict[tuple[int, int], int | None] = {(begin, 0): None}
    for link in phrase.links:
        following: dict[tuple[int, int], int | None] = {}
        for (position, slack), value in fronts.items():
            started = position > begin
            reach = slack + link.gap if started else 0
            if link.optional:
                following.setdefault((position, reach), value)
            if link.part not in seen:
                continue
            for hit in seen[link.part].between(position, position + reach):
                following[(hit.last + 1, 0)] = value if value is not None else hit.value
        if not following:
            return None
        fronts = following
    (after, _), value = max(fronts.items(), key=lambda item: item[0][0])
    return PartHit(begin, after - 1, value) if after > begin else None
