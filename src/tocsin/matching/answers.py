"""What one item matched on all lists together: gathered list by list, ranked at the end."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tocsin.matching.lists.view import Place, View
from tocsin.model import Fingerprints, Match
from tocsin.model.media import RANK

LIMIT = 100
"""Matches that are returned for one item."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one item matched, and how far it could be compared at all.

    ``cut`` tells that there was more to compare with, or that there were more matches, than the limit: without a match
    it is not known to be on no list. ``compared`` names the kinds (``md5``, ``pdq``, …) that
    both the item and some list have; when it is empty, ``reason`` says why nothing could be compared.
    ``low_quality`` counts prints that lists hold the like of, but that have too little detail to be compared.
    """

    matches: tuple[Match, ...]
    cut: bool = False
    compared: tuple[str, ...] = ()
    low_quality: int = 0
    reason: str = ""

    @property
    def comparable(self) -> bool:
        """Whether anything of the item was compared with anything on a list."""
        return bool(self.compared)


@dataclass(frozen=True, slots=True)
class Missed:
    """A list that could not be searched, and why: what is not found on the others may be on it. ``damaged`` tells that
    the list itself said so."""

    folder: Path
    name: str
    sentence: str
    damaged: bool


class Found:
    """What is gathered for one item: the best match of each entry, what was compared, what could not be."""

    def __init__(self) -> None:
        self.best: dict[tuple[int, Place], Match] = {}
        self.compared: set[str] = set()
        self.low_quality = 0
        self.cut = False

    def keep(self, view: View, place: Place, make: Callable[[], Match | None], rank: tuple[int, int]) -> None:
        """Keep a match of an entry unless a stronger one is held already."""
        held = self.best.get((id(view), place))
        if held is None or rank < (RANK[held.by], held.distance):
            match = make()
            if match is not None:
                self.best[(id(view), place)] = match

    def take(self, other: "Found") -> None:
        """Take over what one list gave."""
        self.best |= other.best
        self.compared |= other.compared
        self.low_quality += other.low_quality
        self.cut |= other.cut


def answer(item: Fingerprints, found: Found, limit: int) -> Answer:
    """Return what is answered of all that was found: the best ``limit`` matches, and whether it was compared at all."""
    ranked = sorted(found.best.values(), key=lambda one: (RANK[one.by], one.distance, one.list, one.entry))
    reason = ""
    if not found.compared:
        what = "a picture with too little detail to be compared" if found.low_quality else "nothing that a list holds"
        reason = f"The lists hold no hashes of a kind that this {item.media} has: {what}."
    return Answer(
        tuple(ranked[:limit]),
        found.cut or len(ranked) > limit,
        tuple(sorted(found.compared, key=RANK.__getitem__)),
        found.low_quality,
        reason,
    )
