"""Respelling what hides or loses its spaces: ``h o w  o l d``, ``h.o.w``, ``howoldareyou``.

Only words the packs do not know are touched, and only into words that they do know.
"""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tocsin.text.words import Words, fold_runs, hash_word

_ALONE = frozenset("aiuryxkqn")
_MIN_RUN = 3
_MIN_GLUED = 10
_MAX_GLUED = 60


class Vocabulary:
    """The packs' words, for splitting unknown words into known ones."""

    def __init__(self, spelled: Iterable[str]) -> None:
        plain = frozenset(spelled)
        self._known = plain | {fold_runs(word) for word in plain if len(word) > 3}
        self._longest = max((len(word) for word in self._known), default=0)
        self.split = lru_cache(maxsize=4096)(self._split)

    def _split(self, glued: str) -> tuple[str, ...] | None:
        """Return the fewest known words that spell ``glued``, or None."""
        best: list[tuple[int, tuple[str, ...]] | None] = [None] * (len(glued) + 1)
        best[0] = (0, ())
        for end in range(1, len(glued) + 1):
            for start in range(max(0, end - self._longest), end):
                head, piece = best[start], glued[start:end]
                if head is None or piece not in self._known or (len(piece) == 1 and piece not in _ALONE):
                    continue
                cost = head[0] + (3 if len(piece) == 1 else 1)
                current = best[end]
                if current is None or cost < current[0]:
                    best[end] = (cost, (*head[1], piece))
        whole = best[-1]
        return None if whole is None else whole[1]


def respell(read: Words, unknown: NDArray[np.bool_], vocabulary: Vocabulary) -> tuple[Words, dict[int, str]] | None:
    """Return the words with hidden ones spelled out, and the spellings to use for them; None if none hide."""
    lengths = read.ends - read.starts
    single = (lengths == 1) & ~read.numbers
    runs = _runs(read, single) if single.sum() >= _MIN_RUN else []
    glued = np.flatnonzero(unknown & (lengths >= _MIN_GLUED) & (lengths <= _MAX_GLUED))
    pieces: dict[int, tuple[int, list[tuple[int, int, str]]]] = {}
    for first, last in runs:
        found = _spread(read, first, last, vocabulary)
        if found:
            pieces[first] = (last, found)
    for index in glued.tolist():
        found = _unglue(read, index, vocabulary)
        if found:
            pieces[index] = (index, found)
    return _rebuild(read, pieces) if pieces else None


def _runs(read: Words, single: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return runs of single letters with at most two characters between neighbours."""
    runs: list[tuple[int, int]] = []
    start: int | None = None
    for index in range(len(read)):
        near = index > 0 and int(read.starts[index] - read.ends[index - 1]) <= 3
        if single[index] and start is not None and near:
            continue
        if start is not None and index - start >= _MIN_RUN:
            runs.append((start, index - 1))
        start = index if single[index] else None
    if start is not None and len(read) - start >= _MIN_RUN:
        runs.append((start, len(read) - 1))
    return runs


def _spread(read: Words, first: int, last: int, vocabulary: Vocabulary) -> list[tuple[int, int, str]]:
    letters = [read.spelling(index) for index in range(first, last + 1)]
    split = vocabulary.split("".join(letters)) or vocabulary.split(fold_runs("".join(letters)))
    if split is None or max(len(word) for word in split) < 3:
        return []
    if sum(map(len, split)) != len(letters):
        return _folded_spread(read, first, letters, split)
    found, index = [], first
    for word in split:
        end = index + len(word) - 1
        found.append((int(read.starts[index]), int(read.ends[end]), word))
        index = end + 1
    return found


def _folded_spread(read: Words, first: int, letters: list[str], split: tuple[str, ...]) -> list[tuple[int, int, str]]:
    """Place folded words over letters in which some are doubled (``m e e t``)."""
    found, index = [], 0
    for word in split:
        start = index
        for char in word:
            while index + 1 < len(letters) and letters[index + 1] == char == letters[index]:
                index += 1
            index += 1
        index = min(index, len(letters))
        found.append(
            (int(read.starts[first + start]), int(read.ends[first + index - 1]), "".join(letters[start:index]))
        )
    return found


def _unglue(read: Words, index: int, vocabulary: Vocabulary) -> list[tuple[int, int, str]]:
    word = read.spelling(index)
    start, end = int(read.starts[index]), int(read.ends[index])
    if len(word) != end - start:
        return []
    split = vocabulary.split(word)
    if split is None or len(split) < 3:
        return []
    found = []
    for piece in split:
        found.append((start, start + len(piece), piece))
        start += len(piece)
    return found


def _rebuild(read: Words, pieces: dict[int, tuple[int, list[tuple[int, int, str]]]]) -> tuple[Words, dict[int, str]]:
    starts, ends, hashes, numbers = list[int](), list[int](), list[int](), list[bool]()
    spellings: dict[int, str] = {}
    index = 0
    while index < len(read):
        last, found = pieces.get(index, (index, None))
        if found is None:
            starts.append(int(read.starts[index]))
            ends.append(int(read.ends[index]))
            hashes.append(int(read.hashes[index]))
            numbers.append(bool(read.numbers[index]))
        else:
            for start, end, word in found:
                spellings[len(starts)] = word
                starts.append(start)
                ends.append(end)
                hashes.append(hash_word(word))
                numbers.append(False)
        index = last + 1
    rebuilt = Words(
        read.text,
        np.array(starts, dtype=np.int64),
        np.array(ends, dtype=np.int64),
        np.array(hashes, dtype=np.uint64),
        np.array(numbers, dtype=bool),
    )
    return rebuilt, spellings
