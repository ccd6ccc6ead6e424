"""Asking the banks: one content's signals in, what each bank knows of them out, in the words of HMA's clients.

A bank is left out before it is searched, not after; a match on a negative bank silences others and is not told.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from tocsin.detectors.known_media import audible
from tocsin.gateway.catalogue import Catalogue, OpenBank
from tocsin.gateway.ids import entry_id
from tocsin.gateway.signals import SignalType, distance_text, is_of
from tocsin.model.media import RANK, Fingerprints, Match

MOST_MATCHES: Final = 100
"""Matches of one bank that one content is answered."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A match, the bank it is of, and its entry's number."""

    bank: OpenBank
    match: Match
    id: int


@dataclass(slots=True)
class Found:
    """What one content matched. ``compared`` are the kinds that both it and some bank have; ``low_quality`` counts
    prints with too little detail to be compared."""

    hits: list[Hit] = field(default_factory=list)
    compared: set[str] = field(default_factory=set)
    low_quality: int = 0

    @property
    def ringing(self) -> tuple[Match, ...]:
        """The matches of banks that ring, each entry once, by its strongest way."""
        best: dict[tuple[str, int], Match] = {}
        for hit in self.hits:
            held = best.get(key := (hit.bank.terms.name, hit.id))
            if hit.bank.terms.rings and (held is None or _rank(hit.match) < _rank(held)):
                best[key] = hit.match
        return tuple(best.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """How to ask. ``radius`` (bits) in place of each bank's own; ``raw``: no ratios, no silence, disabled ones too."""

    banks: tuple[str, ...] | None = None
    seed: str | None = None
    bypass: bool = False
    dihedral: bool = False
    radius: int | None = None
    raw: bool = False
    limit: int = MOST_MATCHES


def look_up(catalogue: Catalogue, batch: Sequence[Fingerprints], question: Question) -> list[Found]:
    """Ask every chosen bank about a batch. Raises Refused for an unknown bank, ListError for a damaged list.

    Each kind of hash is asked by itself, as HMA does: an entry that is found by two kinds is told under both.
    """
    banks = catalogue.chosen(question.banks, seed=question.seed, bypass=question.bypass, raw=question.raw)
    named = None if question.banks is None else set(question.banks)
    found = [Found() for _ in batch]
    now = time.time()
    asked = [(one, part) for one, item in zip(found, batch, strict=True) for part in _by_kind(item)]
    parts = [part for _, part in asked]
    for bank in banks:
        # Prints of turned pictures are there only where they were asked for, or as the picture's EXIF says it is shown.
        answers = bank.lists.examine(parts, question.radius, True, question.limit)
        name = bank.terms.name
        for (one, _), answer in zip(asked, answers, strict=True):
            one.compared.update(answer.compared)
            one.low_quality = max(one.low_quality, answer.low_quality)
            for match in answer.matches:
                number = entry_id(match)
                if question.raw or not catalogue.disabled(name, number, now):
                    one.hits.append(Hit(bank, match, number))
    if not question.raw:
        for one in found:
            if one.hits:
                _silence(one, named)
    return found


def shown(hits: Iterable[Hit], hashes: bool = False) -> dict[str, list[dict[str, Any]]]:
    """Return hits as HMA tells them, by bank: the entry's number and its distance, and where the hash came from."""
    told: dict[str, list[dict[str, Any]]] = {}
    for hit in hits:
        told.setdefault(hit.bank.terms.name, []).append(told_of(hit, hashes))
    return told


def told_of(hit: Hit, hashes: bool = False) -> dict[str, Any]:
    """Return one hit as JSON. ``hashes`` are given to those who may see them."""
    match = hit.match
    told: dict[str, Any] = {
        "bank_content_id": hit.id,
        "distance": distance_text(match),
        "distance_value": match.distance,
        "by": match.by,
        "list": match.list,
        "source": match.source,
        "entry": match.entry,
        "category": match.category,
        "scheme": match.scheme,
        "severity": match.severity,
    }
    if hit.bank.terms.labels:
        told["labels"] = list(hit.bank.terms.labels)
    if match.turn:
        told["turn"] = match.turn
    if match.stripped:
        told["stripped"] = True
    if match.region is not None:
        told["region"] = asdict(match.region)
    if match.shares is not None:
        told["shares"] = {"query": round(match.shares[0], 4), "listed": round(match.shares[1], 4)}
    if hashes:
        told["signals"] = listed_signals(hit.bank, match.entry)
    return told


def listed_signals(bank: OpenBank, entry: str) -> dict[str, list[str]]:
    """Return the hashes that a bank lists of an entry, hex, by kind."""
    view = bank.list.view
    held: dict[str, list[str]] = {}
    for place in view.named(entry)[:1]:
        mask = view.live[place.part] & False
        mask[place.row] = True
        for found in view.parts[place.part].entries(mask):
            for kind, value in found.hashes:
                held.setdefault(kind, []).append(value.hex())
            if found.frames:
                held["frames"] = [frame.pdq.hex() for frame in found.frames]
    return held


def by_type(found: Found, types: Mapping[str, SignalType], hashes: bool = False) -> dict[str, dict[str, Any]]:
    """Return what was found by signal type; each type has its key, also without a match."""
    return {name: shown((hit for hit in found.hits if is_of(hit.match, kind)), hashes) for name, kind in types.items()}


def _by_kind(item: Fingerprints) -> list[Fingerprints]:
    """Return an item's hashes apart by kind; a bare signal is one already."""
    media = item.media
    parts = [Fingerprints(media=media, md5=item.md5)] if item.md5 else []
    parts += [Fingerprints(media=media, sha1=item.sha1)] if item.sha1 else []
    parts += [Fingerprints(media=media, sha256=item.sha256)] if item.sha256 else []
    parts += [Fingerprints(media=media, photodna=item.photodna)] if item.photodna else []
    if item.prints or item.windows or item.frames:
        parts.append(Fingerprints(media=media, prints=item.prints, windows=item.windows, frames=item.frames))
    return parts


def _rank(match: Match) -> tuple[int, int]:
    return RANK[match.by], match.distance


def _silence(found: Found, named: set[str] | None) -> None:
    """Leave out what known-good content silences, what negative banks say themselves, and banks not asked for."""
    left = {id(match) for match in audible(hit.match for hit in found.hits)}
    found.hits = [
        hit
        for hit in found.hits
        if id(hit.match) in left and not hit.bank.terms.negative and (named is None or hit.bank.terms.name in named)
    ]
