"""Finding the packs' phrases in text: every phrase of every language through one automaton, at word level.

Words are folded and hashed (``words``), looked up in the packs' vocabulary, and the automaton runs over the
sequence of vocabulary codes. So a phrase always begins and ends at a word, numbers are one symbol whose value
is checked at the hit, and the automaton stays small.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import ahocorasick_rs
import numpy as np
from numpy.typing import NDArray

from tocsin.text import packs
from tocsin.text.gaps import Found, GapPhrase, Link, PartHit, resolve
from tocsin.text.normalise import EMOJI_WORDS, emoji_letter
from tocsin.text.packs import Entry
from tocsin.text.patterns import NUMBER_WORDS, Element, Number, Part, parse
from tocsin.text.splitting import Vocabulary, respell
from tocsin.text.words import Words, fold_runs, hash_word, same_word, words

_UNKNOWN, _NUMBER, _FIRST = 0, 1, 2
SPLIT_LIMIT = 600
"""Texts with more words than this are not searched for run-together and letter-spaced words."""
_NOT_AGES = frozenset({
    "am", "araw", "bucks", "buwan", "cm", "day", "days", "degrees", "dia", "dias", "dollar", "dollars", "eur",
    "euro", "euros", "feet", "ft", "gb", "grados", "h", "hora", "horas", "hour", "hours", "hr", "hrs", "inches",
    "k", "kg", "kilometers", "kilos", "km", "kms", "lbs", "linggo", "m2", "mb", "mes", "meses", "metros", "mi",
    "mile", "miles", "min", "mins", "minute", "minutes", "minuto", "minutos", "mm", "mo", "month", "months", "nd",
    "of", "oras", "people", "percent", "pesos", "php", "piso", "pm", "points", "pounds", "pts", "quid", "rd",
    "sec", "seconds", "secs", "semana", "semanas", "st", "th", "times", "usd", "veces", "week", "weeks", "wk",
    "wks", "x",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry found at ``start``:``end`` of the text; ``value`` is the number in its slot, if it has one."""

    entry: Entry
    start: int
    end: int
    value: int | None = None


class Phrases:
    """Compiled phrases. Immutable after construction; safe to share between threads."""

    def __init__(self, entries: Sequence[Entry], classes: Mapping[str, Sequence[str]] | None = None) -> None:
        self.entries = tuple(entries)
        known = packs.classes() if classes is None else classes
        self._sequences: dict[tuple[Element, ...], list[int]] = {}
        self._whole: dict[int, list[int]] = defaultdict(list)
        self._phrases: list[GapPhrase] = []
        self._part_ids: dict[frozenset[tuple[Element, ...]], int] = {}
        for number, entry in enumerate(self.entries):
            for phrase in entry.phrases:
                self._add(number, phrase, known)
        popularity = Counter(link.part for phrase in self._phrases for link in phrase.links)
        self._anchored: dict[int, list[GapPhrase]] = defaultdict(list)
        for gap_phrase in self._phrases:
            self._anchored[gap_phrase.anchor(popularity)].append(gap_phrase)
        self._compile()
        self.count = len(self._sequences)
        """Number of distinct plain sequences in the automaton."""
        del self._sequences, self._part_ids  # only compiling needs them, and they are megabytes

    def _add(self, entry: int, phrase: str, classes: Mapping[str, Sequence[str]]) -> None:
        parts = parse(phrase, classes)
        links = tuple(Link(self._part(part), part.gap, part.optional) for part in parts)
        if len(links) == 1:
            self._whole[links[0].part].append(entry)
        else:
            self._phrases.append(GapPhrase(entry, links))

    def _part(self, part: Part) -> int:
        """Return the number of a set of sequences; phrases share equal sets."""
        key = frozenset(part.sequences)
        number = self._part_ids.setdefault(key, len(self._part_ids))
        if number == len(self._part_ids) - 1:
            for sequence in part.sequences:
                owners = self._sequences.setdefault(sequence, [])
                if number not in owners:
                    owners.append(number)
        return number

    def _compile(self) -> None:
        spelled = {element for sequence in self._sequences for element in sequence if isinstance(element, str)}
        self._vocabulary = Vocabulary(spelled)
        codes: dict[int, int] = {}
        self._code_of: dict[str, int] = {}
        for word in sorted(spelled):
            code = codes.setdefault(hash_word(word), len(codes) + _FIRST)
            self._code_of[fold_runs(word)] = code
        for emoji, word in EMOJI_WORDS.items():
            if fold_runs(word) in self._code_of:
                codes[hash_word(emoji_letter(emoji))] = self._code_of[fold_runs(word)]
        for word in NUMBER_WORDS:
            codes[hash_word(word)] = _NUMBER
        self._table = _HashTable(codes)
        self._width = 2 if len(codes) + _FIRST <= 1 << 14 else 3
        patterns: list[tuple[tuple[tuple[Element, ...], tuple[int, ...]], ...]] = []
        coded: dict[bytes, int] = {}
        shared: dict[tuple[int, ...], tuple[int, ...]] = {}
        for sequence, owners in self._sequences.items():
            data = self._encode(np.array([self._element_code(e) for e in sequence], dtype=np.uint32))
            position = coded.setdefault(data, len(coded))
            if position == len(patterns):
                patterns.append(())
            owned = tuple(owners)
            patterns[position] = (*patterns[position], (sequence, shared.setdefault(owned, owned)))
        self._patterns = tuple(patterns)
        self._automaton = ahocorasick_rs.BytesAhoCorasick(list(coded)) if coded else None

    def find(self, text: str) -> list[Hit]:
        """Return all hits, in order of their start; overlapping hits of one entry are one."""
        if self._automaton is None or not text:
            return []
        read = words(text)
        codes = self._table.lookup(read.hashes)
        codes[read.numbers] = _NUMBER
        spellings: dict[int, str] = {}
        if len(read) <= SPLIT_LIMIT:
            read, codes, spellings = self._respell(read, codes)
        raw = self._automaton.find_matches_as_indexes(self._encode(codes), overlapping=True)
        return self._hits(read, spellings, raw) if raw else []

    def _respell(self, read: Words, codes: NDArray[np.uint32]) -> tuple[Words, NDArray[np.uint32], dict[int, str]]:
        changed = respell(read, codes == _UNKNOWN, self._vocabulary)
        if changed is None:
            return read, codes, {}
        read, spellings = changed
        codes = self._table.lookup(read.hashes)
        codes[read.numbers] = _NUMBER
        return read, codes, spellings

    def _hits(self, read: Words, spellings: Mapping[int, str], raw: Iterable[tuple[int, int, int]]) -> list[Hit]:
        parts: dict[int, Found] = {}
        width = self._width
        for pattern, start, end in raw:
            first, last = start // width, end // width - 1
            for sequence, owners in self._patterns[pattern]:
                matched, value = _verify(read, spellings, sequence, first)
                if matched:
                    hit = PartHit(first, last, value)
                    for owner in owners:
                        parts.setdefault(owner, Found([])).hits.append(hit)
        found: list[Hit] = []
        for part, seen in parts.items():
            for entry in self._whole.get(part, ()):
                found.extend(self._hit(entry, hit, read) for hit in seen.hits)
            for phrase in self._anchored.get(part, ()):
                found.extend(self._hit(phrase.entry, hit, read) for hit in resolve(phrase, parts, read))
        return _merged(found)

    def _hit(self, entry: int, hit: PartHit, read: Words) -> Hit:
        return Hit(self.entries[entry], *read.original(hit.first, hit.last), hit.value)

    def _element_code(self, element: Element) -> int:
        return _NUMBER if isinstance(element, Number) else self._code_of[fold_runs(element)]

    def _encode(self, codes: NDArray[np.uint32]) -> bytes:
        """Write codes as bytes whose first byte alone has the high bit, so matches cannot be misaligned."""
        out = np.empty((codes.size, self._width), dtype=np.uint8)
        for place in range(self._width):
            out[:, place] = (codes >> np.uint32(7 * (self._width - 1 - place))) & np.uint32(127)
        out[:, 0] |= 128
        return out.tobytes()


class _HashTable:
    """Vocabulary codes by word hash: a dictionary for lines; for long texts, tables looked up for whole arrays."""

    _SHORT = 400
    _MIXERS = (0xD6E8FEB86659FD93, 0xA0761D6478BD642F, 0xE7037ED1A0B428DB)

    def __init__(self, codes: Mapping[int, int]) -> None:
        self._exact = dict(codes)
        bits = max(12, (len(codes) * 8).bit_length())
        self._shift = 64 - bits
        self._keys = np.zeros((len(self._MIXERS), 1 << bits), dtype=np.uint64)
        self._codes = np.zeros((len(self._MIXERS), 1 << bits), dtype=np.uint32)
        self._rest: dict[int, int] = {}
        for key, code in codes.items():
            for which, mixer in enumerate(self._MIXERS):
                slot = ((key * mixer) & 0xFFFFFFFFFFFFFFFF) >> self._shift
                if not self._codes[which, slot]:
                    self._keys[which, slot], self._codes[which, slot] = key, code
                    break
            else:
                self._rest[key] = code

    def lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.uint32]:
        """Return the code of each hash, 0 where it is unknown."""
        if hashes.size <= self._SHORT:
            exact = self._exact
            return np.array([exact.get(key, 0) for key in hashes.tolist()], dtype=np.uint32)
        out = np.zeros(hashes.size, dtype=np.uint32)
        for which, mixer in enumerate(self._MIXERS):
            if not self._codes[which].any():
                break
            slots = ((hashes * np.uint64(mixer)) >> np.uint64(self._shift)).astype(np.intp)
            match = self._keys[which][slots] == hashes
            out |= np.where(match, self._codes[which][slots], np.uint32(0))
        for key, code in self._rest.items():
            out[hashes == np.uint64(key)] = code
        return out


def _verify(
    read: Words, spellings: Mapping[int, str], sequence: tuple[Element, ...], first: int
) -> tuple[bool, int | None]:
    """Compare a hit's words with the sequence, drawn-out letters allowed; return its number too."""
    value: int | None = None
    for place, element in enumerate(sequence):
        index = first + place
        seen = spellings.get(index) or read.spelling(index)
        if isinstance(element, Number):
            number = int(seen) if seen.isdigit() and len(seen) < 9 else NUMBER_WORDS.get(fold_number(seen), -1)
            if not element.low <= number <= element.high:
                return False, None
            if element.age and not _may_be_age(read, spellings, index, place == len(sequence) - 1):
                return False, None
            if element.low != element.high:
                value = number
        elif not _same(element, seen):
            return False, None
    return True, value


@lru_cache(maxsize=1 << 14)
def _same(wanted: str, seen: str) -> bool:
    if same_word(wanted, seen):
        return True
    return len(seen) == 1 and ord(seen) >= 0xE000


@lru_cache(maxsize=1 << 12)
def fold_number(word: str) -> str:
    """Return the number word that ``word`` spells with drawn-out letters, or the word itself."""
    if word in NUMBER_WORDS:
        return word
    return next((known for known in NUMBER_WORDS if same_word(known, word)), word)


def _may_be_age(read: Words, spellings: Mapping[int, str], index: int, last: bool) -> bool:
    """Refuse numbers that are part of a time, an amount or a quantity."""
    start, end = int(read.starts[index]), int(read.ends[index])
    before, after = read.text[max(0, start - 2) : start], read.text[end : end + 2]
    if before[-1:] in "$€£₱#" and before[-1:]:
        return False
    if before[-1:] in (":", ".", ",", "/", "-") and before[:1].isdigit():
        return False
    if after[:1] in ("%", "$", "€", "£", "₱", "°") or (after[:1] in (":", ".", ",") and after[1:].isdigit()):
        return False
    if not last or index + 1 >= len(read):
        return True
    follows = spellings.get(index + 1) or read.spelling(index + 1)
    return follows not in _NOT_AGES


def _merged(hits: list[Hit]) -> list[Hit]:
    """Join overlapping hits of one entry to one, in order of their start."""
    if len(hits) < 2:
        return hits
    hits.sort(key=lambda hit: (hit.start, -(hit.end - hit.start), hit.entry.id))
    kept: list[Hit] = []
    last: dict[str, int] = {}
    for hit in hits:
        place = last.get(hit.entry.id)
        if place is None or hit.start >= kept[place].end:
            last[hit.entry.id] = len(kept)
            kept.append(hit)
        elif hit.end > kept[place].end:
            before = kept[place]
            kept[place] = Hit(hit.entry, before.start, hit.end, hit.value if before.value is None else before.value)
    return kept


@cache
def default() -> Phrases:
    """Return the packs' phrases, compiled once for the process."""
    return Phrases(packs.entries())


def find(text: str) -> list[Hit]:
    """Return the hits of the default packs in ``text``."""
    return default().find(text)
